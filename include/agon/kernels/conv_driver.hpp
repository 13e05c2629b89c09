#pragma once

#include <agon/kernels/conv.hpp>
#include <agon/kernels/conv_winograd_driver.hpp>
#include <agon/kernels/layout.hpp>

#include <algorithm>
#include <cstdint>

namespace agon::kernels {
inline namespace AGON_BUILD {
namespace conv_driver {

using detail::ceil_div, detail::larger, detail::round_up, detail::smaller;

template <class T>
void pack_taps(Isa isa, const detail::PhaseTaps& taps, const T* w, std::int64_t j, std::int64_t cols, T* to) {
  AGON_DISPATCH_ON(isa, pack_taps(taps, w, j, cols, to));
}

template <class T>
void pad_rows(Isa isa, const detail::Windows& s, const T* image, T* to) {
  AGON_DISPATCH_ON(isa, pad_rows(s, image, 0, s.padded_rows(), to));
}

template <class T>
void conv_block(Isa isa, const detail::Windows& s, const detail::WindowBlock& block, const T* x, const T* packed,
                std::int64_t out_channels, const detail::Placement& place, T* y, const Epilogue<T>& epilogue) {
  AGON_DISPATCH_ON(isa, conv_block(s, block, x, packed, out_channels, place, y, epilogue));
}

template <class T>
void conv_window_block(Isa isa, const detail::Windows& s, const T* x, std::int64_t image, const T* g,
                       std::int64_t width, bool copied, const detail::GemmPlan& plan, const detail::GemmBlock& block,
                       T* w, std::int64_t ldw) {
  AGON_DISPATCH_ON(isa, conv_window_block(s, x, image, g, width, copied, plan, block, w, ldw));
}

template <class T>
void pack_copy(Isa isa, std::int64_t rows, std::int64_t cols, const T* from, T* to, std::int64_t width) {
  AGON_DISPATCH_ON(isa, pack_copy(rows, cols, from, cols, to, width));
}

template <class T>
void conv_tap_block(Isa isa, const detail::Windows& s, const T* x, const T* g, std::int64_t out_channels,
                    const detail::GemmPlan& plan, const detail::GemmBlock& block, T* w, std::int64_t ldw) {
  AGON_DISPATCH_ON(isa, conv_tap_block(s, x, g, out_channels, plan, block, w, ldw));
}

template <class T>
void fold_row(Isa isa, const detail::Fold& f, const T* part, std::int64_t y, T* to, const Epilogue<T>& epilogue) {
  AGON_DISPATCH_ON(isa, fold_row(f, part, y, to, epilogue));
}

template <class T>
void fold_planes(Isa isa, const detail::Fold& f, const T* part, std::int64_t y, std::int64_t count, T* to,
                 const Epilogue<T>& epilogue) {
  AGON_DISPATCH_ON(isa, fold_planes(f, part, y, count, to, epilogue));
}

/// An operand without elements may be null, which has no offsets: another pointer, never read, stands for it.
template <class T>
const T* never_null(const T* operand, std::int64_t size, const T* other) {
  return size > 0 ? operand : other;
}

/// All windows times the packed right operand, the jobs spread over the threads.
template <class T>
void run_windows(Isa isa, const detail::Windows& s, const T* x, const T* packed, std::int64_t out_channels,
                 const detail::Placement& place, T* y, const Epilogue<T>& epilogue) {
  const auto plan = detail::plan_conv(s, out_channels, sizeof(T));
  parallel_chunks(plan.image_jobs * plan.row_jobs, [&](std::int64_t job) {
    conv_block(isa, s, plan.job(s, job), x, packed, out_channels, place, y, epilogue);
  });
}

/// Images from parts [n, f.rows, f.cols, f.width], one job a few rows.
template <class T>
void run_fold(Isa isa, std::int64_t n, const detail::Fold& f, const T* parts, T* out, const Epilogue<T>& epilogue) {
  const std::int64_t grain = (1 << 13) / (f.w * f.c * f.kh * f.kw + 1);
  if (f.stride == 1 && f.c == 1) {
    const std::int64_t height = detail::even_pieces(f.h, larger(grain, 8), 1), pieces = ceil_div(f.h, height);
    return parallel_chunks(n * pieces, [&](std::int64_t job) {
      const std::int64_t image = job / pieces, y = job % pieces * height;
      fold_planes(isa, f, parts + image * f.rows * f.cols * f.width, y, smaller(height, f.h - y),
                  out + (image * f.h + y) * f.w, epilogue);
    });
  }
  parallel_for(n * f.h, grain, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t row = first; row < last; ++row)
      fold_row(isa, f, parts + row / f.h * f.rows * f.cols * f.width, row % f.h, out + row * f.w * f.c, epilogue);
  });
}

/// Whether so few channels come out that it pays to multiply by all taps at once, channels x taps wide, and fold.
inline bool prefer_fold(std::int64_t out_channels, std::int64_t taps, const detail::TileSize& tile) {
  return taps > 1 && 2 * round_up(out_channels * taps, tile.lanes) <= taps * tile.lanes;
}

/// One phase of the input gradient: the pixels (y0 + stride i, x0 + stride j). Each sees every stride-th tap, so the
/// phase is a convolution of g with stride 1 and those taps in reverse order.
struct Phase {
  detail::PhaseTaps taps;
  detail::Windows windows;
  detail::Placement place;
  detail::ConvPlan plan;
  std::int64_t packed;   ///< where its right operand starts
  std::int64_t end_job;  ///< its jobs end before this one
};

inline Phase phase_of(const ConvShape& s, std::int64_t y0, std::int64_t x0, std::int64_t element_bytes) {
  const std::int64_t first_row = (y0 + s.padding) % s.stride, first_col = (x0 + s.padding) % s.stride;
  const auto taps_from = [&](std::int64_t first, std::int64_t size) {
    return first < size ? ceil_div(size - first, s.stride) : 0;
  };
  const detail::PhaseTaps taps{
      s.o, s.kh, s.kw, s.c, s.stride, first_row, first_col, taps_from(first_row, s.kh), taps_from(first_col, s.kw)};
  const detail::Windows windows{s.n,
                                s.oh,
                                s.ow,
                                s.o,
                                taps.rows,
                                taps.cols,
                                1,
                                taps.rows - 1 - (y0 + s.padding) / s.stride,
                                taps.cols - 1 - (x0 + s.padding) / s.stride,
                                ceil_div(s.h - y0, s.stride),
                                ceil_div(s.w - x0, s.stride)};
  const detail::Placement place{(y0 * s.w + x0) * s.c, s.h * s.w * s.c, s.stride * s.w * s.c, s.stride * s.c};
  return {taps, windows, place, detail::plan_conv(windows, s.c, element_bytes), 0, 0};
}

/// The input gradient, the jobs of all phases spread over the threads at once.
template <class T>
void run_phases(Isa isa, const ConvShape& s, const T* g, const T* w, T* x, const Epilogue<T>& epilogue) {
  const std::int64_t rows = smaller(s.stride, s.h), cols = smaller(s.stride, s.w);
  const Workspace<Phase> phases(rows * cols);
  const auto tile = gemm_driver::tile_size<T>(isa);
  std::int64_t packed_size = 0, jobs = 0;
  for (std::int64_t i = 0; i < rows * cols; ++i) {
    Phase& phase = phases.data()[i] = phase_of(s, i / cols, i % cols, sizeof(T));
    phase.packed = packed_size;
    phase.end_job = jobs += phase.plan.image_jobs * phase.plan.row_jobs;
    packed_size += phase.windows.depth() * round_up(s.c, tile.lanes);
  }
  const Workspace<T> packed(packed_size);
  const std::int64_t panels = ceil_div(s.c, tile.cols);
  const std::int64_t grain = (1 << 14) * rows * cols * panels / (packed_size + 1);
  parallel_for(rows * cols * panels, grain, [&](std::int64_t first, std::int64_t last) {
    for (; first < last; ++first) {
      const Phase& phase = phases.data()[first / panels];
      const std::int64_t j = first % panels * tile.cols;
      pack_taps(isa, phase.taps, w, j, smaller(tile.cols, s.c - j),
                packed.data() + phase.packed + j * phase.windows.depth());
    }
  });
  parallel_chunks(jobs, [&](std::int64_t job) {
    const Phase* phase = phases.data();
    std::int64_t first = 0;
    for (; job >= phase->end_job; ++phase) first = phase->end_job;
    conv_block(isa, phase->windows, phase->plan.job(phase->windows, job - first), g, packed.data() + phase->packed, s.c,
               phase->place, x, epilogue);
  });
}

/// w [o, kh kw c] = g^T times the windows of x, which are read in place or copied by the job.
template <class T>
void multiply_taps(Isa isa, const detail::Windows& s, const T* x, const T* g, std::int64_t o, T* w) {
  const auto plan = detail::plan_taps(s, o, sizeof(T), gemm_driver::tile_size<T>(isa));
  gemm_driver::run_jobs(isa, plan, o, s.depth(), s.n, MatView<T>{w, o, s.depth(), s.depth()}, Epilogue<T>{},
                        [&](const auto& block, T* to, std::int64_t ld, const auto&) {
                          conv_tap_block(isa, s, x, g, o, plan, block, to, ld);
                        });
}

/// w [kh kw c, o] = the transposed windows of x times g, which is copied where its rows are not whole vectors.
template <class T>
void multiply_windows(Isa isa, const detail::Windows& s, const T* x, const T* g, std::int64_t o, T* w) {
  const std::int64_t pixels = s.n * s.oh * s.ow, width = round_up(o, gemm_driver::tile_size<T>(isa).lanes);
  const bool pad = s.need_padding(), widen = width != o;
  const std::int64_t image = s.h * s.w * s.c, padded_image = s.padded_rows() * s.pitch();
  const Workspace<T> padded(pad ? s.n * padded_image : 0), widened(widen ? pixels * width : 0);
  if (pad)
    parallel_for(s.n, (1 << 14) / (padded_image + 1), [&](std::int64_t first, std::int64_t last) {
      for (std::int64_t i = first; i < last; ++i) pad_rows(isa, s, x + i * image, padded.data() + i * padded_image);
    });
  if (widen)
    parallel_for(pixels, (1 << 14) / width, [&](std::int64_t first, std::int64_t last) {
      pack_copy(isa, last - first, o, g + first * o, widened.data() + first * width, width);
    });
  const auto plan = detail::plan_windows(s, o, sizeof(T), gemm_driver::tile_size<T>(isa));
  gemm_driver::run_jobs(isa, plan, s.depth(), o, s.n, MatView<T>{w, s.depth(), o, o}, Epilogue<T>{},
                        [&](const auto& block, T* to, std::int64_t ld, const auto&) {
                          conv_window_block(isa, s, pad ? padded.data() : x, pad ? padded_image : image,
                                            widen ? widened.data() : g, width, widen, plan, block, to, ld);
                        });
}

}  // namespace conv_driver

