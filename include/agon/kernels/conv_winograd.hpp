#pragma once

#include <agon/kernels/conv_plan.hpp>
#include <agon/kernels/gemm.hpp>

#include <cstdint>

namespace agon::kernels::detail {
inline namespace AGON_BUILD {

/// Images as the tiles of a convolution see them: element i of tile t, in a phase of `phases`, is line (or column)
/// step (4 t + i) + origin + phase.
struct WinogradImages {
  std::int64_t h, w, c;
  std::int64_t step, origin, phases;

  std::int64_t index(std::int64_t tile, std::int64_t i, std::int64_t phase) const {
    return step * (4 * tile + i) + origin + phase;
  }
  bool inside(std::int64_t line, std::int64_t col) const { return line >= 0 && line < h && col >= 0 && col < w; }
  std::int64_t depth() const { return phases * phases * c; }
};

struct WinogradTile {
  std::int64_t image, y, x;
};

/// A 4 x 4 convolution with stride 2, or its input gradient, as 2 x 2 convolutions with stride 1: of the four phases of
/// the input, or into those of the result. Winograd's F(4 x 4, 2 x 2) makes each 4 x 4 results from 25 products instead
/// of 64: polynomials of the inputs and of the weights are evaluated at the points 0, -1, 1/2, 2 and infinity of both
/// axes, multiplied there, and the result interpolated. Rounding errors are two to five times those of the plain sum;
/// these points give the smallest. A NaN or an infinity in an input reaches all results of its tile.
/// Source: Lavin and Gray, Fast Algorithms for Convolutional Neural Networks, CVPR 2016; the points give the matrices
/// by the Toom-Cook construction.
struct WinogradShape {
  WinogradImages in, out;
  std::int64_t n, tile_rows, tile_cols;

  /// Elements from the weights of one point to those of the next: not a power of two, which would fall on few cache
  /// sets.
  std::int64_t point_size() const { return in.depth() * out.depth() + 80; }
  std::int64_t tiles() const { return n * tile_rows * tile_cols; }
  WinogradTile tile(std::int64_t t) const {
    return {t / (tile_rows * tile_cols), t / tile_cols % tile_rows, t % tile_cols};
  }
  /// Where the lines of the images begin and end that a tile reads.
  std::int64_t first_input(std::int64_t t) const { return line_start(tile(t).image, in.index(tile(t).y, 0, 0)); }
  std::int64_t last_input(std::int64_t t) const {
    return line_start(tile(t).image, in.index(tile(t).y, 4, in.phases - 1) + 1);
  }
  /// Multiplications for a pair of channels.
  std::int64_t products() const { return 25 * tiles() * in.phases * in.phases * out.phases * out.phases; }

 private:
  std::int64_t line_start(std::int64_t image, std::int64_t line) const {
    return (image * in.h + smaller(larger(line, 0), in.h)) * in.w * in.c;
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
};

}  // namespace AGON_BUILD
}  // namespace agon::kernels::detail

#define AGON_KERNEL_BODY <agon/kernels/conv_winograd-inl.hpp>
#include <agon/kernels/foreach_isa.hpp>
