#include <agon/kernels/reduce.hpp>

#include "kernel_test.hpp"

namespace k = agon::kernels;
using namespace kernel_test;

namespace {

struct Sizes {
  std::int64_t outer, reduced, inner;
};

const Sizes cases[] = {{1, 0, 1},    {3, 0, 5},    {0, 3, 2},     {1, 1, 1},    {1, 17, 1},    {1, 100003, 1},
                       {3, 5000, 1}, {1000, 3, 1}, {1, 1003, 3},  {1, 700, 64}, {1, 300, 65},  {1, 2000, 17},
                       {5, 300, 7},  {70, 17, 64}, {2, 3, 20001}, {1, 4, 1},    {1, 600, 1030}};

}  // namespace

TEMPLATE_TEST_CASE("sum over the middle axis", "[reduce]", float, double) {
  for (const Sizes& sizes : cases) {
    const auto outer = sizes.outer, reduced = sizes.reduced, inner = sizes.inner;
    const auto x = random_values<TestType>(outer * reduced * inner, 1);
    std::vector<double> expected(static_cast<std::size_t>(outer * inner));
    for (std::size_t i = 0; i < x.size(); ++i) {
      const auto at = static_cast<std::int64_t>(i);
      expected[static_cast<std::size_t>(at / (reduced * inner) * inner + at % inner)] += static_cast<double>(x[i]);
    }
    for_each_isa([&] {
      const auto y = with_any_threads([&] {
        std::vector<TestType> out(expected.size(), TestType(-7));
        k::sum(outer, reduced, inner, x.data(), out.data());
        return out;
      });
      INFO(outer << " x " << reduced << " x " << inner);
      CHECK(difference(y, expected) < tolerance<TestType>(6 * std::sqrt(static_cast<double>(reduced) + 1)));
    });
  }
}

TEST_CASE("long sums of floats do not lose what is small", "[reduce]") {
  const std::int64_t n = 1 << 24;
  const std::vector<float> x(static_cast<std::size_t>(n), 1.0f / 3);
  for_each_isa([&] {
    float y = 0;
    k::sum(1, n, 1, x.data(), &y);
    CHECK(std::abs(y / static_cast<float>(n) * 3 - 1) < 1e-5f);
  });
}

TEMPLATE_TEST_CASE("the maximum is the first NaN where there is one", "[reduce]", float, double) {
  const TestType nan = std::numeric_limits<TestType>::quiet_NaN();
  const std::vector<TestType> x{1, nan, 7, nan, 2, -nan, 3, 9, 4};
  const auto check = [&](std::int64_t outer, std::int64_t inner, const std::vector<std::int64_t>& first) {
    auto y = zeros<TestType>(3);
    auto index = zeros<std::int64_t>(3);
    k::max(outer, 3, inner, x.data(), y.data(), index.data());
    CHECK(index == first);
    for (std::size_t i = 0; i < 3; ++i) CHECK(same_bits<TestType>({y[i]}, {x[static_cast<std::size_t>(first[i])]}));
  };
  check(3, 1, {1, 3, 7});  // rows
  check(1, 3, {3, 1, 5});  // columns
}

TEMPLATE_TEST_CASE("max over the middle axis finds the first largest", "[reduce]", float, double) {
  for (const Sizes& sizes : cases) {
    const auto outer = sizes.outer, reduced = sizes.reduced, inner = sizes.inner;
    if (reduced == 0) continue;
    auto x = random_values<TestType>(outer * reduced * inner, 2);
    for (TestType& v : x) v = std::round(v * 4);  // many ties
    auto y = zeros<TestType>(outer * inner);
    const auto index = with_any_threads([&] {
      auto out = zeros<std::int64_t>(outer * inner);
      k::max(outer, reduced, inner, x.data(), y.data(), out.data());
      return out;
    });
    bool right = true;
    for (std::int64_t o = 0; o < outer; ++o)
      for (std::int64_t i = 0; i < inner; ++i) {
        auto best = o * reduced * inner + i;
        for (std::int64_t r = 1; r < reduced; ++r) {
          const auto at = (o * reduced + r) * inner + i;
          if (x[static_cast<std::size_t>(at)] > x[static_cast<std::size_t>(best)]) best = at;
        }
        const auto slot = static_cast<std::size_t>(o * inner + i);
        right = right && index[slot] == best && y[slot] == x[static_cast<std::size_t>(best)];
      }
    INFO(outer << " x " << reduced << " x " << inner);
    CHECK(right);
  }
}
