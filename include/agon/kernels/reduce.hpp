#pragma once

#include <agon/core/element.hpp>
#include <agon/core/parallel.hpp>
#include <agon/kernels/simd_loop.hpp>

#include <algorithm>
#include <cstdint>
#include <vector>

namespace agon::kernels::detail {

inline constexpr std::int64_t sum_chunk = 4096;  ///< elements of a row added in T; the chunks' sums are added in double
inline constexpr std::int64_t sum_chunk_rows = 256;  ///< the same for sums of columns
inline constexpr std::int64_t sum_grain = 16384;     ///< elements of one piece of work

}  // namespace agon::kernels::detail

#define AGON_KERNEL_BODY <agon/kernels/reduce-inl.hpp>
#include <agon/kernels/foreach_isa.hpp>

namespace agon::kernels::detail {
inline namespace AGON_BUILD {

template <Real T>
void dispatch_sum_rows(std::int64_t rows, std::int64_t n, const T* x, T* y) {
  AGON_DISPATCH(sum_rows(rows, n, x, y));
}

template <Real T>
double dispatch_sum_piece(std::int64_t n, const T* x) {
  AGON_DISPATCH(sum_piece(n, x));
}

template <Real T>
void dispatch_sum_columns(std::int64_t rows, std::int64_t cols, std::int64_t ld, const T* x, T* y) {
  AGON_DISPATCH(sum_columns(rows, cols, ld, x, y));
}

/// Sum of piece(first, count) over the chunks of [0, n), the chunks' sums added in double and in order.
template <class Piece>
double sum_in_chunks(std::int64_t n, const Piece& piece) {
  if (n <= sum_chunk) return n > 0 ? piece(0, n) : 0.0;
  const auto chunks = (n + sum_chunk - 1) / sum_chunk;
  std::vector<double> partial(static_cast<std::size_t>(chunks));
  parallel_for(chunks, sum_grain / sum_chunk, [&](std::int64_t first, std::int64_t last) {
    for (auto i = first; i < last; ++i)
      partial[static_cast<std::size_t>(i)] = piece(i * sum_chunk, std::min(sum_chunk, n - i * sum_chunk));
  });
  double total = 0;
  for (double value : partial) total += value;
  return total;
}

/// sum for inner > 1: blocks of rows and columns are added in T, the blocks of rows in double and in order.
template <Real T>
void sum_middle(std::int64_t outer, std::int64_t reduced, std::int64_t inner, const T* x, T* y) {
  constexpr std::int64_t block_cols = 512;
  const auto row_blocks = (reduced + sum_chunk_rows - 1) / sum_chunk_rows;
  const auto col_blocks = (inner + block_cols - 1) / block_cols;
  std::vector<T> partial(row_blocks > 1 ? static_cast<std::size_t>(outer * row_blocks * inner) : 0);
  T* sums = row_blocks > 1 ? partial.data() : y;
  const auto work = std::min(reduced, sum_chunk_rows) * std::min(inner, block_cols);
  parallel_for(outer * row_blocks * col_blocks, sum_grain / std::max<std::int64_t>(work, 1),
               [&](std::int64_t first, std::int64_t last) {
                 for (auto task = first; task < last; ++task) {
                   const auto col = task % col_blocks * block_cols, block = task / col_blocks;
                   const auto row = block % row_blocks * sum_chunk_rows, o = block / row_blocks;
                   dispatch_sum_columns(std::min(sum_chunk_rows, reduced - row), std::min(block_cols, inner - col),
                                        inner, x + (o * reduced + row) * inner + col, sums + block * inner + col);
                 }
               });
  if (row_blocks == 1) return;
  parallel_for(outer * inner, std::max<std::int64_t>(sum_grain / row_blocks, 64),
               [&](std::int64_t first, std::int64_t last) {
                 for (auto i = first; i < last; ++i) {
                   const T* column = sums + i / inner * row_blocks * inner + i % inner;
                   double total = 0;
                   for (std::int64_t block = 0; block < row_blocks; ++block)
                     total += static_cast<double>(column[block * inner]);
                   y[i] = static_cast<T>(total);
                 }
               });
}

}  // namespace AGON_BUILD
}  // namespace agon::kernels::detail

namespace agon::kernels {
inline namespace AGON_BUILD {

/// y[outer, inner] = sum of x[outer, reduced, inner] over the middle axis, in an order that depends on the sizes alone;
/// long sums are split into chunks whose sums are added in double. An empty middle axis gives zeros.
template <Real T>
void sum(std::int64_t outer, std::int64_t reduced, std::int64_t inner, const T* x, T* y) {
  if (reduced == 0) {
    std::fill(y, y + outer * inner, T(0));
  } else if (inner > 1) {
    detail::sum_middle(outer, reduced, inner, x, y);
  } else if (outer == 1 && inner == 1) {
    *y = static_cast<T>(detail::sum_in_chunks(
        reduced, [x](std::int64_t first, std::int64_t count) { return detail::dispatch_sum_piece(count, x + first); }));
  } else if (inner == 1) {
    parallel_for(outer, detail::sum_grain / reduced, [&](std::int64_t first, std::int64_t last) {
      detail::dispatch_sum_rows(last - first, reduced, x + first * reduced, y + first);
    });
  }
}

/// y = max over the middle axis of x[outer, reduced, inner]; index[outer, inner] receives the flat position in x of the
/// first largest element. NaN is larger than every number. reduced must be positive.
template <Real T>
void max(std::int64_t outer, std::int64_t reduced, std::int64_t inner, const T* x, T* y, std::int64_t* index) {
  const auto grain = detail::sum_grain / std::max<std::int64_t>(reduced * inner, 1);
  parallel_for(outer, grain, [&](std::int64_t first, std::int64_t last) {
    for (auto o = first; o < last; ++o) {
      T* best = y + o * inner;
      std::int64_t* where = index + o * inner;
      for (std::int64_t i = 0; i < inner; ++i) best[i] = x[where[i] = o * reduced * inner + i];
      for (auto row = o * reduced * inner + inner; row < (o + 1) * reduced * inner; row += inner)
        for (std::int64_t i = 0; i < inner; ++i) {
          const T value = x[row + i];
          const bool larger = (value <= best[i]) != (best[i] == best[i]);  // the second is false for NaN alone
          best[i] = larger ? value : best[i];
          where[i] = larger ? row + i : where[i];
        }
    }
  });
}

}  // namespace AGON_BUILD
}  // namespace agon::kernels
