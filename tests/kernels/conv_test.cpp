#include <agon/kernels/conv.hpp>

#include "kernel_test.hpp"

using agon::Activation;
using agon::kernels::ConvShape;
using agon::kernels::Epilogue;
using namespace kernel_test;

namespace {

ConvShape conv_shape(std::int64_t n, std::int64_t h, std::int64_t w, std::int64_t c, std::int64_t o, std::int64_t kh,
                     std::int64_t kw, std::int64_t stride, std::int64_t padding) {
  return {
      n, h, w, c, o, kh, kw, stride, padding, (h + 2 * padding - kh) / stride + 1, (w + 2 * padding - kw) / stride + 1};
}

std::string text(const ConvShape& s) {
  std::ostringstream out;
  out << s.n << " x " << s.h << " x " << s.w << " x " << s.c << " -> " << s.o << ", kernel " << s.kh << " x " << s.kw
      << ", stride " << s.stride << ", padding " << s.padding;
  return out.str();
}

/// Shapes all of whose passes go by Winograd's algorithm: tiles that hang over, tiles of four and of three results or
/// of three alone, pixels that no window sees, paddings, channels that are no whole vectors of AVX-512.
std::vector<ConvShape> winograd_shapes() {
  return {conv_shape(12, 14, 14, 16, 64, 4, 4, 2, 1), conv_shape(3, 30, 29, 32, 48, 4, 4, 2, 0),
          conv_shape(3, 25, 26, 32, 32, 4, 4, 2, 3),  conv_shape(3, 28, 27, 64, 16, 4, 4, 2, 2),
          conv_shape(3, 28, 28, 24, 48, 4, 4, 2, 1),  conv_shape(3, 27, 28, 40, 32, 4, 4, 2, 1),
          conv_shape(16, 14, 14, 32, 32, 4, 4, 2, 0), conv_shape(8, 18, 20, 32, 32, 4, 4, 2, 1)};
}

/// Shapes whose weight gradients copy their operands with every instruction set: some taps a job, and all of them.
std::vector<ConvShape> shapes_to_copy() {
  return {conv_shape(2, 40, 39, 48, 33, 3, 3, 1, 1), conv_shape(33, 14, 14, 48, 112, 1, 2, 1, 1),
          conv_shape(4, 57, 57, 16, 33, 3, 3, 2, 1)};
}

/// Shapes that take every way through the kernels: one and many channels, windows that hang over the edges or miss
/// pixels, kernels smaller and larger than stride, padding and image, images as jobs and rows as jobs.
std::vector<ConvShape> shapes() {
  std::vector<ConvShape> all;
  for (std::int64_t c : {1, 3, 20})
    for (std::int64_t o : {1, 2, 33})
      for (auto [k, stride, padding] : {std::array{1, 1, 0},
                                        {3, 1, 1},
                                        {4, 2, 1},
                                        {3, 2, 1},
                                        {2, 2, 0},
                                        {1, 2, 0},
                                        {2, 3, 0},
                                        {3, 1, 4},
                                        {5, 1, 2},
                                        {4, 3, 2}})
        all.push_back(conv_shape(2, 9, 7, c, o, k, k, stride, padding));
  all.push_back(conv_shape(1, 6, 11, 5, 17, 1, 3, 1, 0));
  all.push_back(conv_shape(0, 6, 6, 16, 4, 3, 3, 1, 1));  // no images, in vectors of every instruction set
  all.push_back(conv_shape(3, 8, 4, 16, 32, 4, 2, 2, 2));
  all.push_back(conv_shape(1, 1, 1, 4, 4, 3, 3, 1, 1));
  all.push_back(conv_shape(1, 40, 36, 24, 40, 3, 3, 1, 1));
  all.push_back(conv_shape(20, 7, 7, 64, 16, 4, 4, 2, 1));
  // Weight gradients whose operands are copied: several images at a time, a row at a time, rows that no tap sees, all
  // taps in one job; and in place, as windows leave pixels out.
  all.push_back(conv_shape(20, 7, 7, 24, 33, 3, 3, 1, 1));
  all.push_back(conv_shape(2, 5, 410, 8, 13, 3, 3, 1, 1));
  all.push_back(conv_shape(5, 13, 9, 8, 20, 3, 3, 2, 4));
  all.push_back(conv_shape(33, 14, 14, 8, 16, 3, 3, 1, 1));
  all.push_back(conv_shape(4, 31, 30, 16, 17, 2, 2, 3, 0));
  all.push_back(conv_shape(33, 14, 14, 1, 48, 4, 4, 2, 1));
  for (const auto& s : shapes_to_copy()) all.push_back(s);
  for (const auto& s : winograd_shapes()) all.push_back(s);
  all.push_back(conv_shape(3, 28, 28, 48, 24, 4, 4, 2, 1));  // float with AVX-512: only the gradients
  all.push_back(conv_shape(3, 28, 28, 28, 48, 4, 4, 2, 1));  // no whole vectors of AVX-512, float or double
  all.push_back(conv_shape(48, 8, 8, 32, 32, 4, 4, 2, 1));   // only forward and the weight gradient
  all.push_back(conv_shape(3, 30, 28, 32, 32, 4, 4, 2, 8));  // only the input gradient, padding beyond the kernel
  return all;
}

struct ByWinograd {
  bool forward, input_grad, weight_grad;
  friend bool operator==(const ByWinograd&, const ByWinograd&) = default;
};

template <class T>
ByWinograd by_winograd(const ConvShape& s) {
  namespace driver = agon::kernels::conv_driver;
  const auto tile = agon::kernels::gemm_driver::tile_size<T>(agon::active_isa());
  const auto forward = driver::winograd_forward(s), input_grad = driver::winograd_input_grad(s);
  return {driver::prefer_winograd(s, forward, forward.out.depth(), tile, sizeof(T)),
          driver::prefer_winograd(s, input_grad, input_grad.out.depth(), tile, sizeof(T)),
          driver::prefer_winograd(s, forward, forward.in.depth(), tile, sizeof(T))};
}

template <class T>
struct Operands {
  ConvShape s;
  std::vector<T> x, w, g;

