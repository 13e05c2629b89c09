#pragma once

#include <agon/core/element.hpp>
#include <agon/core/parallel.hpp>

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace agon::kernels::detail {

inline constexpr std::int64_t index_grain = 16384;  ///< elements of one piece of work

}  // namespace agon::kernels::detail

namespace agon::kernels {
inline namespace AGON_BUILD {

/// out[i, :] = table[index[i], :] for i < n, rows of `width` elements. Indices are checked by the caller.
template <Element T, Index I>
void gather_rows(std::int64_t n, std::int64_t width, const T* table, const I* index, T* out) {
  if (width == 0) return;
  parallel_for(n, detail::index_grain / width, [&](std::int64_t first, std::int64_t last) {
    for (auto i = first; i < last; ++i)
      std::memcpy(out + i * width, table + std::int64_t{index[i]} * width, static_cast<std::size_t>(width) * sizeof(T));
  });
}

/// table[index[i], :] += g[i, :] for i < n in order of i; table [rows, width] is zeroed first.
template <Real T, Index I>
void scatter_add_rows(std::int64_t n, std::int64_t rows, std::int64_t width, const T* g, const I* index, T* table) {
  std::fill(table, table + rows * width, T(0));
  // Two rows of g may meet in one row of the table, so the work is split by columns.
  parallel_for(width, detail::index_grain / std::max<std::int64_t>(n, 1), [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t i = 0; i < n; ++i) {
      T* row = table + std::int64_t{index[i]} * width;
      for (auto c = first; c < last; ++c) row[c] += g[i * width + c];
    }
  });
}

/// out[i] = x[index[i]] for i < n; index holds flat positions.
template <Real T>
void take(std::int64_t n, const T* x, const std::int64_t* index, T* out) {
  parallel_for(n, detail::index_grain, [&](std::int64_t first, std::int64_t last) {
    for (auto i = first; i < last; ++i) out[i] = x[index[i]];
  });
}

/// x[index[i]] += g[i] for i < n in order of i; x [size] is zeroed first. The adjoint of take.
template <Real T>
void put(std::int64_t n, const T* g, const std::int64_t* index, std::int64_t size, T* x) {
  parallel_for(size, detail::index_grain,
               [&](std::int64_t first, std::int64_t last) { std::fill(x + first, x + last, T(0)); });
  for (std::int64_t i = 0; i < n; ++i) x[index[i]] += g[i];
}

}  // namespace AGON_BUILD
}  // namespace agon::kernels
