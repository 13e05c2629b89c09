#pragma once

#include <agon/core/parallel.hpp>
#include <agon/core/workspace.hpp>
#include <agon/kernels/conv_shape.hpp>
#include <agon/kernels/conv_winograd.hpp>

#include <cstdint>

namespace agon::kernels {
inline namespace AGON_BUILD {
namespace conv_driver {

using detail::ceil_div, detail::larger, detail::round_up, detail::smaller;

inline detail::Windows windows_of(const ConvShape& s) {
  return {s.n, s.h, s.w, s.c, s.kh, s.kw, s.stride, s.padding, s.padding, s.oh, s.ow};
}

template <class T>
void winograd_weights(Isa isa, const detail::WinogradShape& s, const detail::WinogradWeights& w, std::int64_t first,
                      std::int64_t last, const T* from, T* to) {
  AGON_DISPATCH_ON(isa, winograd_weights(s, w, first, last, from, to));
}

template <class T>
void winograd_block(Isa isa, const detail::WinogradShape& s, std::int64_t first, std::int64_t count, const T* x,
                    const T* weights, T* y, const Epilogue<T>& epilogue) {
  AGON_DISPATCH_ON(isa, winograd_block(s, first, count, x, weights, y, epilogue));
}

template <class T>
void winograd_gather(Isa isa, const detail::WinogradShape& s, std::int64_t begin, std::int64_t first, std::int64_t last,
                     const T* x, T* to, std::int64_t ld, std::int64_t point_size) {
  AGON_DISPATCH_ON(isa, winograd_gather(s, begin, first, last, x, to, ld, point_size));
}

template <class T>
void winograd_gather_gradients(Isa isa, const detail::WinogradShape& s, std::int64_t begin, std::int64_t first,
                               std::int64_t last, const T* g, T* to, std::int64_t ld, std::int64_t point_size) {
  AGON_DISPATCH_ON(isa, winograd_gather_gradients(s, begin, first, last, g, to, ld, point_size));
}

template <class T>
void winograd_weight_product(Isa isa, std::int64_t tiles, std::int64_t k, std::int64_t first, std::int64_t count,
                             const T* x, std::int64_t ld_x, const T* g, std::int64_t ld_g, T* w, bool accumulate,
                             const detail::WinogradNext<T>& next) {
  AGON_DISPATCH_ON(isa, winograd_weight_product(tiles, k, first, count, x, ld_x, g, ld_g, w, accumulate, next));
}

template <class T>
void winograd_weight_results(Isa isa, const detail::WinogradShape& s, std::int64_t first, std::int64_t last,
                             const T* from, std::int64_t point_size, T* w) {
  AGON_DISPATCH_ON(isa, winograd_weight_results(s, first, last, from, point_size, w));
}

/// y from x, or the input gradient y from the upstream gradient x.
template <class T>
void run_winograd(Isa isa, const detail::WinogradShape& s, bool forward, const T* x, const T* w, T* y,
                  const Epilogue<T>& epilogue) {
  constexpr std::int64_t grain = 1 << 8, cache_bytes = 512 << 10, element = sizeof(T);
  const auto tile = gemm_driver::tile_size<T>(isa);
  const std::int64_t k = s.in.depth(), n = s.out.depth();
  const Workspace<T> weights(25 * s.point_size()), packed(forward ? 4 * k * n : 0);
  if (forward) gemm_driver::pack_panels(isa, {{}, false, {w, n, 4 * k, 4 * k}, true, 0, n, 4 * k}, packed.data());
  parallel_for(k * n / tile.lanes, grain, [&](std::int64_t first, std::int64_t last) {
    winograd_weights(isa, s, {forward}, first, last, forward ? packed.data() : w, weights.data());
  });
  // Jobs of about equal size and even in number, of as many tiles as the second-level cache holds at all points.
  const std::int64_t most = cache_bytes * s.tiles() / (s.products_of_tiles() * (k + n) * element);
  const std::int64_t fit = larger(tile.rows, most / tile.rows * tile.rows);
  const std::int64_t count = ceil_div(s.tiles(), round_up(ceil_div(s.tiles(), fit), 2));
  parallel_chunks(ceil_div(s.tiles(), count), [&](std::int64_t job) {
    const std::int64_t first = job * count;
    winograd_block(isa, s, first, smaller(count, s.tiles() - first), x, weights.data(), y, epilogue);
  });
}

/// The weight gradient w of a convolution, so many tiles at a time as the caches hold at all points.
template <class T>
void run_winograd_weights(Isa isa, const detail::WinogradShape& s, const T* x, const T* g, T* w) {
  constexpr std::int64_t line = 64 / static_cast<std::int64_t>(sizeof(T)), cache_bytes = 2 << 20;
  const std::int64_t k = s.in.depth(), o = s.out.c, ld_x = k + line, ld_g = o + line;
  const std::int64_t fit = cache_bytes / (25 * (ld_x + ld_g) * static_cast<std::int64_t>(sizeof(T)));
  const std::int64_t chunk = detail::even_pieces(s.tiles(), larger(fit, 64), 8);
  // Rows and points do not lie a power of two apart, which would fall on few cache sets. Whole vectors are read and
  // written in between, beyond the last channel.
  const std::int64_t size_x = chunk * ld_x + 5 * line, size_g = chunk * ld_g + 5 * line, size_w = o * k + 5 * line;
  const Workspace<T> inputs(25 * size_x), gradients(25 * size_g), weights(25 * size_w);
  const std::int64_t rows = round_up(ceil_div(o, 2), gemm_driver::tile_size<T>(isa).rows), blocks = ceil_div(o, rows);
  for (std::int64_t from = 0; from < s.tiles(); from += chunk) {
    const std::int64_t tiles = smaller(chunk, s.tiles() - from);
    parallel_for(tiles, 8, [&](std::int64_t first, std::int64_t last) {
      winograd_gather(isa, s, from, from + first, from + last, x, inputs.data(), ld_x, size_x);
      winograd_gather_gradients(isa, s, from, from + first, from + last, g, gradients.data(), ld_g, size_g);
    });
    // Each job asks for its share of the images that come next: mostly those that its thread will take tiles from.
    const std::int64_t jobs = 25 * blocks, next = from + tiles, end = smaller(next + chunk, s.tiles());
    const std::int64_t x_from = next < end ? s.first_input(next) : 0, g_from = next < end ? s.first_output(next) : 0;
    const std::int64_t x_size = next < end ? s.last_input(end - 1) - x_from : 0;
    const std::int64_t g_size = next < end ? s.last_output(end - 1) - g_from : 0;
    parallel_chunks(jobs, [&](std::int64_t job) {
      const std::int64_t point = job / blocks, first = job % blocks * rows;
      const auto kind = detail::WinogradPoint::of(point);
      const std::int64_t depth = s.tiles_before(from + tiles, kind) - s.tiles_before(from, kind);
      const T* const at_x = inputs.data() + point * size_x;
      const T* const at_g = gradients.data() + point * size_g;
      const bool same_point = first + rows < o, next_point = !same_point && point < 24;
      const detail::WinogradNext<T> soon{next_point ? at_x + size_x : nullptr,
                                         same_point   ? at_g + first + rows
                                         : next_point ? at_g + size_g
                                                      : nullptr,
                                         same_point   ? smaller(rows, o - first - rows)
                                         : next_point ? smaller(rows, o)
                                                      : 0,
                                         x + x_from + job * x_size / jobs,
                                         g + g_from + job * g_size / jobs,
                                         ceil_div(x_size, jobs),
                                         ceil_div(g_size, jobs)};
      winograd_weight_product(isa, depth, k, first, smaller(rows, o - first), at_x, ld_x, at_g, ld_g,
                              weights.data() + point * size_w, from > 0, soon);
    });
  }
  parallel_for(o, 4, [&](std::int64_t first, std::int64_t last) {
    winograd_weight_results(isa, s, first, last, weights.data(), size_w, w);
  });
}

inline detail::WinogradShape winograd_forward(const ConvShape& s) {
  using Axis = detail::WinogradAxis;
  return {
      {s.h, s.w, s.c, 2, -s.padding, 2}, {s.oh, s.ow, s.o, 1, 0, 1}, s.n, Axis::covering(s.oh), Axis::covering(s.ow)};
}

inline detail::WinogradShape winograd_input_grad(const ConvShape& s) {
  const std::int64_t first = s.padding / 2;  // pixel r is 2 q + phase - padding, and sees g[q - 1] and g[q]
  const auto tiles = [&](std::int64_t size) {
    return detail::WinogradAxis::covering((size - 1 + s.padding) / 2 + 1 - first);
  };
  return {
      {s.oh, s.ow, s.o, 1, first - 1, 1}, {s.h, s.w, s.c, 2, 2 * first - s.padding, 2}, s.n, tiles(s.h), tiles(s.w)};
}

/// Whether `n` channels fill vectors: whole ones or, with AVX-512, which masks the last, more than one, of whose lanes
/// two thirds or more are used.
inline bool fill_vectors(std::int64_t n, const detail::TileSize& tile, std::int64_t element_bytes) {
  const std::int64_t whole = round_up(n, tile.lanes);
  return n == whole || (tile.lanes * element_bytes == 64 && n > tile.lanes && 2 * whole <= 3 * n);
}

/// Whether a pass of a convolution goes by Winograd's algorithm as `w` says, in products of `columns` columns: 4 x 4
/// with stride 2, channels that fill vectors, a third fewer multiplications than the taps inside the image take, enough
/// tiles to pay for the weights at the points, and those not so large that the caches would lose them from job to job.
inline bool prefer_winograd(const ConvShape& s, const detail::WinogradShape& w, std::int64_t columns,
                            const detail::TileSize& tile, std::int64_t element_bytes) {
  constexpr std::int64_t few_channels = 1024, few_tiles = 40, most_bytes = 16 << 20;
  if (s.kh != 4 || s.kw != 4 || s.stride != 2 || columns % tile.lanes != 0) return false;
  if (!fill_vectors(s.c, tile, element_bytes) || !fill_vectors(s.o, tile, element_bytes)) return false;
  if (s.c * s.o < few_channels || 100 * s.c * s.o * element_bytes > most_bytes || w.tiles() < few_tiles) return false;
  return 3 * w.products() <= 2 * s.n * windows_of(s).taps_of_rows() * windows_of(s).taps_of_cols();
}

}  // namespace conv_driver
}  // namespace AGON_BUILD
}  // namespace agon::kernels
