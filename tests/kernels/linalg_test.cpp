#include <agon/kernels/linalg.hpp>

#include "kernel_test.hpp"

namespace k = agon::kernels;
using namespace kernel_test;

namespace {

struct Matrix {
  std::int64_t rows, cols;
};

/// What orthogonalize is to do, by Gram and Schmidt in long double: a definition, slow and plain.
template <class T>
std::vector<double> gram_schmidt(const Matrix& size, const std::vector<T>& a) {
  const bool tall = size.rows >= size.cols;
  const auto m = tall ? size.rows : size.cols, n = tall ? size.cols : size.rows;
  const auto at = [&](std::int64_t i, std::int64_t j) {
    return static_cast<std::size_t>(tall ? i * size.cols + j : j * size.cols + i);
  };
  std::vector<long double> q(a.begin(), a.end());
  for (std::int64_t j = 0; j < n; ++j) {
    for (int twice = 0; twice < 2; ++twice)
      for (std::int64_t before = 0; before < j; ++before) {
        long double dot = 0;
        for (std::int64_t i = 0; i < m; ++i) dot += q[at(i, before)] * q[at(i, j)];
        for (std::int64_t i = 0; i < m; ++i) q[at(i, j)] -= dot * q[at(i, before)];
      }
    long double squares = 0;
    for (std::int64_t i = 0; i < m; ++i) squares += q[at(i, j)] * q[at(i, j)];
    for (std::int64_t i = 0; i < m; ++i) q[at(i, j)] /= std::sqrt(squares);
  }
  return {q.begin(), q.end()};
}

/// Largest deviation of the shorter side's Gram matrix from the identity.
template <class T>
double deviation(const Matrix& size, const std::vector<T>& a) {
  const bool tall = size.rows >= size.cols;
  const auto m = tall ? size.rows : size.cols, n = tall ? size.cols : size.rows;
  double worst = 0;
  for (std::int64_t i = 0; i < n; ++i)
    for (std::int64_t j = 0; j <= i; ++j) {
      double dot = 0;
      for (std::int64_t l = 0; l < m; ++l) {
        const auto u = static_cast<std::size_t>(tall ? l * size.cols + i : i * size.cols + l);
        const auto v = static_cast<std::size_t>(tall ? l * size.cols + j : j * size.cols + l);
        dot += static_cast<double>(a[u]) * static_cast<double>(a[v]);
      }
      worst = std::max(worst, std::abs(dot - (i == j ? 1 : 0)));
    }
  return worst;
}

}  // namespace

TEMPLATE_TEST_CASE("orthogonalize gives Q of the QR decomposition", "[linalg]", float, double) {
  for (const Matrix& size : {Matrix{0, 3}, {1, 1}, {1, 7}, {7, 1}, {5, 5}, {17, 40}, {40, 17}, {300, 64}, {64, 1000}}) {
    const auto a = random_values<TestType>(size.rows * size.cols, 1);
    const auto q = with_any_threads([&] {
      auto out = a;
      k::orthogonalize(size.rows, size.cols, out.data());
      return out;
    });
    INFO(size.rows << " x " << size.cols);
    CHECK(deviation(size, q) < tolerance<TestType>(50));
    CHECK(difference(q, gram_schmidt(size, a)) < (std::is_same_v<TestType, float> ? 1e-6 : 1e-11));
  }
}

TEST_CASE("orthogonalize of dependent and zero columns is orthonormal all the same", "[linalg]") {
  const Matrix size{6, 3};
  std::vector<double> a(18);
  for (std::size_t i = 0; i < 6; ++i) a[3 * i] = a[3 * i + 1] = static_cast<double>(i) - 2;
  k::orthogonalize(size.rows, size.cols, a.data());
  CHECK(deviation(size, a) < 1e-14);
  std::vector<double> zero(18);
  k::orthogonalize(3, 6, zero.data());
  CHECK(deviation({3, 6}, zero) < 1e-14);
}
