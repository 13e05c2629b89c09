#pragma once

#include <agon/core/element.hpp>
#include <agon/core/parallel.hpp>
#include <agon/kernels/simd_loop.hpp>
#include <agon/kernels/simd_math.hpp>

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace agon::kernels {

/// Sizes of one pooling of images [n, h, w, c] into [n, oh, ow, c]; windows of k x k, no padding,
/// oh = (h - k) / stride + 1 rounded down.
struct PoolShape {
  std::int64_t n, h, w, c;
  std::int64_t k, stride;
  std::int64_t oh, ow;
};

}  // namespace agon::kernels

namespace agon::kernels::detail {

/// A rectangle of pixels in memory, strides in elements.
struct Window {
  std::int64_t rows, cols, row_stride, col_stride;
};

}  // namespace agon::kernels::detail

#define AGON_KERNEL_BODY <agon/kernels/pool2d-inl.hpp>
#include <agon/kernels/foreach_isa.hpp>

namespace agon::kernels::detail {
inline namespace AGON_BUILD {

template <Real T>
void dispatch_window_sum(const Window& window, std::int64_t channels, const T* x, T factor, T* out) {
  AGON_DISPATCH(window_sum(window, channels, x, factor, out));
}

template <Real T>
void dispatch_window_max(const Window& window, std::int64_t channels, const T* x, std::int64_t base, T* out,
                         std::int64_t* index) {
  AGON_DISPATCH(window_max(window, channels, x, base, out, index));
}

/// body(image, row, col, pixel) for every pixel of `images` images of h x w, rows in parallel; `work` elements a pixel.
template <class Body>
void for_each_pixel(std::int64_t images, std::int64_t h, std::int64_t w, std::int64_t work, const Body& body) {
  parallel_for(images * h, 16384 / std::max<std::int64_t>(w * work, 1), [&](std::int64_t first, std::int64_t last) {
    for (auto row = first; row < last; ++row)
      for (std::int64_t col = 0; col < w; ++col) body(row / h, row % h, col, row * w + col);
  });
}

/// First and one past the last window of a pooling axis that cover position i.
struct Covering {
  std::int64_t first, last;
  Covering(std::int64_t i, std::int64_t k, std::int64_t stride, std::int64_t windows)
      : first(i < k ? 0 : (i - k) / stride + 1), last(std::min(i / stride + 1, windows)) {
    first = std::min(first, last);
  }
  std::int64_t count() const { return last - first; }
};

}  // namespace AGON_BUILD
}  // namespace agon::kernels::detail

namespace agon::kernels {
inline namespace AGON_BUILD {

/// Largest element of each window, NaN if there is one; index [n, oh, ow, c] receives its flat position in x, the first
/// at ties. T holds the number of every pixel of a window: k^2 <= 2^24 for float, 2^53 for double.
template <Real T>
void max_pool2d(const PoolShape& shape, const T* x, T* y, std::int64_t* index) {
  const detail::Window window{shape.k, shape.k, shape.w * shape.c, shape.c};
  detail::for_each_pixel(
      shape.n, shape.oh, shape.ow, shape.k * shape.k * shape.c,
      [&](std::int64_t i, std::int64_t oy, std::int64_t ox, std::int64_t pixel) {
        const auto base = ((i * shape.h + oy * shape.stride) * shape.w + ox * shape.stride) * shape.c;
        detail::dispatch_window_max(window, shape.c, x + base, base, y + pixel * shape.c, index + pixel * shape.c);
      });
}

/// Mean of each window.
template <Real T>
void avg_pool2d(const PoolShape& shape, const T* x, T* y) {
  const detail::Window window{shape.k, shape.k, shape.w * shape.c, shape.c};
  const T share = T(1) / static_cast<T>(shape.k * shape.k);
  detail::for_each_pixel(shape.n, shape.oh, shape.ow, shape.k * shape.k * shape.c,
                         [&](std::int64_t i, std::int64_t oy, std::int64_t ox, std::int64_t pixel) {
                           const auto base =
                               ((i * shape.h + oy * shape.stride) * shape.w + ox * shape.stride) * shape.c;
                           detail::dispatch_window_sum(window, shape.c, x + base, share, y + pixel * shape.c);
                         });
}

/// The adjoint of avg_pool2d.
template <Real T>
void avg_pool2d_grad(const PoolShape& shape, const T* g, T* x) {
  const T share = T(1) / static_cast<T>(shape.k * shape.k);
  detail::for_each_pixel(
      shape.n, shape.h, shape.w, shape.c, [&](std::int64_t i, std::int64_t row, std::int64_t col, std::int64_t pixel) {
        const detail::Covering oy(row, shape.k, shape.stride, shape.oh);
        const detail::Covering ox(col, shape.k, shape.stride, shape.ow);
        const auto base = ((i * shape.oh + oy.first) * shape.ow + ox.first) * shape.c;
        detail::dispatch_window_sum(detail::Window{oy.count(), ox.count(), shape.ow * shape.c, shape.c}, shape.c,
                                    g + base, share, x + pixel * shape.c);
      });
}

/// y[n, h f, w f, c] repeats each pixel of x [n, h, w, c] f x f times.
template <Real T>
void upsample_nearest2d(std::int64_t n, std::int64_t h, std::int64_t w, std::int64_t c, std::int64_t factor, const T* x,
                        T* y) {
  detail::for_each_pixel(n, h * factor, w * factor, c,
                         [&](std::int64_t i, std::int64_t row, std::int64_t col, std::int64_t pixel) {
                           const T* from = x + ((i * h + row / factor) * w + col / factor) * c;
                           std::memcpy(y + pixel * c, from, static_cast<std::size_t>(c) * sizeof(T));
                         });
}

/// The adjoint of upsample_nearest2d: x sums each f x f block of g.
template <Real T>
void upsample_nearest2d_grad(std::int64_t n, std::int64_t h, std::int64_t w, std::int64_t c, std::int64_t factor,
                             const T* g, T* x) {
  const detail::Window block{factor, factor, w * factor * c, c};
  detail::for_each_pixel(n, h, w, factor * factor * c,
                         [&](std::int64_t i, std::int64_t row, std::int64_t col, std::int64_t pixel) {
                           const T* from = g + ((i * h + row) * factor * w + col) * factor * c;
                           detail::dispatch_window_sum(block, c, from, T(1), x + pixel * c);
                         });
}

}  // namespace AGON_BUILD
}  // namespace agon::kernels
