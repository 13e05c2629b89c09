#include <agon/nn/dense.hpp>
#include <agon/nn/embedding.hpp>
#include <agon/ops/arithmetic.hpp>

#include "golden/golden.hpp"
#include "nn/functional.hpp"

using namespace agon;

namespace {

Activation activation(const std::string& name) {
  return {static_cast<Activation::Kind>(golden::integer(name + ".activation")), 0.2};
}

}  // namespace

TEMPLATE_TEST_CASE("linear and Dense agree with PyTorch", "[nn][dense]", float, double) {
  using T = TestType;
  for (const auto& name : golden::cases("linear")) {
    const auto path = "linear." + name;
    golden::check_function<T>(path, {"x", "weight", "bias"},
                              [&](const auto& in) { return linear(in[0], in[1], in[2], activation(path)); });

    Rng rng(1);
    Dense<T> layer({.in_features = 7, .out_features = 4, .activation = activation(path)}, rng);
    State state;
    state.set("weight", golden::real<T>(path + ".weight"));
    state.set("bias", golden::real<T>(path + ".bias"));
    layer.load(state);
    const auto y = layer(golden::real<T>(path + ".x"));
    golden::check_close(y, path + ".y");
    golden::check_parameter_gradients(layer, y, golden::real<T>(path + ".g"), path + ".grad");
  }
}

TEMPLATE_TEST_CASE("embedding adds the gradients of a repeated label as PyTorch does", "[nn][embedding]", float,
                   double) {
  using T = TestType;
  const auto& labels = golden::file().tensor<std::int32_t>("embedding.labels");
  golden::check_function<T>("embedding", {"weight"}, [&](const auto& in) { return embedding(in[0], labels); });
}

TEST_CASE("Dense and Embedding are differentiable twice in inputs and parameters", "[nn][dense][embedding]") {
  Rng rng(2);
  const bool spectral = GENERATE(false, true);
  const auto act = GENERATE(Activation{}, tanh(), sigmoid(), leaky_relu(0.2), relu());
  CAPTURE(spectral, static_cast<int>(act.kind));
  Dense<double> dense({.in_features = 5, .out_features = 3, .activation = act, .spectral_norm = spectral}, rng);
  const auto x = normal<double>({2, 3, 5}, 0, 1, rng);
  CHECK_GRADIENTS(functional::gradcheck(dense, {x}, [&](const auto& in) { return dense(in[0]); }));

  Embedding<double> table({.count = 4, .features = 3, .spectral_norm = spectral}, rng);
  const auto labels = from_data<std::int32_t>({3, 0, 3}, {3});
  CHECK_GRADIENTS(functional::gradcheck(table, {}, [&](const auto&) {
    const auto y = table.forward(labels);
    return y * y;
  }));
}

TEST_CASE("Dense without bias has one parameter and refuses what does not fit", "[nn][dense]") {
  Rng rng(3);
  Dense<float> layer({.in_features = 3, .out_features = 2, .bias = false}, rng);
  CHECK(layer.parameters().size() == 1);
  CHECK(layer(zeros<float>({4, 3})).shape() == Shape{4, 2});
  CHECK_THROWS_AS(layer(zeros<float>({4, 2})), ShapeError);
  CHECK_THROWS_AS(Dense<float>({.in_features = 3}, rng), Error);
  CHECK_THROWS_AS(Embedding<float>({.count = 3}, rng), Error);
  Embedding<float> table({.count = 3, .features = 2}, rng);
  CHECK_THROWS_AS(table.forward(from_data<std::int32_t>({3}, {1})), ShapeError);
  CHECK_THROWS_AS(table.forward(from_data<std::int64_t>({-1}, {1})), ShapeError);
}

TEST_CASE("Dense layers side by side are the layers one after another, the last one times a factor", "[nn][dense]") {
  Rng rng(4);
  const Dense<double> plain({.in_features = 3, .out_features = 2, .bias = false}, rng);
  Dense<double> biased({.in_features = 3, .out_features = 4}, rng);
  auto state = biased.state();
  state.set("bias", full<double>({4}, 0.5));
  biased.load(state);
  const auto x = normal<double>({5, 3}, 0, 1, rng);
  for (const double factor : {1.0, -1.5}) {
    const auto gate = factor == 1 ? Tensor<double>() : full<double>({1}, factor);
    const auto y = Dense<double>::side_by_side({&plain, &biased}, x, inference, gate);
    const auto first = plain(x), last = biased(x) * factor;
    REQUIRE(y.shape() == Shape{5, 6});
    for (std::size_t i = 0; i < 5; ++i)
      for (std::size_t j = 0; j < 6; ++j)
        CHECK(y.data()[i * 6 + j] ==
              Approx(j < 2 ? first.data()[i * 2 + j] : last.data()[i * 4 + j - 2]).margin(1e-12));
    const auto residual = normal<double>({5, 6}, 0, 1, rng);
    const auto sum = Dense<double>::side_by_side({&plain, &biased}, x, inference, gate, residual);
    for (std::size_t i = 0; i < 30; ++i) CHECK(sum.data()[i] == Approx(y.data()[i] + residual.data()[i]).margin(1e-12));
  }
  const Dense<double> active({.in_features = 3, .out_features = 2, .activation = {Activation::Kind::relu}}, rng);
  CHECK_THROWS_AS(Dense<double>::side_by_side({&plain, &active}, x, inference), Error);
  CHECK_THROWS_AS(Dense<double>::side_by_side({&plain}, x, inference, full<double>({3}, 1)), ShapeError);
}
