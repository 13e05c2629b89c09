#include <agon/kernels/softmax.hpp>

#include "kernel_test.hpp"

namespace k = agon::kernels;
using namespace kernel_test;

namespace {

struct Sizes {
  std::int64_t rows, cols;
};

const Sizes cases[] = {{0, 3}, {3, 0}, {1, 1}, {5, 3}, {4, 17}, {200, 196}, {3, 1003}, {2, 3001}};

std::vector<double> log_softmax(const Sizes& sizes, const std::vector<double>& x) {
  std::vector<double> y(x.size());
  const auto cols = static_cast<std::size_t>(sizes.cols);
  for (std::size_t first = 0; first < x.size(); first += cols) {
    const double top = *std::max_element(x.data() + first, x.data() + first + cols);
    double total = 0;
    for (std::size_t c = 0; c < cols; ++c) total += std::exp(x[first + c] - top);
    for (std::size_t c = 0; c < cols; ++c) y[first + c] = x[first + c] - top - std::log(total);
  }
  return y;
}

double row_dot(const Sizes& sizes, const std::vector<double>& a, const std::vector<double>& b, std::size_t element) {
  const auto cols = static_cast<std::size_t>(sizes.cols), first = element / cols * cols;
  double dot = 0;
  for (std::size_t c = first; c < first + cols; ++c) dot += a[c] * b[c];
  return dot;
}

template <class T>
std::vector<double> widen(const std::vector<T>& x) {
  return {x.begin(), x.end()};
}

}  // namespace

TEMPLATE_TEST_CASE("softmax, log_softmax and their adjoints", "[softmax]", float, double) {
  for (const auto& sizes : cases) {
    const auto rows = sizes.rows, cols = sizes.cols;
    const auto n = rows * cols;
    const auto x = random_values<TestType>(n, 1, -20, 20), g = random_values<TestType>(n, 2);
    const auto log_y = log_softmax(sizes, widen(x));
    std::vector<double> y;
    for (double v : log_y) y.push_back(std::exp(v));
    std::vector<double> dx(y.size()), log_dx(y.size());
    const std::vector<double> ones(y.size(), 1.0), wide_g = widen(g);
    for (std::size_t i = 0; i < y.size(); ++i) {
      dx[i] = y[i] * (wide_g[i] - row_dot(sizes, y, wide_g, i));
      log_dx[i] = wide_g[i] - y[i] * row_dot(sizes, ones, wide_g, i);
    }
    const std::vector<TestType> y_in(y.begin(), y.end()), log_y_in(log_y.begin(), log_y.end());
    const auto run = [&](auto kernel, auto... inputs) {
      return with_any_threads([&] {
        auto out = zeros<TestType>(n);
        kernel(rows, cols, inputs..., out.data());
        return out;
      });
    };
    for_each_isa([&] {
      INFO(rows << " x " << cols);
      const auto bound = tolerance<TestType>(16),
                 sum_bound = tolerance<TestType>(16 + 8 * std::sqrt(static_cast<double>(cols)));
      const auto result = run(k::softmax<TestType>, x.data());
      CHECK(difference(result, y) < bound);
      CHECK(difference(run(k::log_softmax<TestType>, x.data()), log_y) < bound);
      CHECK(difference(run(k::softmax_grad<TestType>, y_in.data(), g.data()), dx) < bound);
      CHECK(difference(run(k::log_softmax_grad<TestType>, log_y_in.data(), g.data()), log_dx) < sum_bound);
      auto in_place = x;
      k::softmax(rows, cols, in_place.data(), in_place.data());
      CHECK(same_bits(in_place, result));
    });
  }
}

TEST_CASE("softmax of large logits and of masked ones", "[softmax]") {
  const float inf = std::numeric_limits<float>::infinity();
  const std::vector<float> x{1e30f, 1e30f, -inf, -1e30f, 1000, 999, -inf, -inf};
  for_each_isa([&] {
    auto y = zeros<float>(8);
    k::softmax(2, 4, x.data(), y.data());
    const double e = std::exp(1.0);
    CHECK(difference(y, std::vector<double>{0.5, 0.5, 0, 0, e / (1 + e), 1 / (1 + e), 0, 0}) < 1e-6);
    k::log_softmax(2, 2, x.data() + 4, y.data());
    CHECK(difference(std::vector<float>{y[0], y[1]}, std::vector<double>{-std::log1p(1 / e), -std::log1p(e)}) < 1e-6);
  });
}
