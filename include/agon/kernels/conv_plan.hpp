#pragma once

#include <agon/kernels/gemm_plan.hpp>
#include <agon/kernels/tile.hpp>

#include <cstdint>

namespace agon::kernels::detail {
inline namespace AGON_BUILD {

/// Whole numbers [first, last).
struct Range {
  std::int64_t first, last;
  std::int64_t size() const { return last - first; }
  friend bool operator==(const Range&, const Range&) = default;
};

/// The windows of a convolution over images [n, h, w, c]: window (y, x) covers kh x kw pixels from (stride y - top,
/// stride x - left) on, with zeros beyond the edges. `top` and `left` are negative where windows start inside.
struct Windows {
  std::int64_t n, h, w, c;
  std::int64_t kh, kw, stride, top, left;
  std::int64_t oh, ow;

  /// The taps of window row y, or column x, that lie on the image: the others would multiply zeros.
  Range tap_rows(std::int64_t y) const { return taps_inside(y * stride - top, kh, h); }
  Range tap_cols(std::int64_t x) const { return taps_inside(x * stride - left, kw, w); }
  /// The windows whose tap row ky, or column kx, lies on the image.
  Range rows_with_tap(std::int64_t ky) const { return windows_inside(top - ky, h, oh); }
  Range cols_with_tap(std::int64_t kx) const { return windows_inside(left - kx, w, ow); }

  /// How many taps of all rows of windows, or of all columns, lie on the image.
  std::int64_t taps_of_rows() const { return taps_of(oh, &Windows::tap_rows); }
  std::int64_t taps_of_cols() const { return taps_of(ow, &Windows::tap_cols); }

  /// Size of an image with all its zeros, as far as the windows reach.
  std::int64_t padded_rows() const { return (oh - 1) * stride + kh; }
  std::int64_t padded_cols() const { return (ow - 1) * stride + kw; }
  bool need_padding() const { return top != 0 || left != 0 || padded_rows() > h || padded_cols() > w; }
  /// Distance of two rows of an image that is read in place or padded.
  std::int64_t pitch() const { return (need_padding() ? padded_cols() : w) * c; }
  std::int64_t depth() const { return kh * kw * c; }

 private:
  std::int64_t taps_of(std::int64_t count, Range (Windows::*taps)(std::int64_t) const) const {
    std::int64_t sum = 0;
    for (std::int64_t i = 0; i < count; ++i) sum += (this->*taps)(i).size();
    return sum;
  }
  static Range taps_inside(std::int64_t start, std::int64_t taps, std::int64_t size) {
    const std::int64_t first = smaller(larger(0, -start), taps);
    return {first, larger(first, smaller(taps, size - start))};
  }
  Range windows_inside(std::int64_t before, std::int64_t size, std::int64_t count) const {
    const std::int64_t first = smaller(ceil_div(larger(0, before), stride), count);
    return {first, larger(first, smaller(count, ceil_div(larger(0, size + before), stride)))};
  }
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

/// Windows of a job that see the same taps: those from `first` on in the order in which the job lists them.
struct WindowGroup {
  std::int64_t first, count;
  Range rows, cols;
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

/// Jobs with enough work each, whose images stay in the second-level cache. Several images where there are many, so
/// that the few windows at the edges of each fill a tile together. Follows from the sizes alone.
inline ConvPlan plan_conv(const Windows& s, std::int64_t out_channels, std::int64_t element_bytes) {
  constexpr std::int64_t job_work = 1 << 18, cache_bytes = 384 << 10, max_jobs = 64, min_jobs = 16, together = 4;
  const std::int64_t row_work = larger(s.ow * s.depth() * out_channels, 1);
  const std::int64_t row_bytes = larger(s.stride * s.pitch() * element_bytes, 1);
  const std::int64_t wanted = larger(1, job_work / row_work), fits = larger(1, cache_bytes / row_bytes);
  ConvPlan plan{1, s.oh, 1, 1};
  if (s.n >= min_jobs && s.oh <= fits) {
    const std::int64_t images = larger(larger(wanted / s.oh, s.n / max_jobs), smaller(together, s.n / min_jobs));
    plan.images = larger(1, smaller(images, fits / s.oh));
  } else {
    const std::int64_t bands = larger(ceil_div(s.oh, fits), smaller(ceil_div(min_jobs, s.n), ceil_div(s.oh, wanted)));
    plan.rows = ceil_div(s.oh, bands);
  }
  plan.image_jobs = ceil_div(s.n, plan.images);
  plan.row_jobs = ceil_div(s.oh, plan.rows);
  return plan;
}

/// Completes the plan of a weight gradient whose blocks are chosen: k counts images, so many at a time as stay in the
/// second-level cache.
inline GemmPlan plan_images(GemmPlan plan, std::int64_t m, std::int64_t n, std::int64_t images, std::int64_t image_work,
                            std::int64_t image_bytes) {
  constexpr std::int64_t min_jobs = 16, job_work = 1 << 18, cache_bytes = 256 << 10;
  const std::int64_t blocks = ceil_div(m, plan.m_block) * ceil_div(n, plan.n_block);
  const std::int64_t wanted = smaller(ceil_div(min_jobs, blocks), image_work * images / (blocks * job_work));
  plan.k_block = even_pieces(images, larger(1, ceil_div(images, larger(wanted, 1))), 1);
  plan = count_jobs(plan, m, n, images);
  plan.depth = even_pieces(plan.k_block, larger(1, cache_bytes / larger(image_bytes, 1)), 1);
  return plan;
}

/// What an image and its results take.
inline std::int64_t image_bytes(const Windows& s, std::int64_t out_channels, std::int64_t element_bytes) {
  return (s.oh * s.ow * out_channels + s.h * s.w * s.c) * element_bytes;
}

/// Whether there are enough windows to share out for one job to make all taps.
inline bool many_windows(const Windows& s) { return s.n >= 32 && s.n * s.oh * s.ow >= 6400; }

/// Whether conv_tap_block copies pixels of both operands, which lie so far apart that they compete for cache sets: low
/// tiles read them often, and others too where images are larger than the first-level cache, if there are enough.
inline bool copies_pixels(const Windows& s, std::int64_t out_channels, std::int64_t element_bytes,
                          std::int64_t tile_rows) {
  constexpr std::int64_t cached_bytes = 96 << 10, few_windows = 3000;
  if (out_channels <= 2 * tile_rows || s.stride > smaller(s.kh, s.kw)) return false;
  return low_tiles(tile_rows) ||
         (s.n * s.oh * s.ow > few_windows && image_bytes(s, out_channels, element_bytes) > cached_bytes);
}

/// The weight gradient [o, kh kw c] as conv_tap_block makes it: columns are cut into whole taps.
inline GemmPlan plan_taps(const Windows& s, std::int64_t out_channels, std::int64_t element_bytes,
                          const TileSize& tile) {
  constexpr std::int64_t job_work = 1 << 18;
  const std::int64_t tap_jobs = many_windows(s) && copies_pixels(s, out_channels, element_bytes, tile.rows) ? 1 : 4;
  const std::int64_t image_work = larger(1, s.oh * s.ow * out_channels * s.depth());
  GemmPlan plan{out_channels, s.depth(), s.n, 1, 1, 1, 1};
  plan.m_block = even_pieces(out_channels, 16 * tile.rows, tile.rows);
  plan.n_block = image_work * s.n > job_work ? ceil_div(s.kh * s.kw, tap_jobs) * s.c : s.depth();
  return plan_images(plan, out_channels, s.depth(), s.n, image_work, image_bytes(s, out_channels, element_bytes));
}

/// The same [kh kw c, o] as conv_window_block makes it.
inline GemmPlan plan_windows(const Windows& s, std::int64_t out_channels, std::int64_t element_bytes,
                             const TileSize& tile) {
  GemmPlan plan{s.depth(), out_channels, s.n, 1, 1, 1, 1};
  plan.m_block = even_pieces(s.depth(), 16 * tile.rows, tile.rows);
  plan.n_block = even_pieces(out_channels, 12 * tile.cols, tile.cols);
  return plan_images(plan, s.depth(), out_channels, s.n, larger(1, s.oh * s.ow * out_channels * s.depth()),
                     (s.oh * s.ow * out_channels + s.padded_rows() * s.pitch()) * element_bytes);
}

}  // namespace AGON_BUILD
}  // namespace agon::kernels::detail
