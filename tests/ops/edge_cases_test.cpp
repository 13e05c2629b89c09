#include "../catch.hpp"

#include <agon/agon.hpp>

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

using namespace agon;

namespace {

template <class E, class F>
void require_error(const F& f, const std::string& part) {
  try {
    f();
    FAIL("no error; expected one with '" << part << "'");
  } catch (const E& error) {
    INFO(error.what());
    CHECK(std::string(error.what()).find(part) != std::string::npos);
  }
}

}  // namespace

TEST_CASE("operations on empty tensors give empty results or zeros") {
  const auto none = zeros<float>({0, 4}).requires_grad_();
  CHECK(exp(none).shape() == Shape{0, 4});
  CHECK((none + none * 2.0).shape() == Shape{0, 4});
  CHECK(sum(none).item() == 0);
  CHECK(sum(none, {0}).to_vector() == std::vector<float>(4, 0.0f));
  CHECK(matmul(none, zeros<float>({4, 3})).shape() == Shape{0, 3});
  CHECK(matmul(zeros<float>({2, 0}), zeros<float>({0, 3})).to_vector() == std::vector<float>(6, 0.0f));
  CHECK(linear(none, zeros<float>({3, 4})).shape() == Shape{0, 3});
  CHECK(softmax(none).shape() == Shape{0, 4});
  CHECK(concat<float>({none, zeros<float>({2, 4})}).shape() == Shape{2, 4});
  CHECK(conv2d(zeros<float>({0, 5, 5, 2}), zeros<float>({3, 3, 3, 2})).shape() == Shape{0, 3, 3, 3});
  CHECK(
      scaled_dot_product_attention(zeros<float>({0, 2, 4}), zeros<float>({0, 3, 4}), zeros<float>({0, 3, 4})).shape() ==
      Shape{0, 2, 4});
  CHECK(grad(sum(exp(none)), none).shape() == Shape{0, 4});
}

TEST_CASE("axes of size 0 between full ones give zeros, forward and backward") {
  const auto a = zeros<float>({2, 3, 0}).requires_grad_(), b = zeros<float>({0, 5}).requires_grad_();
  const auto y = matmul(a, b);
  CHECK(y.shape() == Shape{2, 3, 5});
  CHECK(y.to_vector() == std::vector<float>(30, 0.0f));
  const auto g = grad<float>({sum(y)}, {a, b});
  CHECK(g[0].shape() == a.shape());
  CHECK(g[1].shape() == b.shape());

  const auto bias = from_data<float>({1, -2}, {2}).requires_grad_(), w = zeros<float>({2, 0}).requires_grad_();
  const auto z = linear(zeros<float>({3, 0}).requires_grad_(), w, bias, relu());
  CHECK(z.to_vector() == std::vector<float>{1, 0, 1, 0, 1, 0});
  backward(sum(z));
  CHECK(bias.grad().to_vector() == std::vector<float>{3, 0});
  CHECK(w.grad().shape() == w.shape());

  const auto x = ones<float>({3, 4}).requires_grad_();
  const auto nothing = linear(x, zeros<float>({0, 4}).requires_grad_(), zeros<float>({0}));
  CHECK(nothing.shape() == Shape{3, 0});
  CHECK(grad(sum(nothing), x).to_vector() == std::vector<float>(12, 0.0f));
}

TEST_CASE("the affine gradients of a layer norm without rows are zero") {
  for (const Shape& shape : {Shape{0, 4}, Shape{3, 0, 4}}) {
    const Shape affine = shape.rank() == 2 ? Shape{4} : Shape{3, 4};
    const auto gamma = ones<float>(affine).requires_grad_(), beta = zeros<float>(affine).requires_grad_();
    { const auto left_in_the_pool = full<float>(affine, 7), more = full<float>(affine, 7); }
    backward(sum(layer_norm(zeros<float>(shape), gamma, beta)));
    CHECK(gamma.grad().to_vector() == std::vector<float>(gamma.data().size(), 0.0f));
    CHECK(beta.grad().to_vector() == std::vector<float>(beta.data().size(), 0.0f));
  }
}