template <Real T>
void conv2d(const ConvShape& s, const T* x, const T* w, T* y, const Epilogue<T>& epilogue) {
  if (s.n * s.oh * s.ow * s.o <= 0) return;
  x = conv_driver::never_null<T>(x, s.n * s.h * s.w * s.c, y);
  w = conv_driver::never_null<T>(w, s.o * s.kh * s.kw * s.c, y);
  const Isa isa = active_isa();
  const std::int64_t taps = s.kh * s.kw, depth = taps * s.c;
  if (taps == 1 && s.stride == 1 && s.padding == 0)
    return gemm<T>({x, s.n * s.h * s.w, s.c, s.c}, false, {w, s.o, s.c, s.c}, true, {y, s.n * s.h * s.w, s.o, s.o},
                   epilogue);
  if (s.stride == 1 && conv_driver::prefer_fold(s.o, taps, gemm_driver::tile_size<T>(isa))) {
    const std::int64_t width = s.o * taps, pixels = s.n * s.h * s.w;
    const Workspace<T> parts(pixels * width);
    gemm<T>({x, pixels, s.c, s.c}, false, {w, width, s.c, s.c}, true, {parts.data(), pixels, width, width});
    // part (y, x) at tap (ky, kx) belongs to pixel (y - ky + padding): the taps count from the other end.
    const detail::Fold fold{
        s.oh,     s.ow,  s.o, s.h, s.w, width, s.kh, s.kw, 1, s.kh - 1 - s.padding, s.kw - 1 - s.padding,
        taps - 1, -s.kw, -1,  taps};
    return conv_driver::run_fold(isa, s.n, fold, parts.data(), y, epilogue);
  }
  if (const auto winograd = conv_driver::winograd_forward(s);
      conv_driver::prefer_winograd(s, winograd, winograd.out.depth(), gemm_driver::tile_size<T>(isa), sizeof(T)))
    return conv_driver::run_winograd(isa, winograd, true, x, w, y, epilogue);
  const detail::GemmProblem<T> problem{{}, false, {w, s.o, depth, depth}, true, s.n * s.oh * s.ow, s.o, depth};
  const Workspace<T> packed(depth * detail::round_up(s.o, gemm_driver::tile_size<T>(isa).lanes));
  gemm_driver::pack_panels(isa, problem, packed.data());
  conv_driver::run_windows(isa, conv_driver::windows_of(s), x, packed.data(), s.o,
                           {0, s.oh * s.ow * s.o, s.ow * s.o, s.o}, y, epilogue);
}

