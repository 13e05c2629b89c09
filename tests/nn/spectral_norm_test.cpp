#include <agon/nn/conv.hpp>
#include <agon/nn/dense.hpp>
#include <agon/nn/embedding.hpp>
#include <agon/ops/shape.hpp>

#include "golden/golden.hpp"
#include "nn/functional.hpp"

#include <Eigen/SVD>

using namespace agon;

namespace {

constexpr Context advancing{.training = true, .update_buffers = true};

double largest_singular_value(const Tensor<double>& weight, std::int64_t rows) {
  using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  const Eigen::Map<const Matrix> matrix(weight.data().data(), rows, weight.numel() / rows);
  return Eigen::JacobiSVD<Matrix>(matrix).singularValues()(0);
}

// u^T W v, from the buffers of the module.
double sigma(const Module<double>& module) {
  const auto state = module.state();
  const auto &w = state.tensor<double>("weight"), &u = state.tensor<double>("weight_u"),
             &v = state.tensor<double>("weight_v");
  return matmul(matmul(u, reshape(w, {u.size(0), v.size(0)}), {.transpose_a = true}), v).item();
}

}  // namespace

TEMPLATE_TEST_CASE("spectral norm goes PyTorch's way, step by step", "[nn][spectral_norm]", float, double) {
  using T = TestType;
  Rng rng(1);
  Conv2D<T> layer({.in_channels = 3, .out_channels = 4, .kernel_size = 3, .padding = 1, .spectral_norm = true}, rng);
  layer.load(golden::state<T>("spectral_norm.parameters"));
  const auto x = golden::real<T>("spectral_norm.x");
  for (int step = 0; step < 4; ++step) {
    const auto path = "spectral_norm.step" + std::to_string(step);
    const auto y = layer(x, step < 3 ? advancing : inference);
    golden::check_close(y, path + ".y");
    golden::check_parameter_gradients(layer, y, golden::real<T>(path + ".g"), path + ".gradients");
    for (const std::string name : {"weight_u", "weight_v"})
      golden::check_close(layer.state().template tensor<T>(name), path + "." + name);
  }
}

TEST_CASE("sigma converges to the largest singular value", "[nn][spectral_norm]") {
  Rng rng(2);
  const auto x = normal<double>({2, 5}, 0, 1, rng);
  Dense<double> dense({.in_features = 5, .out_features = 7, .spectral_norm = true}, rng);
  for (int i = 0; i < 200; ++i) dense(x, advancing);
  CHECK(sigma(dense) == Approx(largest_singular_value(dense.parameters()[0], 7)).epsilon(1e-10));

  const auto images = normal<double>({1, 3, 3, 2}, 0, 1, rng);
  Conv2D<double> conv({.in_channels = 2, .out_channels = 4, .kernel_size = 3, .spectral_norm = true}, rng);
  for (int i = 0; i < 200; ++i) conv(images, advancing);
  CHECK(sigma(conv) == Approx(largest_singular_value(conv.parameters()[0], 4)).epsilon(1e-10));

  // A transposed convolution is normed as [in k^2, out], which has the singular values of PyTorch's [out, in k^2].
  ConvTranspose2D<double> transposed({.in_channels = 2, .out_channels = 4, .kernel_size = 3, .spectral_norm = true},
                                     rng);
  for (int i = 0; i < 200; ++i) transposed(images, advancing);
  CHECK(sigma(transposed) == Approx(largest_singular_value(transposed.parameters()[0], 18)).epsilon(1e-10));

  Embedding<double> table({.count = 6, .features = 3, .spectral_norm = true}, rng);
  for (int i = 0; i < 200; ++i) table.forward(from_data<std::int32_t>({0}, {1}), advancing);
  CHECK(sigma(table) == Approx(largest_singular_value(table.parameters()[0], 6)).epsilon(1e-10));
}

TEST_CASE("a fresh layer starts near its largest singular value", "[nn][spectral_norm]") {
  Rng rng(3);
  const Dense<double> layer({.in_features = 30, .out_features = 20, .spectral_norm = true}, rng);
  const double exact = largest_singular_value(layer.parameters()[0], 20);
  CHECK(sigma(layer) <= exact * (1 + 1e-12));
  CHECK(sigma(layer) >= 0.95 * exact);
}

TEST_CASE("two forwards that advance the vectors can be followed by one backward", "[nn][spectral_norm]") {
  Rng rng(4);
  const auto real = normal<double>({3, 6}, 0, 1, rng), fake = normal<double>({3, 6}, 0, 1, rng);
  const Dense<double> layer({.in_features = 6, .out_features = 2, .spectral_norm = true}, rng);
  auto twin = layer.clone();

  const auto first = sum(square(layer(real, advancing)));
  const auto second = sum(square(layer(fake, advancing)));
  const auto together = grad(first + second, layer.parameters()[0]);

  // The same in turn: each gradient before the next forward.
  const auto by_real = grad(sum(square(twin(real, advancing))), twin.parameters()[0]);
  const auto by_fake = grad(sum(square(twin(fake, advancing))), twin.parameters()[0]);
  CHECK(golden::difference(together, by_real + by_fake) <= 1e-13);
}

TEST_CASE("one forward of both halves is two forwards with the same vectors", "[nn][spectral_norm]") {
  Rng rng(5);
  const auto real = normal<double>({3, 6}, 0, 1, rng), fake = normal<double>({3, 6}, 0, 1, rng);
  const Dense<double> layer({.in_features = 6, .out_features = 2, .spectral_norm = true}, rng);
  const auto both = layer(concat<double>({real, fake}), advancing);
  const auto apart = concat<double>({layer(real), layer(fake)});
  CHECK(golden::difference(both, apart) <= 1e-14);
}

TEST_CASE("the vectors advance only where the context says so", "[nn][spectral_norm]") {
  Rng rng(6);
  const auto x = normal<float>({2, 4}, 0, 1, rng);
  const Dense<float> layer({.in_features = 4, .out_features = 3, .spectral_norm = true}, rng);
  const auto vectors = [&] {
    auto both = layer.state().tensor<float>("weight_u").to_vector();
    const auto v = layer.state().tensor<float>("weight_v").to_vector();
    both.insert(both.end(), v.begin(), v.end());
    return both;
  };
  const auto before = vectors();
  layer(x);
  layer(x, {.training = true});
  CHECK(vectors() == before);
  layer(x, advancing);
  CHECK(vectors() != before);
}

TEST_CASE("the gradient of a normed weight is (G - <G, W / sigma> u v^T) / sigma", "[nn][spectral_norm]") {
  Rng rng(7);
  const Dense<double> layer({.in_features = 4, .out_features = 3, .bias = false, .spectral_norm = true}, rng);
  const auto x = normal<double>({5, 4}, 0, 1, rng), g = normal<double>({5, 3}, 0, 1, rng);
  const auto w = layer.parameters()[0];
  const auto analytic = grad(layer(x), w, {.grad_outputs = {g}});

  const NoGrad guard;
  const auto state = layer.state();
  const auto outer = matmul(state.tensor<double>("weight_u"), state.tensor<double>("weight_v"), {.transpose_b = true});
  const double s = sigma(layer);
  const auto direct = matmul(g, x, {.transpose_a = true});
  const auto expected = (direct - outer * sum(direct * w / s).item()) / s;
  CHECK(golden::difference(analytic, expected) <= 1e-13);
}
