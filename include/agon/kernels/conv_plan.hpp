#pragma once

#include <agon/kernels/gemm_plan.hpp>
#include <agon/kernels/tile.hpp>

#include <cstdint>

namespace agon::kernels::detail {
inline namespace AGON_BUILD {

/// The windows of a convolution over images [n, h, w, c]: window (y, x) covers kh x kw pixels from (stride y - top,
/// stride x - left) on, with zeros beyond the edges. `top` and `left` are negative where windows start inside.
struct Windows {
  std::int64_t n, h, w, c;
  std::int64_t kh, kw, stride, top, left;
  std::int64_t oh, ow;

  /// Size of an image with all its zeros, as far as the windows reach.
  std::int64_t padded_rows() const { return (oh - 1) * stride + kh; }
  std::int64_t padded_cols() const { return (ow - 1) * stride + kw; }
  bool need_padding() const { return top != 0 || left != 0 || padded_rows() > h || padded_cols() > w; }
  /// Distance of two rows of an image that is read in place or padded.
  std::int64_t pitch() const { return (need_padding() ? padded_cols() : w) * c; }
  std::int64_t depth() const { return kh * kw * c; }
};

/// The taps of a kernel [o, kh, kw, c] that reach the pixels of one phase of the input gradient: rows first_row +
/// stride i and columns first_col + stride j.
struct PhaseTaps {
  std::int64_t o, kh, kw, c, stride;
  std::int64_t first_row, first_col, rows, cols;
};

/// Sizes of fold_row: images [h, w, c] from parts [rows, cols, width] that hold a value a tap and channel.
struct Fold {
  std::int64_t h, w, c;
  std::int64_t rows, cols, width;
  std::int64_t kh, kw, stride, top, left;
  std::int64_t first, tap_row, tap_col, channel;
};

/// Where the result of window (y, x) of image i goes: element offset + i * image + y * row + x * col on.
struct Placement {
  std::int64_t offset, image, row, col;
};

/// A job of a convolution: some images as a whole, or some rows of windows of one image.
struct WindowBlock {
  std::int64_t image, images, y, rows;
};

struct ConvPlan {
  std::int64_t images, rows;  ///< of a job
  std::int64_t image_jobs, row_jobs;

  WindowBlock job(const Windows& s, std::int64_t index) const {
    const std::int64_t image = index / row_jobs * images, y = index % row_jobs * rows;
    return {image, smaller(images, s.n - image), y, smaller(rows, s.oh - y)};
  }
};

/// Jobs with enough work each, whose padded rows stay in the second-level cache. Follows from the sizes alone.
inline ConvPlan plan_conv(const Windows& s, std::int64_t out_channels, std::int64_t element_bytes) {
  constexpr std::int64_t job_work = 1 << 18, cache_bytes = 384 << 10, max_jobs = 64, min_jobs = 16;
  const std::int64_t row_work = larger(s.ow * s.depth() * out_channels, 1);
  const std::int64_t row_bytes = larger(s.stride * s.pitch() * element_bytes, 1);
  const std::int64_t wanted = larger(1, job_work / row_work), fits = larger(1, cache_bytes / row_bytes);
  ConvPlan plan{1, s.oh, 1, 1};
  if (s.n >= min_jobs && s.oh <= fits) {
    plan.images = larger(1, smaller(larger(wanted, ceil_div(s.n * s.oh, max_jobs)), fits) / s.oh);
  } else {
    const std::int64_t bands = larger(ceil_div(s.oh, fits), smaller(ceil_div(min_jobs, s.n), ceil_div(s.oh, wanted)));
    plan.rows = ceil_div(s.oh, bands);
  }
  plan.image_jobs = ceil_div(s.n, plan.images);
  plan.row_jobs = ceil_div(s.oh, plan.rows);
  return plan;
}

/// The weight gradient as a product [o, pixels] x [pixels, kh kw c]. Jobs pack their own panels of windows, so each
/// keeps all rows, many panels of the same pixels, and a depth whose images stay in the second-level cache.
inline GemmPlan plan_weight_grad(std::int64_t m, std::int64_t n, std::int64_t k, const TileSize& tile) {
  constexpr std::int64_t min_jobs = 16, job_work = 1 << 18, depth = 384;
  GemmPlan plan{m, n, k, 1, 1, 1, 1};
  plan.m_block = even_pieces(m, 16 * tile.rows, tile.rows);
  plan.n_block = even_pieces(n, 12 * tile.cols, tile.cols);
  const std::int64_t blocks = ceil_div(m, plan.m_block) * ceil_div(n, plan.n_block);
  const std::int64_t wanted = smaller(ceil_div(min_jobs, blocks), m * n * k / (blocks * job_work));
  plan.k_block = even_pieces(k, larger(depth, ceil_div(k, larger(wanted, 1))), 1);
  plan = count_jobs(plan, m, n, k);
  plan.depth = even_pieces(plan.k_block, depth, 1);
  return plan;
}

}  // namespace AGON_BUILD
}  // namespace agon::kernels::detail