  explicit Operands(const ConvShape& shape)
      : s(shape),
        x(random_values<T>(s.n * s.h * s.w * s.c, 1)),
        w(random_values<T>(s.o * s.kh * s.kw * s.c, 2)),
        g(random_values<T>(s.n * s.oh * s.ow * s.o, 3)) {}

  std::vector<T> forward(const Epilogue<T>& epilogue = {}) const {
    std::vector<T> y(g.size(), T(9));
    agon::kernels::conv2d<T>(s, x.data(), w.data(), y.data(), epilogue);
    return y;
  }
  std::vector<T> input_grad(const Epilogue<T>& epilogue = {}) const {
    std::vector<T> dx(x.size(), T(9));
    agon::kernels::conv2d_input_grad<T>(s, g.data(), w.data(), dx.data(), epilogue);
    return dx;
  }
  std::vector<T> weight_grad() const {
    std::vector<T> dw(w.size(), T(9));
    agon::kernels::conv2d_weight_grad<T>(s, x.data(), g.data(), dw.data());
    return dw;
  }
};

/// The three passes by their definition.
struct Expected {
  std::vector<double> y, dx, dw;
};

template <class T>
Expected by_definition(const Operands<T>& p) {
  const auto& s = p.s;
  Expected e{std::vector<double>(p.g.size()), std::vector<double>(p.x.size()), std::vector<double>(p.w.size())};
  for (std::int64_t n = 0; n < s.n; ++n)
    for (std::int64_t oy = 0; oy < s.oh; ++oy)
      for (std::int64_t ox = 0; ox < s.ow; ++ox)
        for (std::int64_t o = 0; o < s.o; ++o)
          for (std::int64_t ky = 0; ky < s.kh; ++ky)
            for (std::int64_t kx = 0; kx < s.kw; ++kx) {
              const std::int64_t y = oy * s.stride + ky - s.padding, x = ox * s.stride + kx - s.padding;
              if (y < 0 || y >= s.h || x < 0 || x >= s.w) continue;
              for (std::int64_t c = 0; c < s.c; ++c) {
                const auto at_y = static_cast<std::size_t>(((n * s.oh + oy) * s.ow + ox) * s.o + o);
                const auto at_x = static_cast<std::size_t>(((n * s.h + y) * s.w + x) * s.c + c);
                const auto at_w = static_cast<std::size_t>(((o * s.kh + ky) * s.kw + kx) * s.c + c);
                const double vx = p.x[at_x], vw = p.w[at_w], vg = p.g[at_y];
                e.y[at_y] += vx * vw;
                e.dx[at_x] += vg * vw;
                e.dw[at_w] += vg * vx;
              }
            }
  return e;
}

template <class T>
double inner_product(const std::vector<T>& a, const std::vector<T>& b) {
  double total = 0;
  for (std::size_t i = 0; i < a.size(); ++i) total += static_cast<double>(a[i]) * static_cast<double>(b[i]);
  return total;
}

}  // namespace

