#include <agon/kernels/map.hpp>

#include <cmath>
#include <limits>

#include "kernel_test.hpp"

using agon::kernels::Unary;
using namespace kernel_test;

namespace {

using Extended = long double;

Extended reference(Unary op, Extended x) {
  switch (op) {
    case Unary::exp:
      return std::exp(x);
    case Unary::log:
      return std::log(x);
    case Unary::tanh:
      return std::tanh(x);
    case Unary::sigmoid:
      return x < 0 ? std::exp(x) / (1 + std::exp(x)) : 1 / (1 + std::exp(-x));
    default:
      return std::max<Extended>(x, 0) + std::log1p(std::exp(-std::abs(x)));
  }
}

/// Distance of y from the exact value in units of its last place.
template <class T>
Extended ulps(T y, Extended exact) {
  const T rounded = static_cast<T>(exact);
  if (std::isinf(rounded) || std::isinf(y)) return rounded == y ? 0 : std::numeric_limits<Extended>::infinity();
  const T size = std::abs(rounded);
  const auto ulp =
      static_cast<Extended>(std::nextafter(size, std::numeric_limits<T>::max())) - static_cast<Extended>(size);
  return std::abs(static_cast<Extended>(y) - exact) / (ulp > 0 ? ulp : std::numeric_limits<Extended>::max());
}

/// Dense points: evenly over [low, high], near 0, and over the exponents on both sides of it.
template <class T>
std::vector<T> points(double low, double high, double smallest_exponent, double largest_exponent) {
  constexpr int count = 40001;
  std::vector<T> x;
  for (int i = 0; i < count; ++i) {
    const double u = (i + 0.37) / count;
    x.push_back(static_cast<T>(low + (high - low) * u));
    if (low < 0) x.push_back(static_cast<T>(-1.5 + 3 * u));
    const double power = std::exp2(smallest_exponent + (largest_exponent - smallest_exponent) * u);
    x.push_back(static_cast<T>(power));
    if (low < 0) x.push_back(static_cast<T>(-power));
  }
  return x;
}

template <class T>
std::vector<T> apply(Unary op, const std::vector<T>& x) {
  std::vector<T> y(x.size());
  agon::kernels::unary(op, static_cast<std::int64_t>(x.size()), x.data(), y.data());
  return y;
}

template <class T>
void check_ulps(Unary op, const std::vector<T>& x, double bound) {
  for_each_isa([&] {
    const auto y = apply(op, x);
    Extended worst = 0;
    T where = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      const auto error = ulps(y[i], reference(op, static_cast<Extended>(x[i])));
      if (!(error <= worst)) worst = error, where = x[i];
    }
    INFO("at x = " << static_cast<double>(where));
    CHECK(static_cast<double>(worst) < bound);
  });
}

}  // namespace

TEMPLATE_TEST_CASE("vector functions are accurate to a few units in the last place", "[simd_math]", float, double) {
  const bool single = std::is_same_v<TestType, float>;
  const double lowest = single ? -104 : -746, highest = single ? 89 : 710;
  const auto everywhere = points<TestType>(lowest, highest, -40, 6);
  check_ulps(Unary::exp, everywhere, 1.1);
  check_ulps(Unary::tanh, everywhere, 2.6);
  check_ulps(Unary::sigmoid, everywhere, 2.3);
  check_ulps(Unary::softplus, everywhere, 2.1);
  check_ulps(Unary::log, points<TestType>(0.25, 4, single ? -148 : -1073, single ? 127 : 1023), 1.1);
}

TEMPLATE_TEST_CASE("vector functions at zero, infinity and NaN", "[simd_math]", float, double) {
  using T = TestType;
  const T inf = std::numeric_limits<T>::infinity(), nan = std::numeric_limits<T>::quiet_NaN();
  const T big = std::numeric_limits<T>::max(), tiny = std::numeric_limits<T>::denorm_min();
  const auto log2 = static_cast<T>(std::log(2.0L));
  for_each_isa([&] {
    const std::vector<T> x{0, T(-0.0), inf, -inf, big, -big, tiny};
    CHECK(apply(Unary::exp, x) == std::vector<T>{1, 1, inf, 0, inf, 0, 1});
    CHECK(apply(Unary::tanh, x) == std::vector<T>{0, 0, 1, -1, 1, -1, tiny});
    CHECK(std::signbit(apply(Unary::tanh, x)[1]));
    CHECK(apply(Unary::sigmoid, x) == std::vector<T>{T(0.5), T(0.5), 1, 0, 1, 0, T(0.5)});
    CHECK(difference(apply<T>(Unary::softplus, {0, T(-0.0), -inf, -big, tiny}),
                     std::vector<T>{log2, log2, 0, 0, log2}) < tolerance<T>(2));
    CHECK(apply<T>(Unary::softplus, {inf, big}) == std::vector<T>{inf, big});
    CHECK(apply<T>(Unary::log, {0, T(-0.0), inf, 1}) == std::vector<T>{-inf, -inf, inf, 0});
    for (T y : apply<T>(Unary::log, {T(-1), -inf, -tiny, -big, nan, -nan})) CHECK(std::isnan(y));
    for (auto op : {Unary::exp, Unary::log, Unary::tanh, Unary::sigmoid, Unary::softplus, Unary::relu})
      for (T y : apply<T>(op, {nan, -nan})) CHECK(std::isnan(y));
    CHECK(apply(Unary::relu, x) == std::vector<T>{0, 0, inf, 0, big, 0, tiny});
  });
}

TEMPLATE_TEST_CASE("a value has the same bits at every place of an array", "[simd_math]", float, double) {
  const auto x = random_values<TestType>(131, 7, 0.01, 5);
  for_each_isa([&] {
    for (auto op : {Unary::exp, Unary::log, Unary::tanh, Unary::sigmoid, Unary::softplus, Unary::rsqrt}) {
      const auto whole = apply(op, x);
      for (std::size_t first = 0; first < 70; ++first) {
        const std::vector<TestType> part(x.begin() + static_cast<std::ptrdiff_t>(first), x.end());
        const auto y = apply(op, part);
        REQUIRE(std::equal(y.begin(), y.end(), whole.begin() + static_cast<std::ptrdiff_t>(first)));
      }
    }
  });
}
