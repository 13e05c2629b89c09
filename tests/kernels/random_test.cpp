#include <agon/kernels/random.hpp>

#include "kernel_test.hpp"

namespace k = agon::kernels;
using agon::StreamKey;
using namespace kernel_test;

namespace {

constexpr StreamKey key{42, 7};

struct Moments {
  double mean, variance, skewness, kurtosis;
};

template <class T>
Moments moments(const std::vector<T>& x) {
  const auto n = static_cast<double>(x.size());
  double mean = 0, m2 = 0, m3 = 0, m4 = 0;
  for (T v : x) mean += static_cast<double>(v) / n;
  for (T v : x) {
    const double d = static_cast<double>(v) - mean;
    m2 += d * d / n;
    m3 += d * d * d / n;
    m4 += d * d * d * d / n;
  }
  return {mean, m2, m3 / std::pow(m2, 1.5), m4 / (m2 * m2)};
}

}  // namespace

TEMPLATE_TEST_CASE("random numbers do not depend on how they are split", "[random]", float, double) {
  using T = TestType;
  const std::int64_t n = 10007;
  const auto ones = std::vector<T>(static_cast<std::size_t>(n), T(1));
  const auto check_split = [&](auto fill) {
    for_each_isa([&] {
      const auto whole = with_any_threads([&] {
        auto out = zeros<T>(n);
        fill(std::uint64_t{100}, n, out.data());
        return out;
      });
      auto parts = zeros<T>(n);
      for (std::int64_t first = 0; first < n; first += 977)
        fill(100 + static_cast<std::uint64_t>(first), std::min<std::int64_t>(977, n - first), parts.data() + first);
      CHECK(same_bits(parts, whole));
    });
  };
  check_split([](auto offset, auto count, T* out) { k::uniform(key, offset, count, T(-2), T(5), out); });
  check_split([](auto offset, auto count, T* out) { k::normal(key, offset, count, T(1), T(3), out); });
  check_split([&](auto offset, auto count, T* out) { k::dropout(key, offset, count, 0.3, ones.data(), out); });
}

TEMPLATE_TEST_CASE("moments of uniform and normal numbers", "[random]", float, double) {
  using T = TestType;
  const std::int64_t n = 400000;
  auto x = zeros<T>(n);
  k::uniform(key, 0, n, T(-1), T(3), x.data());
  CHECK(*std::min_element(x.begin(), x.end()) >= -1);
  CHECK(*std::max_element(x.begin(), x.end()) < 3);
  auto m = moments(x);
  CHECK(m.mean == Approx(1).margin(0.01));
  CHECK(m.variance == Approx(16.0 / 12).margin(0.01));
  CHECK(m.skewness == Approx(0).margin(0.02));
  CHECK(m.kurtosis == Approx(1.8).margin(0.02));
  k::normal(key, 0, n, T(2), T(0.5), x.data());
  m = moments(x);
  CHECK(m.mean == Approx(2).margin(0.005));
  CHECK(m.variance == Approx(0.25).margin(0.003));
  CHECK(m.skewness == Approx(0).margin(0.02));
  CHECK(m.kurtosis == Approx(3).margin(0.05));
}

TEST_CASE("normal numbers follow from Box and Muller's formula", "[random]") {
  std::vector<double> x(1000), expected;
  k::normal(key, 5, 1000, 0.0, 1.0, x.data());
  for (std::uint64_t i = 0; i < 1000; ++i) {
    const auto words = agon::philox(key, 5 + i);
    const double u = 1 - agon::to_unit(words[0], words[1]), v = agon::to_unit(words[2], words[3]);
    expected.push_back(std::sqrt(-2 * std::log(u)) * std::cos(2 * 3.14159265358979323846 * v));
  }
  CHECK(difference(x, expected) < 1e-14);
}

TEST_CASE("normal and uniform numbers have the same bits everywhere", "[random]") {
  std::vector<double> x(4);
  k::normal(StreamKey{1, 2}, 3, 4, 0.0, 1.0, x.data());
  CHECK(x ==
        std::vector<double>{-0x1.fa2e18a6ad272p+0, -0x1.c4f80daa730ffp+0, 0x1.653f7141abf72p-1, -0x1.43290332f06cp+0});
  k::uniform(StreamKey{1, 2}, 3, 4, 0.0, 1.0, x.data());
  CHECK(x ==
        std::vector<double>{0x1.bc117ea4cc7dfp-1, 0x1.af995050666abp-1, 0x1.38484d2eb144ap-2, 0x1.1932ff1f238bp-1});
}

TEST_CASE("uniform floats stay below the upper bound", "[random]") {
  // Half of the doubles that near 2 round to 2.
  std::vector<float> x(1 << 20);
  k::uniform(key, 0, 1 << 20, 2.0f - 0x1p-22f, 2.0f, x.data());
  CHECK(*std::max_element(x.begin(), x.end()) < 2.0f);
}

TEST_CASE("dropout compares the first word of an element's block", "[random]") {
  const double p = 0.4;
  const std::uint64_t offset = 0xfffffff0;  // block numbers carry into their upper half
  const auto x = random_values<float>(1003, 1, 1, 2);
  std::vector<float> expected;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const bool dropped = agon::philox({~key.seed, ~key.stream}, offset + i)[0] < p * 0x1p32 - 1;
    expected.push_back(dropped ? 0.0f : x[i] * static_cast<float>(1 / (1 - p)));
  }
  for_each_isa([&] {
    auto y = zeros<float>(1003);
    k::dropout({~key.seed, ~key.stream}, offset, 1003, p, x.data(), y.data());
    CHECK(y == expected);
  });
}

TEMPLATE_TEST_CASE("dropout keeps a share of 1 - p and the mean", "[random]", float, double) {
  using T = TestType;
  const std::int64_t n = 200000;
  const std::vector<T> x(static_cast<std::size_t>(n), T(2));
  for (double p : {0.0, 0.25, 0.5, 1.0}) {
    auto y = zeros<T>(n);
    k::dropout(key, 0, n, p, x.data(), y.data());
    const auto kept = n - std::count(y.begin(), y.end(), T(0));
    CHECK(static_cast<double>(kept) / static_cast<double>(n) == Approx(1 - p).margin(0.01));
    for (T v : y) REQUIRE((v == 0 || v == Approx(2 / (1 - p))));
  }
}
