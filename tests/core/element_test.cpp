#include <agon/core/element.hpp>

#include <limits>

#include "../catch.hpp"

TEMPLATE_TEST_CASE("is_finite tells infinities and NaN from numbers", "[element]", float, double) {
  using Limits = std::numeric_limits<TestType>;
  for (TestType x : {TestType(0), TestType(-0.0), TestType(-3), Limits::max(), Limits::lowest(), Limits::denorm_min()})
    CHECK(agon::is_finite(x));
  for (TestType x : {Limits::infinity(), -Limits::infinity(), Limits::quiet_NaN(), -Limits::quiet_NaN()})
    CHECK_FALSE(agon::is_finite(x));
}
