#include <agon/nn/conv.hpp>

#include "golden/golden.hpp"
#include "nn/functional.hpp"

using namespace agon;

TEMPLATE_TEST_CASE("conv2d agrees with PyTorch", "[nn][conv]", float, double) {
  for (const auto& name : golden::cases("conv2d")) {
    const auto path = "conv2d." + name;
    const ConvOptions options{.stride = golden::integer(path + ".stride"),
                              .padding = golden::integer(path + ".padding")};
    golden::check_function<TestType>(path, {"x", "weight", "bias"},
                                     [&](const auto& in) { return conv2d(in[0], in[1], in[2], options); });
  }
}

TEMPLATE_TEST_CASE("conv_transpose2d agrees with PyTorch", "[nn][conv]", float, double) {
  for (const auto& name : golden::cases("conv_transpose2d")) {
    const auto path = "conv_transpose2d." + name;
    const ConvTransposeOptions options{.stride = golden::integer(path + ".stride"),
                                       .padding = golden::integer(path + ".padding"),
                                       .output_padding = golden::integer(path + ".output_padding")};
    golden::check_function<TestType>(path, {"x", "weight", "bias"},
                                     [&](const auto& in) { return conv_transpose2d(in[0], in[1], in[2], options); });
  }
}

TEMPLATE_TEST_CASE("Conv2D and ConvTranspose2D pass their options on", "[nn][conv]", float, double) {
  using T = TestType;
  Rng rng(1);
  const auto check_layer = [](auto& layer, const std::string& path) {
    State state;
    state.set("weight", golden::real<T>(path + ".weight"));
    state.set("bias", golden::real<T>(path + ".bias"));
    layer.load(state);
    const auto y = layer(golden::real<T>(path + ".x"));
    golden::check_close(y, path + ".y");
    golden::check_parameter_gradients(layer, y, golden::real<T>(path + ".g"), path + ".grad");
  };
  Conv2D<T> conv({.in_channels = 2, .out_channels = 3, .kernel_size = 4, .stride = 2, .padding = 1}, rng);
  check_layer(conv, "conv2d.k4s2p1");
  ConvTranspose2D<T> transposed(
      {.in_channels = 2, .out_channels = 3, .kernel_size = 3, .stride = 2, .padding = 1, .output_padding = 1}, rng);
  check_layer(transposed, "conv_transpose2d.k3s2p1");
}

TEST_CASE("convolution layers are differentiable twice in inputs and parameters", "[nn][conv]") {
  Rng rng(2);
  const bool spectral = GENERATE(false, true);
  const auto act = GENERATE(Activation{}, tanh(), leaky_relu(0.2));
  CAPTURE(spectral, static_cast<int>(act.kind));
  Conv2D<double> conv({.in_channels = 2,
                       .out_channels = 3,
                       .kernel_size = 3,
                       .stride = 2,
                       .padding = 1,
                       .activation = act,
                       .spectral_norm = spectral},
                      rng);
  const auto x = normal<double>({2, 5, 4, 2}, 0, 1, rng);
  CHECK_GRADIENTS(functional::gradcheck(conv, {x}, [&](const auto& in) { return conv(in[0]); }));

  ConvTranspose2D<double> transposed({.in_channels = 2,
                                      .out_channels = 3,
                                      .kernel_size = 4,
                                      .stride = 2,
                                      .padding = 1,
                                      .activation = act,
                                      .spectral_norm = spectral},
                                     rng);
  const auto small = normal<double>({2, 2, 3, 2}, 0, 1, rng);
  CHECK(transposed(small).shape() == Shape{2, 4, 6, 3});
  CHECK_GRADIENTS(functional::gradcheck(transposed, {small}, [&](const auto& in) { return transposed(in[0]); }));
}

TEST_CASE("convolution layers refuse what does not fit", "[nn][conv]") {
  Rng rng(3);
  CHECK_THROWS_AS(Conv2D<float>({.in_channels = 2, .out_channels = 3}, rng), Error);
  CHECK_THROWS_AS(ConvTranspose2D<float>({.out_channels = 3, .kernel_size = 3}, rng), Error);
  Conv2D<float> conv({.in_channels = 2, .out_channels = 3, .kernel_size = 5}, rng);
  CHECK_THROWS_AS(conv(zeros<float>({1, 6, 6, 3})), ShapeError);
  CHECK_THROWS_AS(conv(zeros<float>({1, 4, 6, 2})), ShapeError);
  CHECK_THROWS_AS(conv(zeros<float>({6, 6, 2})), ShapeError);
  ConvTranspose2D<float> transposed({.in_channels = 2, .out_channels = 3, .kernel_size = 3, .output_padding = 1}, rng);
  CHECK_THROWS_AS(transposed(zeros<float>({1, 4, 4, 2})), ShapeError);
}