TEST_CASE("which results share memory with their argument") {
  const auto shares = [](const Tensor<float>& a, const Tensor<float>& b) {
    return a.handle()->storage == b.handle()->storage;
  };
  const auto x = ones<float>({2, 3});
  CHECK(slice(x, 0, 0, 2).handle() == x.handle());
  CHECK(pad(x, 0, 0, 0).handle() == x.handle());
  CHECK(dropout(x, 0, StreamKey{}, 0).handle() == x.handle());
  CHECK(broadcast_to(x, {2, 3}).handle() == x.handle());
  CHECK(activate(x, {}).handle() == x.handle());
  CHECK(shares(slice(x, 0, 1, 2), x));
  CHECK_FALSE(shares(slice(x, 1, 1, 2), x));
  const auto one = scalar<float>(2);
  CHECK_FALSE(shares(sum(one), one));
  CHECK_FALSE(shares(mean(one), one));
  CHECK_FALSE(shares(max(one), one));
}

TEST_CASE("cross entropy with a class that has no probability") {
  const float inf = std::numeric_limits<float>::infinity();
  const auto logits = from_data<float>({1, -inf, 1, 0, 0, -inf}, {2, 3}).requires_grad_();
  const auto loss = cross_entropy(logits, from_data<std::int32_t>({2, 0}, {2}));
  CHECK(loss.item() == Approx(std::log(2.0)));
  const auto g = grad(loss, logits).to_vector();
  const std::vector<float> expected{0.25f, 0, -0.25f, -0.25f, 0.25f, 0};
  for (std::size_t i = 0; i < 6; ++i) CHECK(g[i] == Approx(expected[i]).margin(1e-6));
}

TEST_CASE("a number divided by a tensor") {
  const auto x = from_data<float>({1, 2, -4}, {3}).requires_grad_();
  const auto y = 2.0 / x;
  CHECK(y.to_vector() == std::vector<float>{2, 1, -0.5f});
  CHECK(grad(sum(y), x).to_vector() == std::vector<float>{-2, -0.5f, -0.125f});
}

TEST_CASE("argmax, one_hot and ties") {
  const auto x = from_data<float>({1, 3, 3, 5, 2, 5}, {2, 3});
  CHECK(argmax(x, 1).to_vector() == std::vector<std::int64_t>{1, 0});
  CHECK(argmax(x, 0).to_vector() == std::vector<std::int64_t>{1, 0, 1});
  CHECK(one_hot<float>(from_data<std::int32_t>({2, 0}, {2}), 3).to_vector() == std::vector<float>{0, 0, 1, 1, 0, 0});
  const auto tie = full<float>({4}, 2).requires_grad_();
  CHECK(grad(max(tie), tie).to_vector() == std::vector<float>{1, 0, 0, 0});  // the first
  const auto a = scalar<float>(2).requires_grad_(), b = scalar<float>(2).requires_grad_();
  const auto g = grad<float>({maximum(a, b)}, {a, b});
  CHECK(g[0].item() == 1);  // a at ties
  CHECK(g[1].item() == 0);
  const auto zero = zeros<float>({1}).requires_grad_();
  CHECK(grad(relu(zero), zero).item() == 0);
  CHECK(grad(leaky_relu(zero, 0.2), zero).item() == 0.2f);
}

TEST_CASE("extreme arguments keep their accuracy") {
  const auto x = from_data<float>({-200, -50, 0, 50, 200}, {5}).requires_grad_();
  const auto y = softplus(x).to_vector();
  CHECK(y[0] == 0);
  CHECK(y[1] > 0);
  CHECK(y[1] < 1e-21f);
  CHECK(y[3] == 50);
  CHECK(y[4] == 200);
  CHECK(grad(sum(softplus(x)), x).to_vector()[4] == 1);
  CHECK(tanh(x).to_vector()[4] == 1);
  CHECK(sigmoid(x).to_vector()[0] >= 0);
  const auto p = softmax(from_data<float>({1000, 1000, -1000}, {1, 3})).to_vector();
  CHECK(p[0] == 0.5f);
  CHECK(p[2] == 0);
}

