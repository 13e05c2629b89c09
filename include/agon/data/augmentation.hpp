#pragma once

#include <agon/core/rng.hpp>
#include <agon/tensor/tensor.hpp>

#include <algorithm>
#include <cstdint>
#include <cstdlib>

namespace agon {

/// Moves every image of a batch [n, h, w, c] by a random whole number of pixels and puts `fill` where none is left: up
/// to round(ratio h) rows and round(ratio w) columns either way, each shift equally likely. Takes two blocks of `rng`
/// an image. For data alone: the result has no graph, so it is no substitute for augmenting what a generator makes.
///
/// Zhao et al. 2020, "Differentiable Augmentation for Data-Efficient GAN Training", use ratio = 0.125.
/// Throws ShapeError unless the batch has rank 4 and 0 <= ratio < 1.
template <Element T>
Tensor<T> random_translation(const Tensor<T>& images, double ratio, T fill, Rng& rng) {
  check<ShapeError>(images.rank() == 4, "random_translation: images have shape ", images.shape(),
                    "; expected [n, h, w, c]");
  check<ShapeError>(ratio >= 0 && ratio < 1, "random_translation: ratio ", ratio, "; expected at least 0 and below 1");
  const auto n = images.size(0), height = images.size(1), width = images.size(2), channels = images.size(3);
  const auto reach = [&](std::int64_t size) {
    return static_cast<std::int64_t>(static_cast<double>(size) * ratio + 0.5);
  };
  const auto draw = [&](std::int64_t most) { return rng.below(2 * most + 1) - most; };

  auto result = Tensor<T>::uninitialized(images.shape());
  const T* from = images.data().data();
  T* to = result.mutable_data().data();
  std::fill_n(to, result.numel(), fill);
  for (std::int64_t i = 0; i < n; ++i, from += height * width * channels, to += height * width * channels) {
    const auto down = draw(reach(height)), right = draw(reach(width));
    const auto columns = std::max<std::int64_t>(width - std::abs(right), 0);
    for (std::int64_t y = std::max<std::int64_t>(down, 0); y < std::min(height, height + down); ++y)
      std::copy_n(from + ((y - down) * width + std::max<std::int64_t>(-right, 0)) * channels, columns * channels,
                  to + (y * width + std::max<std::int64_t>(right, 0)) * channels);
  }
  return result;
}

}  // namespace agon
