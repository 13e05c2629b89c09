#pragma once

#include <agon/core/element.hpp>
#include <agon/kernels/activation.hpp>
#include <agon/kernels/simd_math.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

namespace agon::kernels {

/// What is made of a product: C = activation(AB + bias), or C += AB; of matrices also activation(C + AB + bias), and
/// activation(addend + AB + bias).
template <Real T>
struct Epilogue {
  const T* bias = nullptr;  ///< one value a column of C, or none
  Activation activation{};
  bool accumulate = false;    ///< add to C; in convolutions not together with bias or activation
  const T* addend = nullptr;  ///< of matrices only, instead of C; rows as far apart as those of C, without overlap
};

namespace detail {
inline namespace AGON_BUILD {

constexpr std::int64_t smaller(std::int64_t a, std::int64_t b) { return a < b ? a : b; }
constexpr std::int64_t larger(std::int64_t a, std::int64_t b) { return a < b ? b : a; }
constexpr std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }
constexpr std::int64_t round_up(std::int64_t a, std::int64_t b) { return ceil_div(a, b) * b; }

/// Size of the largest register tile of an instruction set, and of its vectors.
struct TileSize {
  std::int64_t rows, cols, lanes;
};

/// Whether tiles of so many rows read the other operand so often that it pays to copy what would not stay in the
/// first-level cache.
constexpr bool low_tiles(std::int64_t rows) { return rows <= 8; }

/// Where a run of the inner dimension starts, relative to each row of the left operand and to the right operand.
struct Segment {
  std::int64_t left, right;
};
inline constexpr Segment whole_depth{0, 0};

/// Memory that a tile asks for, an address at every depth, `step` bytes apart. An address, as it goes on beyond what
/// may be pointed to. Nothing where `at` is 0.
struct Walk {
  std::uintptr_t at = 0;
  std::int64_t step = 0;
};

/// Left operand of a product of register tiles, read in place: element (i, s * length + k) is
/// row[i][segment[s].left + k * step]. A matrix is one segment; the patches of a convolution are one segment a kernel
/// row, and those that lie on padding are left out. Tiles that look ahead ask for what is `soon` needed.
template <class T>
struct Rows {
  const T* const* row;
  const Segment* segment;
  std::int64_t segments, length, step;
  Walk soon[2] = {};
};

}  // namespace AGON_BUILD
}  // namespace detail
}  // namespace agon::kernels

#define AGON_KERNEL_BODY <agon/kernels/prefetch-inl.hpp>
#include <agon/kernels/foreach_isa.hpp>
#define AGON_KERNEL_BODY <agon/kernels/tile-inl.hpp>
#include <agon/kernels/foreach_isa.hpp>
#define AGON_KERNEL_BODY <agon/kernels/pack-inl.hpp>
#include <agon/kernels/foreach_isa.hpp>
#define AGON_KERNEL_BODY <agon/kernels/pairs-inl.hpp>
#include <agon/kernels/foreach_isa.hpp>