TEST_CASE("wrong shapes are named with both values and what was expected") {
  const auto z = [](const Shape& shape) { return zeros<float>(shape); };
  require_error<ShapeError>(
      [&] {
        matmul(z({64, 110}), z({100, 6272}));
      },
      "matmul: inner dimensions differ: [64, 110] x [100, 6272]");
  require_error<ShapeError>([&] { matmul(z({3}), z({3, 2})); }, "expected at least two axes");
  require_error<ShapeError>([&] { z({3, 4}) + z({3}); }, "add: shapes do not broadcast: [3, 4] and [3]");
  require_error<ShapeError>(
      [&] {
        reshape(z({3, 4}), {5, -1});
      },
      "reshape: [3, 4] has 12 elements; they do not fit [5, -1]");
  require_error<ShapeError>([&] { permute(z({3, 4}), {0, 0}); }, "expected each axis exactly once");
  require_error<ShapeError>([&] { permute(z({2, 3, 4}), {2}); }, "expected each axis exactly once");
  require_error<ShapeError>([&] { permute(z({2}), {0, 0, 0}); }, "expected each axis exactly once");
  require_error<ShapeError>([&] { slice(z({3, 4}), 1, 2, 6); }, "slice: [2, 6) of axis 1 of shape [3, 4]");
  require_error<ShapeError>([&] { sum(z({3, 4}), {2}); }, "sum: axis 2 of shape [3, 4]; expected -2 to 1");
  require_error<ShapeError>([&] { sum(z({3, 4}), {1, -1}); }, "named twice");
  require_error<ShapeError>([&] { concat<float>({z({2, 3}), z({2, 4})}, 0); }, "concat: [2, 4] after [2, 3]");
  require_error<ShapeError>([&] { split(z({5, 2}), {2, 2}); }, "add up to 4");
  require_error<ShapeError>([&] { pad(z({2}), 0, -1, 0); }, "expected 0 or more");
  const auto most = std::numeric_limits<std::int64_t>::max();
  require_error<ShapeError>([&] { pad(z({2}), 0, most - 1, 1); }, "pad: sizes");
  require_error<ShapeError>([&] { pad(z({2}), 0, 1, most - 2); }, "pad: sizes");
  require_error<ShapeError>([&] { split(z({2}), {most, most, 4}); }, "split: sizes");
  require_error<ShapeError>([&] { split(z({2}), {3, -1}); }, "split: sizes");
  require_error<ShapeError>([&] { upsample_nearest2d(z({1, 2, 2, 1}), most / 2 + 1); }, "upsample_nearest2d: sizes");
  require_error<ShapeError>([&] { reshape(z({2}), {most, most, -1}); }, "overflows");
  require_error<ShapeError>([&] { mean(z({0, 2})); }, "no elements to average");
  require_error<ShapeError>([&] { max(z({0, 2}), 0); }, "is empty");
  require_error<ShapeError>(
      [&] {
        embedding(z({3, 2}), from_data<std::int32_t>({3}, {1}));
      },
      "index 3; expected 0 to 2");
  require_error<ShapeError>(
      [&] {
        scatter_add(z({2, 3, 4}), from_data<std::int32_t>({0, 0, 0, 0, 0, 0}, {3, 2}), 5);
      },
      "scatter_add: rows [2, 3, 4] for indices [3, 2]");
  require_error<ShapeError>([&] { one_hot<float>(from_data<std::int64_t>({-1}, {1}), 3); }, "index -1");
  require_error<ShapeError>([&] { take(z({3}), from_data<std::int64_t>({7}, {1})); }, "position 7");
  require_error<ShapeError>([&] { linear(z({2, 3}), z({4, 5})); }, "linear: input [2, 3] with weight [4, 5]");
  require_error<ShapeError>([&] { linear(z({2, 3}), z({4, 3}), z({3})); }, "bias");
  require_error<ShapeError>([&] { linear(z({2, 3}), z({4, 3}), {}, {}, z({4})); }, "residual [4]; expected [2, 4]");
  require_error<ShapeError>([&] { conv2d(z({1, 8, 8, 3}), z({4, 3, 3, 2})); }, "channels differ");
  require_error<ShapeError>([&] { conv2d(z({1, 2, 2, 3}), z({4, 5, 5, 3})); }, "does not fit into images");
  require_error<ShapeError>([&] { conv2d(z({1, 8, 8, 3}), z({4, 3, 3, 3}), {}, {.stride = 0}); }, "stride 0");
  require_error<ShapeError>(
      [&] {
        conv_transpose2d(z({1, 2, 2, 3}), z({4, 3, 3, 2}));
      },
      "expected [n, h, w, in] and [in");
  require_error<ShapeError>([&] { max_pool2d(z({1, 2, 2, 1}), {.kernel_size = 3}); }, "kernel 3");
  require_error<ShapeError>([&] { max_pool2d(z({0, 5000, 5000, 1}), {.kernel_size = 5000}); }, "at most 16777216");
  require_error<ShapeError>([&] { upsample_nearest2d(z({2, 2})); }, "expected [n, h, w, c]");
  require_error<ShapeError>([&] { softmax(z({})); }, "softmax");
  require_error<ShapeError>([&] { batch_norm(z({4, 3}), z({2}), z({2})); }, "gamma [2]");
  require_error<ShapeError>([&] { batch_norm(z({0, 3}), z({3}), z({3})); }, "no rows");
  require_error<ShapeError>([&] { layer_norm(z({3}), z({3}), z({3})); }, "expected [n, ..., c]");
  require_error<Error>([&] { batch_norm(z({4, 3}), z({3}), z({3}), {.eps = -1e-5}); }, "batch_norm: eps -1e-05");
  require_error<Error>([&] { layer_norm(z({4, 3}), z({3}), z({3}), {.eps = -1e-5}); }, "layer_norm: eps -1e-05");
  require_error<ShapeError>(
      [&] {
        scaled_dot_product_attention(z({1, 2, 4}), z({1, 2, 3}), z({1, 2, 4}));
      },
      "q [1, 2, 4], k [1, 2, 3]");
  require_error<ShapeError>(
      [&] {
        scaled_dot_product_attention(z({1, 2, 4}), z({1, 2, 4}), z({1, 2, 4}), {}, {.heads = 3});
      },
      "3 heads");
  require_error<ShapeError>(
      [&] {
        scaled_dot_product_attention(z({1, 2, 4}), z({1, 3, 4}), z({1, 3, 4}), full<bool>({3, 2}, true));
      },
      "mask [3, 2]");
  require_error<Error>([&] { dropout(z({2}), 1.0, StreamKey{}, 0); }, "probability 1");
  require_error<Error>([&] { leaky_relu(z({2}), -0.1); }, "slope -0.1");
  const Activation falling{Activation::Kind::leaky_relu, -0.2};
  require_error<Error>([&] { activate(z({2}), falling); }, "activate: slope -0.2");
  require_error<Error>([&] { activation_grad(z({2}), z({2}), falling); }, "activation_grad: slope -0.2");
  require_error<Error>([&] { linear(z({2, 3}), z({4, 3}), {}, falling); }, "linear: slope -0.2");
  require_error<Error>([&] { batch_norm(z({4, 3}), z({3}), z({3}), {.activation = falling}); }, "batch_norm: slope");
  require_error<Error>([&] { layer_norm(z({4, 3}), z({3}), z({3}), {.activation = falling}); }, "layer_norm: slope");
  require_error<ShapeError>([&] { cross_entropy(z({2, 3}), from_data<std::int32_t>({1}, {1})); }, "cross_entropy");
  require_error<ShapeError>([&] { cross_entropy(z({0, 3}), zeros<std::int32_t>({0})); }, "with n > 0");
  require_error<ShapeError>(
      [&] {
        cross_entropy(z({1, 3}), from_data<std::int32_t>({3}, {1}));
      },
      "cross_entropy: index 3");
}
