#include <agon/nn/simple_layers.hpp>
#include <agon/ops/elementwise.hpp>

#include "nn/functional.hpp"

#include <algorithm>

using namespace agon;

TEST_CASE("Dropout keeps 1 - p of the elements and their mean", "[nn][dropout]") {
  const Dropout<double> layer({.p = 0.3});
  const auto x = ones<double>({100, 100});
  Rng rng(1);
  const auto y = layer(x, {.training = true, .rng = &rng});
  const auto dropped = std::count(y.data().begin(), y.data().end(), 0.0);
  CHECK(std::abs(static_cast<double>(dropped) / 10000 - 0.3) < 0.02);  // four deviations
  CHECK(std::all_of(y.data().begin(), y.data().end(), [](double v) { return v == 0 || v == 1 / 0.7; }));
  CHECK(layer(x, {.training = true, .rng = &rng}).to_vector() != y.to_vector());

  CHECK(layer(x).to_vector() == x.to_vector());
  CHECK_THROWS_AS(layer(x, {.training = true}), Error);
  CHECK_THROWS_AS(Dropout<double>({.p = 1}), Error);
  CHECK_THROWS_AS(Dropout<double>({.p = -0.1}), Error);
}

TEST_CASE("Dropout has the gradient of its mask", "[nn][dropout]") {
  const Dropout<double> layer({.p = 0.5});
  Rng values(2);
  const auto result = agon::gradcheck(
      [&](const std::vector<Tensor<double>>& in) {
        Rng rng(3);
        return square(layer(in[0], {.training = true, .rng = &rng}));
      },
      {normal<double>({4, 5}, 0, 1, values)}, {.order = 2});
  CHECK_GRADIENTS(result);
}

TEST_CASE("Flatten lays features out as hwc or as chw", "[nn][flatten]") {
  const auto x = arange<float>(2 * 2 * 3 * 2);
  const auto images = reshape(x, {2, 2, 3, 2});
  const Flatten<float> hwc, chw({.order = FlattenOptions::Order::chw});
  CHECK(hwc(images).shape() == Shape{2, 12});
  CHECK(hwc(images).to_vector() == x.to_vector());
  const auto first = slice(chw(images), 0, 0, 1).to_vector();
  CHECK(first == std::vector<float>{0, 2, 4, 6, 8, 10, 1, 3, 5, 7, 9, 11});
  CHECK(hwc(zeros<float>({3, 4})).shape() == Shape{3, 4});
  CHECK(hwc(zeros<float>({0, 4, 2})).shape() == Shape{0, 8});
  CHECK_THROWS_AS(chw(zeros<float>({3, 4})), ShapeError);
  CHECK_THROWS_AS(hwc(zeros<float>({})), ShapeError);

  Rng rng(4);
  const Flatten<double> both[] = {Flatten<double>(), Flatten<double>({.order = FlattenOptions::Order::chw})};
  for (const auto& layer : both)
    CHECK_GRADIENTS(agon::gradcheck([&](const std::vector<Tensor<double>>& in) { return square(layer(in[0])); },
                                    {normal<double>({2, 2, 3, 2}, 0, 1, rng)}, {.order = 2}));
}

TEST_CASE("Activate applies an activation", "[nn][activation]") {
  const auto x = from_data<double>({-2, 0, 3}, {3});
  CHECK(Activate<double>(relu())(x).to_vector() == std::vector<double>{0, 0, 3});
  CHECK(Activate<double>(leaky_relu(0.25))(x).to_vector() == std::vector<double>{-0.5, 0, 3});
  CHECK(Activate<double>(Activation{})(x).to_vector() == x.to_vector());
  CHECK(Activate<double>(tanh())(x).at({2}) == Approx(std::tanh(3.0)).epsilon(1e-14));
  CHECK(Activate<double>(sigmoid())(x).at({0}) == Approx(1 / (1 + std::exp(2.0))).epsilon(1e-14));
}
