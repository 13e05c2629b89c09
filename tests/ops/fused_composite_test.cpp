#include "../catch.hpp"

#include <agon/agon.hpp>

#include "kernels/kernel_test.hpp"

using namespace agon;

namespace {

void require_close(const Tensor<double>& a, const Tensor<double>& b, double tolerance = 1e-12) {
  REQUIRE(a.shape() == b.shape());
  for (std::size_t i = 0; i < a.data().size(); ++i)
    CHECK(std::abs(a.data()[i] - b.data()[i]) <= tolerance * std::max(1.0, std::abs(b.data()[i])));
}

/// Derivatives of a random function of the gradients of y, with respect to x and the upstream gradient.
std::vector<Tensor<double>> second_gradients(const Tensor<double>& y, std::vector<Tensor<double>> x) {
  Rng rng(12, "second");
  const auto upstream = normal<double>(y.shape(), 0, 1, rng).requires_grad_();
  const auto first = grad<double>({y}, x, {.grad_outputs = {upstream}, .create_graph = true});
  auto total = zeros<double>({});
  for (const auto& g : first) total = total + sum(g * normal<double>(g.shape(), 0, 1, rng));
  x.push_back(upstream);
  auto second = grad<double>({total}, x, {.allow_unused = true});
  for (std::size_t i = 0; i < x.size(); ++i)
    if (!second[i].defined()) second[i] = zeros_like(x[i]);
  return second;
}

template <class F, class G>
void require_same_function(const F& fused, const G& composite, const std::vector<Shape>& shapes) {
  Rng rng(11, "fused");
  std::vector<Tensor<double>> x;
  for (const auto& shape : shapes) x.push_back(normal<double>(shape, 0, 1, rng).requires_grad_());
  const auto a = fused(x), b = composite(x);
  require_close(a, b);
  const auto upstream = normal<double>(a.shape(), 0, 1, rng);
  const auto ga = grad<double>({a}, x, {.grad_outputs = {upstream}});
  const auto gb = grad<double>({b}, x, {.grad_outputs = {upstream}});
  for (std::size_t i = 0; i < x.size(); ++i) require_close(ga[i], gb[i], 1e-10);
  const auto ha = second_gradients(fused(x), x), hb = second_gradients(composite(x), x);
  for (std::size_t i = 0; i < ha.size(); ++i) require_close(ha[i], hb[i], 1e-9);
}

}  // namespace

TEST_CASE("attention kernels agree with attention in plain operations") {
  struct Case {
    std::int64_t n, heads, lq, lk, dk, dv;
    bool causal, masked;
  };
  const Case cases[] = {{2, 1, 7, 7, 3, 5, false, false},     {1, 2, 33, 65, 8, 16, false, false},
                        {2, 3, 17, 17, 4, 4, true, false},    {1, 1, 5, 70, 2, 9, true, false},
                        {1, 2, 40, 9, 8, 8, false, true},     {2, 1, 130, 130, 16, 16, true, true},
                        {1, 1, 196, 49, 8, 32, false, false}, {1, 1, 9, 4, 3, 3, true, false}};
  for (const auto& c : cases) {
    Rng rng(5, "mask");
    Tensor<bool> mask;
    if (c.masked) {
      mask = empty<bool>({c.n, c.lq, c.lk});
      for (auto& m : mask.mutable_data()) m = rng.uniform() < 0.6;
      for (std::int64_t j = 0; j < c.lk; ++j) mask.mutable_data()[static_cast<std::size_t>(j)] = false;  // sees nothing
    }
    const double scale = 0.7;
    const auto fused = [&](const std::vector<Tensor<double>>& x) {
      return scaled_dot_product_attention(x[0], x[1], x[2], mask, {c.heads, c.causal, scale});
    };
    const auto composite = [&](const std::vector<Tensor<double>>& x) {
      return detail::attention_composite(x[0], x[1], x[2], mask, c.heads, c.causal, scale);
    };
    require_same_function(fused, composite,
                          {{c.n, c.lq, c.heads * c.dk}, {c.n, c.lk, c.heads * c.dk}, {c.n, c.lk, c.heads * c.dv}});
  }
}

TEST_CASE("linear with a residual agrees with the sum in plain operations") {
  using Inputs = std::vector<Tensor<double>>;
  for (const auto& activation : {Activation{}, leaky_relu(0.2), tanh()}) {
    const std::vector<Shape> shapes{{2, 3, 4}, {5, 4}, {5}, {2, 3, 5}};
    require_same_function([&](const Inputs& x) { return linear(x[0], x[1], x[2], activation, x[3]); },
                          [&](const Inputs& x) { return activate(linear(x[0], x[1], x[2]) + x[3], activation); },
                          shapes);
    // What a tensor gets from several products and from elsewhere.
    require_same_function(
        [&](const Inputs& x) {
          return linear(linear(x[0], x[1]), x[2], {}, activation, x[0] * 2.0) + linear(x[0], x[1], {}, {}, x[0]);
        },
        [&](const Inputs& x) {
          const auto product = [&](const Tensor<double>& a, const Tensor<double>& w) {
            return matmul(a, w, {.transpose_b = true});
          };
          return activate(product(product(x[0], x[1]), x[2]) + x[0] * 2.0, activation) + (product(x[0], x[1]) + x[0]);
        },
        {{6, 4}, {4, 4}, {4, 4}});
  }
}

