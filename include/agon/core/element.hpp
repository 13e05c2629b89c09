#pragma once

#include <bit>
#include <concepts>
#include <cstdint>
#include <string_view>
#include <type_traits>

namespace agon {

/// Element types that can be differentiated.
template <class T>
concept Real = std::same_as<T, float> || std::same_as<T, double>;

/// Element types of labels and indices.
template <class T>
concept Index = std::same_as<T, std::int32_t> || std::same_as<T, std::int64_t>;

/// Every element type of a Tensor: Real, Index, uint8 (images) and bool (masks).
template <class T>
concept Element = Real<T> || Index<T> || std::same_as<T, std::uint8_t> || std::same_as<T, bool>;

/// "float32", "float64", "int32", "int64", "uint8" or "bool".
template <Element T>
constexpr std::string_view type_name() {
  if constexpr (std::same_as<T, float>) return "float32";
  if constexpr (std::same_as<T, double>) return "float64";
  if constexpr (std::same_as<T, std::int32_t>) return "int32";
  if constexpr (std::same_as<T, std::int64_t>) return "int64";
  if constexpr (std::same_as<T, std::uint8_t>) return "uint8";
  if constexpr (std::same_as<T, bool>) return "bool";
}

/// Whether x is neither infinite nor NaN. Asks its bits: -ffast-math folds std::isfinite and comparisons away.
template <Real T>
constexpr bool is_finite(T x) {
  using Bits = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
  constexpr auto exponent = static_cast<Bits>(sizeof(T) == 4 ? 0x7f800000u : 0x7ff0000000000000u);
  return (std::bit_cast<Bits>(x) & exponent) != exponent;
}

}  // namespace agon