template <Real T>
void conv2d_input_grad(const ConvShape& s, const T* g, const T* w, T* x, const Epilogue<T>& epilogue) {
  if (s.n * s.h * s.w * s.c <= 0) return;
  g = conv_driver::never_null<T>(g, s.n * s.oh * s.ow * s.o, x);
  w = conv_driver::never_null<T>(w, s.o * s.kh * s.kw * s.c, x);
  const Isa isa = active_isa();
  const std::int64_t taps = s.kh * s.kw, pixels = s.n * s.oh * s.ow;
  if (taps == 1 && s.stride == 1 && s.padding == 0)
    return gemm<T>({g, pixels, s.o, s.o}, false, {w, s.o, s.c, s.c}, false, {x, pixels, s.c, s.c}, epilogue);
  if (conv_driver::prefer_fold(s.c, detail::ceil_div(taps, s.stride * s.stride), gemm_driver::tile_size<T>(isa))) {
    const std::int64_t width = taps * s.c;
    const Workspace<T> parts(pixels * width);
    gemm<T>({g, pixels, s.o, s.o}, false, {w, s.o, width, width}, false, {parts.data(), pixels, width, width});
    const detail::Fold fold{s.h,      s.w,       s.c,       s.oh, s.ow,       width, s.kh, s.kw,
                            s.stride, s.padding, s.padding, 0,    s.kw * s.c, s.c,   1};
    return conv_driver::run_fold(isa, s.n, fold, parts.data(), x, epilogue);
  }
  if (const auto winograd = conv_driver::winograd_input_grad(s);
      conv_driver::prefer_winograd(s, winograd, winograd.out.depth(), gemm_driver::tile_size<T>(isa), sizeof(T)))
    return conv_driver::run_winograd(isa, winograd, false, g, w, x, epilogue);
  conv_driver::run_phases(isa, s, g, w, x, epilogue);
}

