#include <agon/nn/positional_encoding.hpp>
#include <agon/ops/elementwise.hpp>

#include "golden/golden.hpp"
#include "nn/functional.hpp"

using namespace agon;

TEMPLATE_TEST_CASE("sinusoidal codes have the values of the formula", "[nn][positional_encoding]", float, double) {
  using T = TestType;
  Rng rng(1);
  const PositionalEncoding<T> sequence({.features = 6}, rng), image({.features = 8}, rng);
  golden::check_close(reshape(sequence(zeros<T>({1, 9, 6})), {9, 6}), "positional_encoding.sequence.y");
  golden::check_close(reshape(image(zeros<T>({1, 3, 5, 8})), {3, 5, 8}), "positional_encoding.image.y");
}

TEST_CASE("codes are added to every sample", "[nn][positional_encoding]") {
  Rng rng(2);
  const PositionalEncoding<double> layer({.features = 4}, rng);
  const auto x = normal<double>({3, 5, 4}, 0, 1, rng);
  const auto code = layer(zeros<double>({1, 5, 4}));
  CHECK(layer(x).to_vector() == (x + code).to_vector());
  CHECK(layer.parameters().empty());
}

TEST_CASE("learned codes are a parameter that sequences and images share row-major", "[nn][positional_encoding]") {
  Rng rng(3);
  PositionalEncoding<double> layer({.features = 3, .max_length = 6, .kind = PositionalEncodingOptions::Kind::learned},
                                   rng);
  const auto table = layer.parameters().at(0);
  CHECK(table.shape() == Shape{6, 3});
  const auto image = layer(zeros<double>({1, 2, 3, 3}));
  CHECK(image.to_vector() == table.to_vector());
  const auto sequence = layer(zeros<double>({1, 4, 3}));
  CHECK(sequence.to_vector() == slice(table, 0, 0, 4).to_vector());
  CHECK_THROWS_AS(layer(zeros<double>({1, 7, 3})), ShapeError);
  CHECK_THROWS_AS(layer(zeros<double>({1, 3, 3, 3})), ShapeError);

  const auto x = normal<double>({2, 4, 3}, 0, 1, rng);
  CHECK_GRADIENTS(functional::gradcheck(layer, {x}, [&](const auto& in) { return square(layer(in[0])); }));
}

TEST_CASE("PositionalEncoding drops out in training only", "[nn][positional_encoding]") {
  Rng rng(4), drops(5);
  const PositionalEncoding<float> layer({.features = 4, .dropout = 0.5}, rng);
  const auto x = full<float>({2, 8, 4}, 3);
  const auto zeros_in = [](const Tensor<float>& t) { return std::count(t.data().begin(), t.data().end(), 0.0f); };
  CHECK(zeros_in(layer(x)) == 0);
  CHECK(zeros_in(layer(x, {.training = true, .rng = &drops})) > 0);
}

TEST_CASE("PositionalEncoding refuses what does not fit", "[nn][positional_encoding]") {
  Rng rng(6);
  using Kind = PositionalEncodingOptions::Kind;
  CHECK_THROWS_AS(PositionalEncoding<float>(PositionalEncodingOptions{}, rng), Error);
  CHECK_THROWS_AS(PositionalEncoding<float>({.features = 4, .kind = Kind::learned}, rng), Error);
  const PositionalEncoding<float> odd({.features = 5}, rng), six({.features = 6}, rng);
  CHECK_THROWS_AS(odd(zeros<float>({1, 3, 5})), ShapeError);
  CHECK_THROWS_AS(six(zeros<float>({1, 2, 2, 6})), ShapeError);
  CHECK_THROWS_AS(six(zeros<float>({1, 2, 4})), ShapeError);
  CHECK_THROWS_AS(six(zeros<float>({2, 6})), ShapeError);
}
