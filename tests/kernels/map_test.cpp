#include <agon/kernels/map.hpp>

#include <memory>

#include "kernel_test.hpp"

namespace k = agon::kernels;
using agon::Activation;
using agon::Shape;
using k::Binary;
using k::Compare;
using k::Unary;
using namespace kernel_test;

namespace {

double reference(Unary op, double x, double p, double q) {
  switch (op) {
    case Unary::negate:
      return -x;
    case Unary::exp:
      return std::exp(x);
    case Unary::log:
      return std::log(x);
    case Unary::sqrt:
      return std::sqrt(x);
    case Unary::rsqrt:
      return 1 / std::sqrt(x);
    case Unary::square:
      return x * x;
    case Unary::reciprocal:
      return 1 / x;
    case Unary::tanh:
      return std::tanh(x);
    case Unary::sigmoid:
      return 1 / (1 + std::exp(-x));
    case Unary::softplus:
      return std::log1p(std::exp(x));
    case Unary::relu:
      return std::max(x, 0.0);
    case Unary::leaky_relu:
      return x > 0 ? x : p * x;
    case Unary::abs:
      return std::abs(x);
    case Unary::affine:
      return p * x + q;
    case Unary::power:
      return std::pow(x, p);
  }
  return 0;
}

constexpr Unary all_unary[] = {Unary::negate, Unary::exp,        Unary::log,  Unary::sqrt,    Unary::rsqrt,
                               Unary::square, Unary::reciprocal, Unary::tanh, Unary::sigmoid, Unary::softplus,
                               Unary::relu,   Unary::leaky_relu, Unary::abs,  Unary::affine,  Unary::power};

double reference(Binary op, double a, double b) {
  switch (op) {
    case Binary::add:
      return a + b;
    case Binary::subtract:
      return a - b;
    case Binary::multiply:
      return a * b;
    case Binary::divide:
      return a / b;
    case Binary::maximum:
      return a < b ? b : a;
  }
  return 0;
}

/// Position in an operand of element `flat` of the result, from the definition of broadcasting.
std::size_t broadcast_position(const Shape& operand, const Shape& result, std::int64_t flat) {
  std::int64_t position = 0, stride = 1;
  for (int i = 0; i < result.rank(); ++i) {
    const auto size = result[result.rank() - 1 - i], index = flat % size;
    flat /= size;
    if (i >= operand.rank()) continue;
    const auto own = operand[operand.rank() - 1 - i];
    if (own > 1) position += index * stride;
    stride *= own;
  }
  return static_cast<std::size_t>(position);
}

struct Operands {
  Shape a, b;
};

const Operands broadcasts[] = {{{}, {}},
                               {{3}, {3}},
                               {{3, 17}, {17}},
                               {{17}, {3, 17}},
                               {{3, 17}, {3, 1}},
                               {{3, 1}, {1, 17}},
                               {{3, 1, 5}, {3, 4, 5}},
                               {{2, 3, 4, 5}, {3, 1, 5}},
                               {{2, 1, 4, 1}, {1, 3, 1, 5}},
                               {{1}, {40000}},
                               {{40000}, {}},
                               {{0, 3}, {3}},
                               {{700, 64}, {64}},
                               {{700, 64}, {700, 1}},
                               {{2, 50000}, {2, 1}}};

}  // namespace

TEMPLATE_TEST_CASE("unary functions", "[map]", float, double) {
  for (std::int64_t n : {0, 1, 3, 17, 1003, 70001}) {
    const auto x = random_values<TestType>(n, 1, 0.1, 3), both_signs = random_values<TestType>(n, 2, -3, 3);
    for_each_isa([&] {
      for (Unary op : all_unary)
        for (TestType p : {TestType(0.2), TestType(3), TestType(-2), TestType(0), TestType(-1.5)}) {
          const bool positive = op == Unary::log || op == Unary::sqrt || op == Unary::rsqrt ||
                                op == Unary::reciprocal || op == Unary::power;
          const auto& in = positive ? x : both_signs;
          std::vector<double> expected;
          for (auto v : in) expected.push_back(reference(op, static_cast<double>(v), static_cast<double>(p), 0.7));
          const auto y = with_any_threads([&] {
            auto out = zeros<TestType>(n);
            k::unary(op, n, in.data(), out.data(), p, TestType(0.7));
            return out;
          });
          INFO("op " << static_cast<int>(op) << ", n = " << n << ", p = " << p);
          CHECK(difference(y, expected) < tolerance<TestType>(8));
          auto in_place = in;
          k::unary(op, n, in_place.data(), in_place.data(), p, TestType(0.7));
          CHECK(same_bits(in_place, y));
          if (op != Unary::affine && op != Unary::leaky_relu && op != Unary::power) break;
        }
    });
  }
}

