#include <agon/kernels/pool2d.hpp>

#include "kernel_test.hpp"

namespace k = agon::kernels;
using k::PoolShape;
using namespace kernel_test;

namespace {

PoolShape pooling(std::int64_t n, std::int64_t h, std::int64_t w, std::int64_t c, std::int64_t size,
                  std::int64_t stride) {
  return {n, h, w, c, size, stride, (h - size) / stride + 1, (w - size) / stride + 1};
}

const PoolShape cases[] = {pooling(1, 1, 1, 1, 1, 1), pooling(2, 4, 6, 3, 2, 2),    pooling(3, 7, 5, 17, 3, 2),
                           pooling(2, 9, 8, 5, 3, 1), pooling(1, 11, 10, 64, 2, 3), pooling(8, 14, 14, 33, 2, 2),
                           pooling(0, 4, 4, 3, 2, 2)};

/// body(position in y, position in x) for every pair of an element of the result and one of its window.
template <class Body>
void for_each_pair(const PoolShape& s, const Body& body) {
  for (std::int64_t y = 0; y < s.n * s.oh * s.ow * s.c; ++y) {
    const auto c = y % s.c, ox = y / s.c % s.ow, oy = y / s.c / s.ow % s.oh, i = y / s.c / s.ow / s.oh;
    for (std::int64_t a = 0; a < s.k; ++a)
      for (std::int64_t b = 0; b < s.k; ++b)
        body(static_cast<std::size_t>(y),
             static_cast<std::size_t>(((i * s.h + oy * s.stride + a) * s.w + ox * s.stride + b) * s.c + c));
  }
}

}  // namespace

TEMPLATE_TEST_CASE("max pooling finds the first largest of each window", "[pool2d]", float, double) {
  for (const auto& s : cases) {
    auto x = random_values<TestType>(s.n * s.h * s.w * s.c, 1);
    for (auto& v : x) v = std::round(v * 3);  // many ties
    std::vector<std::int64_t> expected(static_cast<std::size_t>(s.n * s.oh * s.ow * s.c), -1);
    for_each_pair(s, [&](std::size_t out, std::size_t in) {
      if (expected[out] < 0 || x[in] > x[static_cast<std::size_t>(expected[out])])
        expected[out] = static_cast<std::int64_t>(in);
    });
    for_each_isa([&] {
      auto y = zeros<TestType>(static_cast<std::int64_t>(expected.size()));
      const auto index = with_any_threads([&] {
        auto out = expected;
        k::max_pool2d(s, x.data(), y.data(), out.data());
        return out;
      });
      CHECK(index == expected);
      for (std::size_t i = 0; i < y.size(); ++i) REQUIRE(y[i] == x[static_cast<std::size_t>(index[i])]);
    });
  }
}

TEMPLATE_TEST_CASE("max pooling finds the first NaN of a window", "[pool2d]", float, double) {
  const TestType nan = std::numeric_limits<TestType>::quiet_NaN();
  const auto s = pooling(1, 4, 2, 1, 2, 2);
  const std::vector<TestType> x{1, nan, nan, 9, nan, 5, 6, 7};
  for_each_isa([&] {
    auto y = zeros<TestType>(2);
    auto index = zeros<std::int64_t>(2);
    k::max_pool2d(s, x.data(), y.data(), index.data());
    CHECK(index == std::vector<std::int64_t>{1, 4});
    for (TestType v : y) CHECK(std::isnan(v));
  });
}

TEMPLATE_TEST_CASE("average pooling and its adjoint", "[pool2d]", float, double) {
  for (const auto& s : cases) {
    const auto x = random_values<TestType>(s.n * s.h * s.w * s.c, 2),
               g = random_values<TestType>(s.n * s.oh * s.ow * s.c, 3);
    std::vector<double> y(g.size()), dx(x.size());
    const double share = 1 / static_cast<double>(s.k * s.k);
    for_each_pair(s, [&](std::size_t out, std::size_t in) {
      y[out] += share * static_cast<double>(x[in]);
      dx[in] += share * static_cast<double>(g[out]);
    });
    for_each_isa([&] {
      CHECK(difference(with_any_threads([&] {
                         std::vector<TestType> out(y.size(), TestType(9));
                         k::avg_pool2d(s, x.data(), out.data());
                         return out;
                       }),
                       y) < tolerance<TestType>(4));
      CHECK(difference(with_any_threads([&] {
                         std::vector<TestType> out(dx.size(), TestType(9));
                         k::avg_pool2d_grad(s, g.data(), out.data());
                         return out;
                       }),
                       dx) < tolerance<TestType>(4));
    });
  }
}

TEMPLATE_TEST_CASE("nearest upsampling and its adjoint", "[pool2d]", float, double) {
  const std::int64_t n = 3, h = 5, w = 4;
  for (std::int64_t c : {1, 3, 64, 70})
    for (std::int64_t f : {1, 2, 3}) {
      const auto x = random_values<TestType>(n * h * w * c, 4), g = random_values<TestType>(n * h * w * f * f * c, 5);
      std::vector<TestType> y;
      std::vector<double> dx(x.size());
      for (std::int64_t i = 0; i < n * h * f * w * f; ++i)
        for (std::int64_t k = 0; k < c; ++k) {
          const auto col = i % (w * f), row = i / (w * f) % (h * f), image = i / (w * f * h * f);
          const auto in = static_cast<std::size_t>(((image * h + row / f) * w + col / f) * c + k);
          y.push_back(x[in]);
          dx[in] += static_cast<double>(g[static_cast<std::size_t>(i * c + k)]);
        }
      for_each_isa([&] {
        CHECK(y == with_any_threads([&] {
                auto out = zeros<TestType>(static_cast<std::int64_t>(y.size()));
                k::upsample_nearest2d(n, h, w, c, f, x.data(), out.data());
                return out;
              }));
        CHECK(difference(with_any_threads([&] {
                           std::vector<TestType> out(dx.size(), TestType(9));
                           k::upsample_nearest2d_grad(n, h, w, c, f, g.data(), out.data());
                           return out;
                         }),
                         dx) < tolerance<TestType>(8));
      });
    }
}
