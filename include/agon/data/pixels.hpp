#pragma once

#include <agon/tensor/tensor.hpp>

#include <algorithm>
#include <array>
#include <cstdint>

namespace agon {

namespace detail {

template <Real T>
std::array<T, 256> signed_unit_table() {
  std::array<T, 256> table;
  for (std::size_t i = 0; i < table.size(); ++i) table[i] = static_cast<T>(i) / T(127.5) - T(1);
  return table;
}

}  // namespace detail

/// Pixels as numbers in [-1, 1], the range of a tanh generator: y = x / 127.5 - 1. Keeps the shape.
template <Real T>
Tensor<T> to_signed_unit(const Tensor<std::uint8_t>& pixels) {
  const auto table = detail::signed_unit_table<T>();
  auto result = Tensor<T>::uninitialized(pixels.shape());
  std::ranges::transform(pixels.data(), result.mutable_data().begin(), [&](std::uint8_t x) { return table[x]; });
  return result;
}

/// Numbers in [-1, 1] as pixels: y = round((x + 1) 127.5), with what lies outside clamped and NaN as 0. Keeps the
/// shape; the inverse of to_signed_unit.
template <Real T>
Tensor<std::uint8_t> to_pixels(const Tensor<T>& x) {
  auto result = Tensor<std::uint8_t>::uninitialized(x.shape());
  std::ranges::transform(x.data(), result.mutable_data().begin(), [](T value) -> std::uint8_t {
    const T pixel = (value + T(1)) * T(127.5) + T(0.5);
    if (!(pixel > T(0))) return 0;
    return pixel < T(255) ? static_cast<std::uint8_t>(pixel) : std::uint8_t{255};
  });
  return result;
}

}  // namespace agon