TEST_CASE("powers of negative numbers follow the sign of the exponent", "[map]") {
  const std::vector<double> x{-2, -1, -0.5};
  auto y = zeros<double>(3);
  for_each_isa([&] {
    k::unary(Unary::power, 3, x.data(), y.data(), 3.0);
    CHECK(y == std::vector<double>{-8, -1, -0.125});
    k::unary(Unary::power, 3, x.data(), y.data(), -2.0);
    CHECK(y == std::vector<double>{0.25, 1, 4});
    k::unary(Unary::power, 3, x.data(), y.data(), 0.5);
    for (double v : y) CHECK(std::isnan(v));
  });
}

TEMPLATE_TEST_CASE("binary functions under broadcasting", "[map]", float, double) {
  for (const Operands& operands : broadcasts) {
    const Shape &sa = operands.a, &sb = operands.b;
    const Shape result = agon::broadcast_shapes(sa, sb, "test");
    const auto plan = k::plan_broadcast(sa, sb, result);
    REQUIRE(plan.numel == result.numel());
    const auto a = random_values<TestType>(sa.numel(), 3, -2, 2), b = random_values<TestType>(sb.numel(), 4, 0.5, 2);
    for_each_isa([&] {
      for (auto op : {Binary::add, Binary::subtract, Binary::multiply, Binary::divide, Binary::maximum}) {
        std::vector<TestType> expected;
        for (std::int64_t i = 0; i < result.numel(); ++i)
          expected.push_back(
              static_cast<TestType>(reference(op, static_cast<double>(a[broadcast_position(sa, result, i)]),
                                              static_cast<double>(b[broadcast_position(sb, result, i)]))));
        const auto y = with_any_threads([&] {
          auto out = zeros<TestType>(result.numel());
          k::binary(op, plan, a.data(), b.data(), out.data());
          return out;
        });
        INFO(sa << " and " << sb << ", op " << static_cast<int>(op));
        CHECK(y == expected);  // one correctly rounded operation
        if (sa == result) {
          auto in_place = a;
          k::binary(op, plan, in_place.data(), b.data(), in_place.data());
          CHECK(in_place == expected);
        }
      }
    });
  }
}

TEMPLATE_TEST_CASE("the maximum of NaN and a number is NaN", "[map]", float, double) {
  const TestType nan = std::numeric_limits<TestType>::quiet_NaN();
  const std::vector<TestType> a{nan, 1, nan, 2, -nan}, b{1, nan, nan, 3, 0};
  for_each_isa([&] {
    auto y = zeros<TestType>(5);
    k::binary(Binary::maximum, k::plan_broadcast({5}, {5}, {5}), a.data(), b.data(), y.data());
    for (std::size_t i : {0u, 1u, 2u, 4u}) CHECK(std::isnan(y[i]));
    CHECK(y[3] == 3);
  });
}

TEST_CASE("adjacent axes merge where both operands allow it", "[map]") {
  CHECK(k::plan_broadcast({2, 3, 4}, {2, 3, 4}, {2, 3, 4}).rank == 1);
  CHECK(k::plan_broadcast({2, 3, 4}, {4}, {2, 3, 4}).rank == 2);
  CHECK(k::plan_broadcast({2, 3, 4}, {}, {2, 3, 4}).rank == 1);
  CHECK(k::plan_broadcast({2, 3, 4}, {2, 1, 4}, {2, 3, 4}).rank == 3);
  CHECK(k::plan_broadcast({1, 1}, {1}, {1, 1}).rank == 0);
}

