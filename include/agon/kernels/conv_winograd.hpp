#pragma once

#include <agon/kernels/conv_plan.hpp>
#include <agon/kernels/gemm.hpp>

#include <cstdint>

namespace agon::kernels::detail {
inline namespace AGON_BUILD {

/// Images as the tiles of a convolution see them: position i, in a phase of `phases`, is line (or column)
/// step i + origin + phase.
struct WinogradImages {
  std::int64_t h, w, c;
  std::int64_t step, origin, phases;

  std::int64_t index(std::int64_t i, std::int64_t phase) const { return step * i + origin + phase; }
  std::int64_t depth() const { return phases * phases * c; }
};

/// The positions of one axis in tiles: `full` of them of 4 results, the others of 3. 7 results are 4 + 3 and 14 are
/// 4 + 4 + 3 + 3, so that few tiles hang over.
struct WinogradAxis {
  std::int64_t tiles, full;

  static WinogradAxis covering(std::int64_t results) {
    const std::int64_t tiles = ceil_div(results, 4);
    return {tiles, larger(results - 3 * tiles, 0)};
  }
  std::int64_t start(std::int64_t tile) const { return 4 * tile - larger(tile - full, 0); }
  bool is_short(std::int64_t tile) const { return tile >= full; }
};

struct WinogradTile {
  std::int64_t image, y, x;
};

/// A point of both axes: number 5 y + x of 25. Short tiles have no product at the point 2, which is number 3 of an
/// axis.
struct WinogradPoint {
  bool full_y, full_x;  ///< only tiles that are not short in y, or in x

  static constexpr WinogradPoint at(std::int64_t y, std::int64_t x) { return {y == 3, x == 3}; }
  static constexpr WinogradPoint of(std::int64_t point) { return at(point / 5, point % 5); }
  constexpr std::int64_t kind() const { return 2 * full_y + full_x; }
  static constexpr WinogradPoint of_kind(std::int64_t kind) { return {kind / 2 == 1, kind % 2 == 1}; }
};

/// A 4 x 4 convolution with stride 2, or its input gradient, as 2 x 2 convolutions with stride 1: of the four phases of
/// the input, or into those of the result. Winograd's F(4 x 4, 2 x 2) makes each 4 x 4 results from 25 products instead
/// of 64: polynomials of the inputs and of the weights are evaluated at the points 0, -1, 1/2, 2 and infinity of both
/// axes, multiplied there, and the result interpolated. Rounding errors are two to five times those of the plain sum;
/// these points give the smallest. Three results of an axis do without the point 2, with the same weights at the
/// others: F(3, 2). A NaN or an infinity in an input reaches all results of its tile.
/// Source: Lavin and Gray, Fast Algorithms for Convolutional Neural Networks, CVPR 2016; the points give the matrices
/// by the Toom-Cook construction.
struct WinogradShape {
  WinogradImages in, out;
  std::int64_t n;
  WinogradAxis rows, cols;

  /// Elements from the weights of one point to those of the next: not a power of two, which would fall on few cache
  /// sets.
  std::int64_t point_size() const { return in.depth() * out.depth() + 80; }
  std::int64_t tiles() const { return n * rows.tiles * cols.tiles; }
  WinogradTile tile(std::int64_t t) const {
    return {t / (rows.tiles * cols.tiles), t / cols.tiles % rows.tiles, t % cols.tiles};
  }
  /// Tiles before t that have a product at the point.
  std::int64_t tiles_before(std::int64_t t, WinogradPoint point) const {
    const auto at = tile(t);
    const std::int64_t in_rows = point.full_y ? rows.full : rows.tiles, in_cols = point.full_x ? cols.full : cols.tiles;
    return (at.image * in_rows + smaller(at.y, in_rows)) * in_cols + (at.y < in_rows ? smaller(at.x, in_cols) : 0);
  }
  /// Products of all tiles at all points.
  std::int64_t products_of_tiles() const { return n * (4 * rows.tiles + rows.full) * (4 * cols.tiles + cols.full); }
  /// Where the lines of the images begin and end that a tile reads, and that it writes.
  std::int64_t first_input(std::int64_t t) const {
    return line_start(in, tile(t).image, in.index(rows.start(tile(t).y), 0));
  }
  std::int64_t last_input(std::int64_t t) const {
    return line_start(in, tile(t).image, in.index(rows.start(tile(t).y) + 4, in.phases - 1) + 1);
  }
  std::int64_t first_output(std::int64_t t) const {
    return line_start(out, tile(t).image, out.index(rows.start(tile(t).y), 0));
  }
  std::int64_t last_output(std::int64_t t) const {
    return line_start(out, tile(t).image, out.index(rows.start(tile(t).y) + 3, out.phases - 1) + 1);
  }
  /// Multiplications for a pair of channels.
  std::int64_t products() const { return products_of_tiles() * in.phases * in.phases * out.phases * out.phases; }

 private:
  static std::int64_t line_start(const WinogradImages& of, std::int64_t image, std::int64_t line) {
    return (image * of.h + smaller(larger(line, 0), of.h)) * of.w * of.c;
  }
};

/// Where the 2 x 2 weights of one phase are: (y, x) at first + (4 y + x) step.
struct WinogradTaps {
  std::int64_t first, step;

  std::int64_t at(std::int64_t y, std::int64_t x) const { return first + (4 * y + x) * step; }
};

/// Where the weights of a winograd convolution are found. Forward: the kernel packed as a [16 c, o] matrix in panels,
/// row (phase, c). Backward: the kernel [o, 16, c] as it is, column (phase, c), last tap first.
struct WinogradWeights {
  bool forward;

  WinogradTaps taps(const WinogradShape& s, std::int64_t row, std::int64_t col, std::int64_t panel) const {
    const std::int64_t channels = forward ? s.in.c : s.out.c, phase = (forward ? row : col) / channels;
    const std::int64_t tap = phase / 2 * 4 + phase % 2;
    if (!forward) return {(row * 16 + tap + 10) * channels + col - phase * channels, -2 * channels};
    const std::int64_t j = col / panel * panel, width = smaller(panel, s.out.c - j);
    return {j * 16 * channels + ((tap - phase) * channels + row) * width + col - j, 2 * channels * width};
  }
  /// So many rows from `row` on have their taps at one distance.
  std::int64_t rows_alike(const WinogradShape& s, std::int64_t row) const {
    return forward ? s.in.c - row % s.in.c : s.in.depth() - row;
  }
  /// Elements from the taps of a row to those of the next one like it.
  std::int64_t row_step(const WinogradShape& s, std::int64_t col, std::int64_t panel) const {
    return forward ? smaller(panel, s.out.c - col / panel * panel) : 16 * s.out.c;
  }
};

/// What is read after a product of the weight gradient: inputs at the next point, or null, so many rows of the weights
/// further on, and a share of the images that the next tiles are taken from.
template <class T>
struct WinogradNext {
  const T *x, *g;
  std::int64_t g_rows;
  const T *x_images, *g_images;
  std::int64_t x_size, g_size;
};

}  // namespace AGON_BUILD
}  // namespace agon::kernels::detail

#define AGON_KERNEL_BODY <agon/kernels/conv_winograd_transforms-inl.hpp>
#include <agon/kernels/foreach_isa.hpp>
#define AGON_KERNEL_BODY <agon/kernels/conv_winograd-inl.hpp>
#include <agon/kernels/foreach_isa.hpp>
