#include <agon/nn/norm.hpp>

#include "golden/golden.hpp"
#include "nn/functional.hpp"

using namespace agon;

namespace {

constexpr Context training{.training = true};
constexpr Context advancing{.training = true, .update_buffers = true};

template <Real T>
void load_affine(Module<T>& module, const std::string& path) {
  auto state = module.state();
  state.set("weight", golden::real<T>(path + ".weight"));
  state.set("bias", golden::real<T>(path + ".bias"));
  module.load(state);
}

}  // namespace

TEMPLATE_TEST_CASE("BatchNorm agrees with PyTorch in training and after it", "[nn][norm]", float, double) {
  using T = TestType;
  for (const std::string path : {"batch_norm.image", "batch_norm.vector"}) {
    BatchNorm<T> layer({.features = 5});
    load_affine(layer, path);
    const auto x = golden::real<T>(path + ".x").requires_grad_();
    const auto g = golden::real<T>(path + ".g");
    const auto y = layer(x, advancing);
    golden::check_close(y, path + ".y");
    golden::check_gradients<T>(path, y, {"x"}, {x});
    golden::check_parameter_gradients(layer, layer(x, training), g, path + ".grad");

    layer(golden::real<T>(path + ".x") * 2 - 1, advancing);
    golden::check_close(layer.state().template tensor<T>("running_mean"), path + ".running_mean");
    golden::check_close(layer.state().template tensor<T>("running_var"), path + ".running_var");
    load_affine(layer, path + ".eval");
    const auto after = layer(x);
    golden::check_close(after, path + ".eval.y");
    golden::check_gradients<T>(path + ".eval", after, {"x"}, {x});
    golden::check_parameter_gradients(layer, layer(x), golden::real<T>(path + ".eval.g"), path + ".eval.grad");
  }
}

TEMPLATE_TEST_CASE("ConditionalBatchNorm agrees with PyTorch", "[nn][norm]", float, double) {
  using T = TestType;
  const std::string path = "conditional_batch_norm";
  const auto& labels = golden::file().tensor<std::int32_t>(path + ".labels");
  ConditionalBatchNorm<T> layer({.features = 5, .classes = 3, .activation = relu()});
  load_affine(layer, path);
  const auto x = golden::real<T>(path + ".x").requires_grad_();
  const auto y = layer.forward(x, labels, training);
  golden::check_close(y, path + ".y");
  golden::check_gradients<T>(path, y, {"x"}, {x});
  golden::check_parameter_gradients(layer, layer.forward(x, labels, training), golden::real<T>(path + ".g"),
                                    path + ".grad");
}

TEMPLATE_TEST_CASE("LayerNorm agrees with PyTorch", "[nn][norm]", float, double) {
  using T = TestType;
  LayerNorm<T> layer({.features = 6});
  load_affine(layer, "layer_norm");
  const auto x = golden::real<T>("layer_norm.x").requires_grad_();
  const auto y = layer(x);
  golden::check_close(y, "layer_norm.y");
  golden::check_gradients<T>("layer_norm", y, {"x"}, {x});
  golden::check_parameter_gradients(layer, layer(x), golden::real<T>("layer_norm.g"), "layer_norm.grad");
}

TEST_CASE("norm layers are differentiable twice in inputs and parameters", "[nn][norm]") {
  Rng rng(1);
  const auto act = GENERATE(Activation{}, tanh(), leaky_relu(0.2));
  CAPTURE(static_cast<int>(act.kind));
  const auto x = normal<double>({4, 2, 3, 3}, 1, 2, rng);
  const auto labels = from_data<std::int32_t>({1, 0, 1, 1}, {4});

  BatchNorm<double> batch({.features = 3, .activation = act});
  ConditionalBatchNorm<double> conditional({.features = 3, .classes = 2, .activation = act});
  LayerNorm<double> layer({.features = 3, .activation = act});
  functional::randomize(batch, 2);
  functional::randomize(conditional, 3);
  functional::randomize(layer, 4);
  for (const auto& ctx : {inference, training}) {
    CAPTURE(ctx.training);
    CHECK_GRADIENTS(functional::gradcheck(batch, {x}, [&](const auto& in) { return batch(in[0], ctx); }));
    CHECK_GRADIENTS(functional::gradcheck(conditional, {x},
                                          [&](const auto& in) { return conditional.forward(in[0], labels, ctx); }));
  }
  CHECK_GRADIENTS(functional::gradcheck(layer, {x}, [&](const auto& in) { return layer(in[0]); }));
}

TEST_CASE("running statistics change only where the context says so", "[nn][norm]") {
  Rng rng(5);
  const auto x = normal<float>({8, 3}, 1, 2, rng);
  BatchNorm<float> layer({.features = 3});
  const auto mean = [&] { return layer.state().tensor<float>("running_mean").to_vector(); };
  const auto before = mean();
  layer(x);
  layer(x, training);
  CHECK(mean() == before);
  layer(x, advancing);
  CHECK(mean() != before);
}

TEST_CASE("a batch norm over one row keeps a finite running variance", "[nn][norm]") {
  BatchNorm<double> layer({.features = 2});
  const auto y = layer(from_data<double>({3, -4}, {1, 2}), advancing);
  CHECK(y.to_vector() == std::vector<double>{0, 0});
  CHECK(layer.state().tensor<double>("running_var").to_vector() == std::vector<double>{0.9, 0.9});
}

TEST_CASE("norm layers refuse what does not fit", "[nn][norm]") {
  CHECK_THROWS_AS(BatchNorm<float>(BatchNormOptions{}), Error);
  CHECK_THROWS_AS(LayerNorm<float>(LayerNormOptions{}), Error);
  CHECK_THROWS_AS(ConditionalBatchNorm<float>({.features = 2}), Error);
  BatchNorm<float> batch({.features = 3});
  CHECK_THROWS_AS(batch(zeros<float>({4, 2})), ShapeError);
  CHECK_THROWS_AS(batch(zeros<float>({4, 2}), training), ShapeError);
  ConditionalBatchNorm<float> conditional({.features = 3, .classes = 2});
  CHECK_THROWS_AS(conditional.forward(zeros<float>({4, 3}), from_data<std::int32_t>({0, 1}, {2})), ShapeError);
  CHECK_THROWS_AS(conditional.forward(zeros<float>({1, 3}), from_data<std::int32_t>({2}, {1})), ShapeError);
}