TEMPLATE_TEST_CASE("comparisons", "[map]", float, double, std::int32_t, std::int64_t, std::uint8_t, bool) {
  using T = TestType;
  T a[35], b[7];
  for (int i = 0; i < 35; ++i) a[i] = static_cast<T>(i % 3);
  for (int i = 0; i < 7; ++i) b[i] = static_cast<T>(i % 2);
  const auto plan = k::plan_broadcast({5, 7}, {7}, {5, 7});
  const auto matches = [&](Compare op, auto holds) {
    bool y[35];
    k::compare(op, plan, a, b, y);
    for (int i = 0; i < 35; ++i)
      if (y[i] != holds(a[i], b[i % 7])) return false;
    return true;
  };
  CHECK(matches(Compare::less, [](T u, T v) { return u < v; }));
  CHECK(matches(Compare::less_equal, [](T u, T v) { return u <= v; }));
  CHECK(matches(Compare::greater, [](T u, T v) { return u > v; }));
  CHECK(matches(Compare::greater_equal, [](T u, T v) { return u >= v; }));
  CHECK(matches(Compare::equal, [](T u, T v) { return u == v; }));
  CHECK(matches(Compare::not_equal, [](T u, T v) { return u != v; }));
}

TEMPLATE_TEST_CASE("select, add_to and fill", "[map]", float, double) {
  for (std::int64_t n : {0, 1, 17, 1003, 70001}) {
    const auto a = random_values<TestType>(n, 5), b = random_values<TestType>(n, 6);
    for_each_isa([&] {
      const auto condition = std::make_unique<bool[]>(static_cast<std::size_t>(n + 1));
      std::vector<TestType> chosen, added;
      for (std::size_t i = 0; i < a.size(); ++i) {
        condition[i] = a[i] > b[i];
        chosen.push_back(std::max(a[i], b[i]));
        added.push_back(a[i] + b[i]);
      }
      auto y = zeros<TestType>(n);
      k::select(n, condition.get(), a.data(), b.data(), y.data());
      CHECK(y == chosen);
      y = a;
      k::add_to(n, b.data(), y.data());
      CHECK(y == added);
      k::fill(n, TestType(2.5), y.data());
      CHECK(y == std::vector<TestType>(a.size(), TestType(2.5)));
    });
  }
}

TEMPLATE_TEST_CASE("activation gradients follow from the result", "[map]", float, double) {
  using Kind = Activation::Kind;
  const std::int64_t n = 1003;
  const auto x = random_values<TestType>(n, 8, -3, 3), g = random_values<TestType>(n, 9);
  for_each_isa([&] {
    // As in PyTorch: 0 at 0 and below, g above and where the result is NaN.
    const std::vector<TestType> results{0, TestType(-0.0), std::numeric_limits<TestType>::quiet_NaN(), 1}, ones(4, 1);
    auto slopes = zeros<TestType>(4);
    k::activation_grad({Kind::relu}, 4, results.data(), ones.data(), slopes.data());
    CHECK(slopes == std::vector<TestType>{0, 0, 1, 1});
    for (auto [kind, op] : {std::pair{Kind::none, Unary::affine},
                            {Kind::relu, Unary::relu},
                            {Kind::leaky_relu, Unary::leaky_relu},
                            {Kind::tanh, Unary::tanh},
                            {Kind::sigmoid, Unary::sigmoid}}) {
      const double slope = kind == Kind::none ? 1 : 0.2;
      auto y = zeros<TestType>(n);
      k::unary(op, n, x.data(), y.data(), static_cast<TestType>(slope));
      std::vector<double> expected;
      for (std::size_t i = 0; i < x.size(); ++i) {
        const auto v = static_cast<double>(x[i]), h = 1e-4;
        const double derivative = (reference(op, v + h, slope, 0) - reference(op, v - h, slope, 0)) / (2 * h);
        // At the kink the difference quotient is no reference.
        expected.push_back(static_cast<double>(g[i]) *
                           (std::abs(v) < 2 * h ? (op == Unary::relu ? 0.0 : slope) : derivative));
      }
      const Activation activation{kind, slope};
      auto dx = g;
      k::activation_grad(activation, n, y.data(), dx.data(), dx.data());
      INFO("kind " << static_cast<int>(kind));
      CHECK(difference(dx, expected) < 1e-6);
    }
  });
}
