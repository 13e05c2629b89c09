#pragma once

#include <agon/core/element.hpp>
#include <agon/io/file.hpp>
#include <agon/tensor/tensor.hpp>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <string>
#include <string_view>

namespace agon::io::detail {

static_assert(std::endian::native == std::endian::little,
              "agon::io copies little-endian files into memory as they are");

/// Calls f.operator()<T>() for every element type T.
template <class F>
void for_each_element(const F& f) {
  f.template operator()<float>();
  f.template operator()<double>();
  f.template operator()<std::int64_t>();
  f.template operator()<std::int32_t>();
  f.template operator()<std::uint8_t>();
  f.template operator()<bool>();
}

/// Text from a file as an error message may show it: in quotes, shortened, without control characters.
inline std::string printable(std::string_view text) {
  constexpr std::size_t most = 80;
  std::string result = "'" + std::string(text.substr(0, most)) + (text.size() > most ? "...'" : "'");
  std::ranges::replace_if(
      result, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, '?');
  return result;
}

/// The unsigned number in `count` bytes from `bytes`, the lowest first. They must be there.
inline std::uint64_t little_endian(ByteView bytes, std::size_t first, std::size_t count) {
  std::uint64_t value = 0;
  for (std::size_t i = count; i-- > 0;) value = value << 8 | bytes[first + i];
  return value;
}

/// The same with the highest byte first.
inline std::uint64_t big_endian(ByteView bytes, std::size_t first, std::size_t count) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < count; ++i) value = value << 8 | bytes[first + i];
  return value;
}

inline void append_little_endian(std::string& bytes, std::uint64_t value, int count) {
  for (int i = 0; i < count; ++i) bytes += static_cast<char>(value >> (8 * i) & 0xff);
}

/// a * b, or the largest number where that does not fit: larger than any file, so comparing with a size refuses it.
inline std::uint64_t saturating_product(std::uint64_t a, std::uint64_t b) {
  constexpr auto most = std::numeric_limits<std::uint64_t>::max();
  return b != 0 && a > most / b ? most : a * b;
}

/// Bytes that a tensor of these sizes takes, saturated. A size of 0 does not hide the others' overflow.
inline std::uint64_t byte_size(std::span<const std::int64_t> sizes, std::uint64_t element_bytes) {
  std::uint64_t bytes = element_bytes;
  bool empty = false;
  for (const auto size : sizes) {
    empty = empty || size == 0;
    bytes = saturating_product(bytes, static_cast<std::uint64_t>(std::max<std::int64_t>(size, 1)));
  }
  constexpr auto most = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  return empty && bytes <= most ? 0 : bytes;
}

template <Element T>
ByteView bytes_of(const Tensor<T>& tensor) {
  return {reinterpret_cast<const std::uint8_t*>(tensor.data().data()), tensor.data().size_bytes()};
}

/// A tensor with a copy of the bytes, whose number must fit the shape. `where` begins the error that a bool other than
/// 0 or 1 gets.
template <Element T>
Tensor<T> tensor_of(ByteView bytes, const Shape& shape, std::string_view where) {
  if constexpr (std::same_as<T, bool>) {
    const auto bad = std::ranges::find_if(bytes, [](std::uint8_t byte) { return byte > 1; });
    check<IoError>(bad == bytes.end(), where, ": bool number ", bad - bytes.begin(), " is stored as ",
                   bad == bytes.end() ? 0 : +*bad, "; expected 0 or 1");
  }
  auto tensor = Tensor<T>::uninitialized(shape);
  if (!bytes.empty()) std::memcpy(tensor.mutable_data().data(), bytes.data(), bytes.size());
  return tensor;
}

}  // namespace agon::io::detail