TEMPLATE_TEST_CASE("convolution and its gradients follow their definition", "[conv]", float, double) {
  using T = TestType;
  for (const auto& s : shapes()) {
    INFO(text(s));
    const Operands<T> p(s);
    const auto expected = by_definition(p);
    for_each_isa([&] {
      const auto winograd = by_winograd<T>(s);  // its rounding errors are two to five times as large
      const auto near = [](std::int64_t terms, bool larger) {
        return (larger ? 5 : 1) * tolerance<T>(8 + static_cast<double>(terms) / 2);
      };
      CHECK(difference(p.forward(), expected.y) < near(s.kh * s.kw * s.c, winograd.forward));
      CHECK(difference(p.input_grad(), expected.dx) < near(s.kh * s.kw * s.o, winograd.input_grad));
      CHECK(difference(p.weight_grad(), expected.dw) < near(s.n * s.oh * s.ow, winograd.weight_grad));
    });
  }
}

TEMPLATE_TEST_CASE("convolutions go by Winograd's algorithm where it pays", "[conv]", float, double) {
  for_each_isa([&] {
    for (const auto& s : winograd_shapes()) CHECK(by_winograd<TestType>(s) == ByWinograd{true, true, true});
    CHECK(by_winograd<TestType>(conv_shape(48, 8, 8, 32, 32, 4, 4, 2, 1)) == ByWinograd{true, false, true});
    CHECK(by_winograd<TestType>(conv_shape(3, 30, 28, 32, 32, 4, 4, 2, 8)) == ByWinograd{false, true, false});
    const auto lanes = agon::kernels::gemm_driver::tile_size<TestType>(agon::active_isa()).lanes;
    CHECK(by_winograd<TestType>(conv_shape(3, 28, 28, 48, 24, 4, 4, 2, 1)) == ByWinograd{24 % lanes == 0, true, true});
    CHECK(by_winograd<TestType>(conv_shape(3, 28, 28, 9, 128, 4, 4, 2, 1)).forward == (9 % lanes == 0));
    const ByWinograd none{false, false, false};
    CHECK(by_winograd<TestType>(conv_shape(4, 14, 14, 32, 32, 4, 4, 2, 1)) == none);       // few tiles
    CHECK(by_winograd<TestType>(conv_shape(64, 14, 14, 16, 32, 4, 4, 2, 1)) == none);      // few channels
    CHECK(by_winograd<TestType>(conv_shape(64, 28, 28, 1, 64, 4, 4, 2, 1)) == none);       // not whole vectors
    CHECK(by_winograd<TestType>(conv_shape(512, 4, 4, 64, 64, 4, 4, 2, 1)) == none);       // one tile an image
    CHECK(by_winograd<TestType>(conv_shape(64, 14, 14, 1024, 1024, 4, 4, 2, 1)) == none);  // weights beyond the caches
    CHECK(by_winograd<TestType>(conv_shape(64, 14, 14, 64, 64, 3, 3, 1, 1)) == none);
  });
}