TEMPLATE_TEST_CASE("a product that adds to a gradient gives the bits of a sum", "", float, double) {
  using T = TestType;
  Rng rng(3, "bits");
  for (const std::int64_t out : {64, 640, 641, 1300, 3000}) {
    const auto x = normal<T>({32, 64}, 0, 1, rng).requires_grad_(), w = normal<T>({out, 64}, 0, 1, rng);
    const auto gradient = [&](bool create_graph) {
      const auto y = linear(x, w);
      return grad<T>(sum(square(y)) + sum(square(x) * x), x, {.create_graph = create_graph});
    };
    INFO(out << " features");
    kernel_test::for_each_isa([&] { CHECK(gradient(false).to_vector() == gradient(true).to_vector()); });
  }
}

TEST_CASE("upsample_conv2d agrees with upsampling and convolution one after the other") {
  struct Case {
    std::int64_t h, w, in, out, kernel, factor, padding;
  };
  const Case cases[] = {{7, 7, 6, 4, 3, 2, 1}, {3, 5, 2, 3, 3, 2, 0}, {2, 2, 1, 1, 3, 2, 2}, {4, 3, 3, 2, 5, 2, 2},
                        {3, 3, 2, 2, 1, 2, 0}, {3, 2, 2, 5, 3, 3, 1}, {2, 3, 2, 2, 2, 4, 1}, {4, 4, 2, 3, 3, 1, 1}};
  for (const auto& c : cases) {
    const auto fused = [&](const std::vector<Tensor<double>>& x) {
      return upsample_conv2d(x[0], x[1], x[2], {c.factor, c.padding, leaky_relu(0.3)});
    };
    const auto composite = [&](const std::vector<Tensor<double>>& x) {
      return conv2d(upsample_nearest2d(x[0], c.factor), x[1], x[2],
                    {.padding = c.padding, .activation = leaky_relu(0.3)});
    };
    require_same_function(fused, composite, {{2, c.h, c.w, c.in}, {c.out, c.kernel, c.kernel, c.in}, {c.out}});
  }
}

TEST_CASE("a query that sees no key gives zeros and zero gradients") {
  Rng rng(1, "rows");
  const auto q = normal<float>({1, 2, 4}, 0, 1, rng).requires_grad_();
  const auto k = normal<float>({1, 3, 4}, 0, 1, rng).requires_grad_();
  const auto v = normal<float>({1, 3, 4}, 0, 1, rng).requires_grad_();
  const auto mask = from_data<bool>({false, false, false, true, false, true}, {2, 3});
  const auto o = scaled_dot_product_attention(q, k, v, mask);
  for (std::int64_t c = 0; c < 4; ++c) CHECK(o.at({0, 0, c}) == 0);
  backward(sum(square(o) + o));
  for (std::int64_t c = 0; c < 4; ++c) {
    CHECK(q.grad().at({0, 0, c}) == 0);
    CHECK(k.grad().at({0, 1, c}) == 0);
    CHECK(v.grad().at({0, 1, c}) == 0);
  }
}

TEST_CASE("norm kernels agree with norms in plain operations") {
  for (const auto& activation : {Activation{}, relu(), leaky_relu(0.2), tanh(), sigmoid()}) {
    const NormOptions options{.eps = 1e-4, .activation = activation};
    for (const bool conditional : {false, true}) {
      const Shape affine = conditional ? Shape{4, 19} : Shape{19};
      require_same_function([&](const auto& x) { return batch_norm(x[0], x[1], x[2], options).y; },
                            [&](const auto& x) {
                              return detail::norm_composite(x, {0, 1, 2}, options);
                            },
                            {{4, 3, 5, 19}, affine, affine});
      require_same_function([&](const auto& x) { return layer_norm(x[0], x[1], x[2], options); },
                            [&](const auto& x) { return detail::norm_composite(x, {-1}, options); },
                            {{4, 3, 5, 19}, affine, affine});
    }
  }
}

TEST_CASE("attention of one tensor with itself counts each slot once") {
  Rng rng(2, "self");
  const auto x = normal<double>({1, 4, 3}, 0, 1, rng).requires_grad_();
  const auto u = normal<double>({1, 4, 3}, 0, 1, rng);
  const auto q = x.clone().requires_grad_(), k = x.clone().requires_grad_(), v = x.clone().requires_grad_();
  const auto apart = grad<double>({scaled_dot_product_attention(q, k, v)}, {q, k, v}, {.grad_outputs = {u}});
  require_close(grad(scaled_dot_product_attention(x, x, x), x, {.grad_outputs = {u}}), apart[0] + apart[1] + apart[2]);
}
