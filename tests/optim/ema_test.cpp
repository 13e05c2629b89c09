#include <agon/optim/ema.hpp>

#include <agon/tensor/factories.hpp>

#include "catch.hpp"

using namespace agon;

TEST_CASE("ema_update moves the averages in place", "[optim][ema]") {
  const auto average = from_data<double>({1, 2}, {2}), value = from_data<double>({3, 6}, {2}).requires_grad_();
  const auto* storage = average.data().data();
  ema_update<double>({average}, {value}, 0.75);
  CHECK(average.to_vector() == std::vector<double>{1.5, 3});
  CHECK(average.data().data() == storage);
  CHECK(value.to_vector() == std::vector<double>{3, 6});
  ema_update<double>({average}, {value}, 1);
  CHECK(average.to_vector() == std::vector<double>{1.5, 3});
  ema_update<double>({average}, {value}, 0);
  CHECK(average.to_vector() == value.to_vector());
}

TEST_CASE("ema_update follows the closed form of a constant value", "[optim][ema]") {
  const auto average = zeros<double>({3}), value = ones<double>({3});
  for (int i = 0; i < 20; ++i) ema_update<double>({average}, {value}, 0.9);
  CHECK(average.at({1}) == Approx(1 - std::pow(0.9, 20)).epsilon(1e-12));
}

TEST_CASE("ema_update refuses lists that do not match before anything changes", "[optim][ema]") {
  const auto a = zeros<float>({2}), b = zeros<float>({3}), value = ones<float>({2});
  CHECK_THROWS_AS(ema_update<float>({a}, {value, value}, 0.5), ShapeError);
  CHECK_THROWS_AS(ema_update<float>({a, b}, {value, value}, 0.5), ShapeError);
  CHECK(a.to_vector() == std::vector<float>{0, 0});
}

TEST_CASE("ema_decay has its half-life, ramped up from a start that is forgotten", "[optim][ema]") {
  CHECK(ema_decay(1'000'000, 100) == Approx(std::pow(0.5, 0.01)).epsilon(1e-12));
  CHECK(ema_decay(1000, 100, 0.05) == Approx(std::pow(0.5, 1 / 50.0)).epsilon(1e-12));
  CHECK(ema_decay(0, 100) < 1e-100);
  for (int step = 1; step < 100; ++step) CHECK(ema_decay(step, 100) > ema_decay(step - 1, 100));
}