TEMPLATE_TEST_CASE("Winograd's weights at the points do not depend on where a piece of them begins", "[conv]", float,
                   double) {
  using T = TestType;
  namespace driver = agon::kernels::conv_driver;
  for (const auto& s : {conv_shape(3, 28, 28, 24, 48, 4, 4, 2, 1), conv_shape(3, 30, 29, 32, 48, 4, 4, 2, 0)})
    for (const bool forward : {true, false}) {
      INFO(text(s) << (forward ? ", forward" : ", input gradient"));
      const auto w = random_values<T>(s.o * 16 * s.c, 2);
      for_each_isa([&] {
        const auto isa = agon::active_isa();
        const auto shape = forward ? driver::winograd_forward(s) : driver::winograd_input_grad(s);
        const auto size = static_cast<std::size_t>(25 * shape.point_size());
        const auto vectors = shape.in.depth() * shape.out.depth() / agon::kernels::gemm_driver::tile_size<T>(isa).lanes;
        std::vector<T> whole(size), pieces(size);
        driver::winograd_weights<T>(isa, shape, {forward}, 0, vectors, w.data(), whole.data());
        for (std::int64_t first = 0; first < vectors; first += 7)
          driver::winograd_weights<T>(isa, shape, {forward}, first, std::min(first + 7, vectors), w.data(),
                                      pieces.data());
        CHECK(whole == pieces);
      });
    }
}

TEMPLATE_TEST_CASE("weight gradients copy their operands where it pays", "[conv]", float, double) {
  for_each_isa([&] {
    const auto rows = agon::kernels::gemm_driver::tile_size<TestType>(agon::active_isa()).rows;
    const auto copies = [&](const ConvShape& s) {
      return agon::kernels::detail::copies_pixels(agon::kernels::conv_driver::windows_of(s), s.o, sizeof(TestType),
                                                  rows);
    };
    for (const auto& s : shapes_to_copy()) CHECK(copies(s));
    CHECK(copies(conv_shape(64, 14, 14, 16, 33, 3, 3, 1, 1)) == (rows <= 8));  // small images
    CHECK(copies(conv_shape(1, 40, 39, 48, 33, 3, 3, 1, 1)) == (rows <= 8));   // few windows
    CHECK_FALSE(copies(conv_shape(2, 40, 39, 16, 8, 3, 3, 1, 1)));             // few rows
    CHECK_FALSE(copies(conv_shape(8, 40, 39, 16, 33, 2, 2, 3, 1)));            // windows leave pixels out
  });
}

TEMPLATE_TEST_CASE("convolution gives the same bits with any number of threads", "[conv]", float, double) {
  for (const auto& s : {conv_shape(1, 40, 36, 24, 40, 3, 3, 1, 1), conv_shape(33, 14, 14, 1, 48, 4, 4, 2, 1),
                        conv_shape(20, 14, 14, 32, 64, 4, 4, 2, 1), conv_shape(6, 28, 28, 24, 48, 4, 4, 2, 1),
                        conv_shape(6, 28, 28, 48, 28, 4, 4, 2, 1), conv_shape(7, 14, 14, 32, 64, 4, 4, 2, 1),
                        conv_shape(16, 20, 20, 32, 1, 3, 3, 1, 1), conv_shape(20, 14, 14, 24, 40, 3, 3, 1, 1),
                        conv_shape(2, 40, 39, 48, 33, 3, 3, 1, 1), conv_shape(33, 14, 14, 48, 112, 1, 2, 1, 1)}) {
    INFO(text(s));
    const Operands<TestType> p(s);
    for_each_isa([&] {
      with_any_threads([&] { return p.forward(); });
      with_any_threads([&] { return p.input_grad(); });
      with_any_threads([&] { return p.weight_grad(); });
    });
  }
}

