#pragma once

#include <agon/data/pixels.hpp>
#include <agon/tensor/tensor.hpp>

#include <algorithm>
#include <cstdint>

namespace agon::io {

struct GridOptions {
  std::int64_t columns = 10;
  std::int64_t padding = 2;  ///< pixels between images and around them, before scaling
  std::int64_t scale = 1;    ///< each pixel becomes scale x scale
  std::uint8_t background = 64;
};

/// One picture [height, width, c] of a batch [n, h, w, c], row by row from the top left.
/// Throws ShapeError unless the batch has rank 4 and the options are sensible.
inline Tensor<std::uint8_t> grid(const Tensor<std::uint8_t>& images, const GridOptions& options = {}) {
  const auto& [columns, padding, scale, background] = options;
  check<ShapeError>(images.rank() == 4 && images.size(0) > 0, "grid: images have shape ", images.shape(),
                    "; expected [n, h, w, c] with n > 0");
  check<ShapeError>(columns >= 1 && columns <= 65536, "grid: columns ", columns, "; expected 1 to 65536");
  check<ShapeError>(padding >= 0 && padding <= 1024, "grid: padding ", padding, "; expected 0 to 1024");
  check<ShapeError>(scale >= 1 && scale <= 64, "grid: scale ", scale, "; expected 1 to 64");
  const auto n = images.size(0), h = images.size(1), w = images.size(2), channels = images.size(3);
  check<ShapeError>(h <= 65536 && w <= 65536, "grid: images have shape ", images.shape(),
                    "; expected at most 65536 x 65536 pixels");
  const auto rows = (n + columns - 1) / columns;
  const auto width = scale * (std::min(columns, n) * (w + padding) + padding);

  auto result = Tensor<std::uint8_t>::uninitialized({scale * (rows * (h + padding) + padding), width, channels});
  auto* const to = result.mutable_data().data();
  std::fill_n(to, result.numel(), background);
  const auto* from = images.data().data();
  for (std::int64_t i = 0; i < n; ++i) {
    const auto top = scale * (i / columns * (h + padding) + padding),
               left = scale * (i % columns * (w + padding) + padding);
    for (std::int64_t y = 0; y < h; ++y) {
      auto* const row = to + ((top + y * scale) * width + left) * channels;
      auto* pixel = row;
      for (std::int64_t x = 0; x < w; ++x, from += channels)
        for (std::int64_t k = 0; k < scale; ++k) pixel = std::copy_n(from, channels, pixel);
      for (std::int64_t k = 1; k < scale; ++k) std::copy_n(row, w * scale * channels, row + k * width * channels);
    }
  }
  return result;
}

/// The same for images in [-1, 1].
template <Real T>
Tensor<std::uint8_t> grid(const Tensor<T>& images, const GridOptions& options = {}) {
  return grid(to_pixels(images), options);
}

}  // namespace agon::io