template <Real T>
void conv2d_weight_grad(const ConvShape& s, const T* x, const T* g, T* w) {
  const std::int64_t taps = s.kh * s.kw, pixels = s.n * s.oh * s.ow;
  if (s.o * taps * s.c <= 0) return;
  x = conv_driver::never_null<T>(x, s.n * s.h * s.w * s.c, w);
  g = conv_driver::never_null<T>(g, pixels * s.o, w);
  if (taps == 1 && s.stride == 1 && s.padding == 0)
    return gemm<T>({g, pixels, s.o, s.o}, true, {x, pixels, s.c, s.c}, false, {w, s.o, s.c, s.c});
  const Isa isa = active_isa();
  const auto tile = gemm_driver::tile_size<T>(isa);
  if (s.stride > 1 || !conv_driver::prefer_fold(s.o, taps, tile)) {
    const auto windows = conv_driver::windows_of(s);
    if (const auto winograd = conv_driver::winograd_forward(s);
        conv_driver::prefer_winograd(s, winograd, winograd.in.depth(), tile, sizeof(T)))
      return conv_driver::run_winograd_weights(isa, winograd, x, g, w);
    if (s.c % tile.lanes == 0) return conv_driver::multiply_taps(isa, windows, x, g, s.o, w);
    const Workspace<T> turned(windows.depth() * s.o);
    conv_driver::multiply_windows(isa, windows, x, g, s.o, turned.data());
    return copy<T>({s.o, windows.depth()}, turned.data(), {1, s.o}, w, {windows.depth(), 1});
  }
  // Few channels of g: its windows times x, [taps o, pixels] x [pixels, c] with the taps in reverse order.
  const detail::Windows windows{s.n, s.oh, s.ow, s.o, s.kh, s.kw, 1, s.kh - 1 - s.padding, s.kw - 1 - s.padding,
                                s.h, s.w};
  const Workspace<T> turned(taps * s.o * s.c);
  conv_driver::multiply_windows(isa, windows, g, x, s.c, turned.data());
  for (std::int64_t o = 0; o < s.o; ++o)
    for (std::int64_t tap = 0; tap < taps; ++tap)
      std::copy_n(turned.data() + ((taps - 1 - tap) * s.o + o) * s.c, s.c, w + (o * taps + tap) * s.c);
}

}  // namespace AGON_BUILD
}  // namespace agon::kernels
