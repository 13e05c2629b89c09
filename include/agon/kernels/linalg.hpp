#pragma once

#include <agon/core/element.hpp>
#include <agon/core/parallel.hpp>

#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

namespace agon::kernels::detail {
inline namespace AGON_BUILD {

/// x := (I - 2 v v^T / |v|^2) x for vectors of n elements; `scale` is 2 / |v|^2.
inline void reflect(std::int64_t n, const double* v, double scale, double* x) {
  double dot[4] = {};  // several sums in flight hide the latency of an addition
  std::int64_t i = 0;
  for (; i + 4 <= n; i += 4)
    for (int k = 0; k < 4; ++k) dot[k] += v[i + k] * x[i + k];
  for (; i < n; ++i) dot[0] += v[i] * x[i];
  const double factor = scale * ((dot[0] + dot[1]) + (dot[2] + dot[3]));
  for (i = 0; i < n; ++i) x[i] -= factor * v[i];
}

/// The columns of a [n columns of m >= n elements, one after the other] become orthonormal: Q of A = Q R with a
/// positive diagonal of R (Householder; Golub and Van Loan 2013, 5.2).
inline void householder_q(std::int64_t m, std::int64_t n, std::vector<double>& a) {
  std::vector<double> scale(static_cast<std::size_t>(n)), sign(static_cast<std::size_t>(n), 1.0);
  const auto column = [&](std::int64_t j) { return a.data() + j * m; };
  for (std::int64_t k = 0; k < n; ++k) {
    double* v = column(k) + k;
    double squares = 0;
    for (std::int64_t i = 0; i < m - k; ++i) squares += v[i] * v[i];
    if (squares == 0) continue;  // nothing to reflect: this column of Q is a unit vector
    // v := x + sign(x0) |x| e0 maps x to -sign(x0) |x| e0, which is R's diagonal element.
    const double norm = v[0] < 0 ? -std::sqrt(squares) : std::sqrt(squares);
    sign[static_cast<std::size_t>(k)] = norm < 0 ? 1.0 : -1.0;
    scale[static_cast<std::size_t>(k)] = 1 / (squares + norm * v[0]);
    v[0] += norm;
    parallel_for(n - k - 1, 65536 / (m - k), [&](std::int64_t first, std::int64_t last) {
      for (auto j = k + 1 + first; j < k + 1 + last; ++j)
        reflect(m - k, v, scale[static_cast<std::size_t>(k)], column(j) + k);
    });
  }
  // Q = H_0 H_1 ... applied to the unit vectors, last reflection first.
  std::vector<double> q(a.size());
  parallel_for(n, 1, [&](std::int64_t first, std::int64_t last) {
    for (auto j = first; j < last; ++j) {
      double* x = q.data() + j * m;
      x[j] = sign[static_cast<std::size_t>(j)];
      for (auto k = j; k >= 0; --k)
        if (scale[static_cast<std::size_t>(k)] > 0)
          reflect(m - k, column(k) + k, scale[static_cast<std::size_t>(k)], x + k);
    }
  });
  a = std::move(q);
}

}  // namespace AGON_BUILD
}  // namespace agon::kernels::detail

namespace agon::kernels {
inline namespace AGON_BUILD {

/// Replaces the row-major matrix a [rows, cols] by a semi-orthogonal one: Q of its QR decomposition, made unique by a
/// positive diagonal of R. Columns are orthonormal if rows >= cols, else rows (Q of the transpose). Of a normally
/// distributed matrix it is uniformly distributed (Mezzadri 2007). Calculated in double.
template <Real T>
void orthogonalize(std::int64_t rows, std::int64_t cols, T* a) {
  const bool tall = rows >= cols;
  const auto m = tall ? rows : cols, n = tall ? cols : rows;
  if (n == 0) return;
  const auto at = [&](std::int64_t i, std::int64_t j) -> T& { return tall ? a[i * cols + j] : a[j * cols + i]; };
  std::vector<double> columns(static_cast<std::size_t>(m * n));
  for (std::int64_t j = 0; j < n; ++j)
    for (std::int64_t i = 0; i < m; ++i) columns[static_cast<std::size_t>(j * m + i)] = static_cast<double>(at(i, j));
  detail::householder_q(m, n, columns);
  for (std::int64_t j = 0; j < n; ++j)
    for (std::int64_t i = 0; i < m; ++i) at(i, j) = static_cast<T>(columns[static_cast<std::size_t>(j * m + i)]);
}

}  // namespace AGON_BUILD
}  // namespace agon::kernels