TEMPLATE_TEST_CASE("the passes of a convolution are each other's adjoints", "[conv]", float, double) {
  // <g, conv(x, w)> = <input_grad(g, w), x> = <weight_grad(x, g), w>
  for (const auto& s : shapes()) {
    INFO(text(s));
    const Operands<TestType> p(s);
    const double scale = static_cast<double>(p.g.size() + p.x.size() + p.w.size());
    for_each_isa([&] {
      const double y = inner_product(p.g, p.forward());
      CHECK(std::abs(inner_product(p.input_grad(), p.x) - y) < tolerance<TestType>(scale));
      CHECK(std::abs(inner_product(p.weight_grad(), p.w) - y) < tolerance<TestType>(scale));
    });
  }
}

TEMPLATE_TEST_CASE("convolution and input gradient with bias, activation and accumulation", "[conv]", float, double) {
  using T = TestType;
  for (const auto& s :
       {conv_shape(2, 9, 7, 3, 1, 3, 3, 1, 1), conv_shape(2, 10, 8, 1, 20, 4, 4, 2, 1),
        conv_shape(1, 5, 5, 17, 40, 1, 1, 1, 0), conv_shape(2, 5, 5, 35, 40, 2, 2, 3, 0), winograd_shapes()[2],
        winograd_shapes()[3], winograd_shapes()[4], conv_shape(3, 28, 28, 28, 48, 4, 4, 2, 1)}) {
    INFO(text(s));
    const Operands<T> p(s);
    const auto bias_y = random_values<T>(s.o, 4), bias_x = random_values<T>(s.c, 5);
    const Activation leaky{Activation::Kind::leaky_relu, 0.2};
    const auto finished = [&](std::vector<T> plain, const std::vector<T>& bias) {
      for (std::size_t i = 0; i < plain.size(); ++i) {
        const T v = plain[i] + bias[i % bias.size()];
        plain[i] = v > 0 ? v : T(0.2) * v;
      }
      return plain;
    };
    for_each_isa([&] {
      CHECK(difference(p.forward({.bias = bias_y.data(), .activation = leaky}), finished(p.forward(), bias_y)) <
            tolerance<T>(8));
      CHECK(difference(p.input_grad({.bias = bias_x.data(), .activation = leaky}), finished(p.input_grad(), bias_x)) <
            tolerance<T>(8));
      const auto add = [](std::vector<T> v) {
        for (T& value : v) value += T(9);
        return v;
      };
      CHECK(difference(p.forward({.accumulate = true}), add(p.forward())) < tolerance<T>(64));
      CHECK(difference(p.input_grad({.accumulate = true}), add(p.input_grad())) < tolerance<T>(64));
    });
  }
}

TEMPLATE_TEST_CASE("convolution of nothing", "[conv]", float, double) {
  for (const auto& s : {conv_shape(0, 5, 5, 3, 4, 3, 3, 1, 1), conv_shape(2, 5, 5, 0, 4, 3, 3, 1, 1),
                        conv_shape(2, 5, 5, 3, 0, 3, 3, 1, 1), conv_shape(0, 4, 4, 2, 2, 1, 1, 1, 0)}) {
    INFO(text(s));
    const Operands<TestType> p(s);
    for_each_isa([&] {
      CHECK(p.forward() == zeros<TestType>(s.n * s.oh * s.ow * s.o));
      CHECK(p.input_grad() == zeros<TestType>(s.n * s.h * s.w * s.c));
      CHECK(p.weight_grad() == zeros<TestType>(s.o * s.kh * s.kw * s.c));
    });
  }
}
