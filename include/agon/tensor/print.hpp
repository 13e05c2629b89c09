#pragma once

#include <agon/tensor/tensor.hpp>

#include <cstdint>
#include <ostream>

namespace agon {

namespace detail {

template <Element T>
void print_axis(std::ostream& out, const Tensor<T>& t, int axis, std::int64_t first) {
  constexpr std::int64_t edge = 3;
  if (axis == t.rank()) {
    const auto value = t.data()[static_cast<std::size_t>(first)];
    if constexpr (std::same_as<T, bool>)
      out << (value ? "true" : "false");
    else
      out << +value;
    return;
  }
  std::int64_t stride = 1;
  for (int i = axis + 1; i < t.rank(); ++i) stride *= t.shape()[i];
  const auto size = t.shape()[axis];
  const bool shorten = t.numel() > 1000 && size > 2 * edge;
  out << '[';
  for (std::int64_t i = 0; i < size; ++i) {
    if (i > 0) out << (axis + 1 == t.rank() ? ", " : ",\n");
    if (i > 0 && axis + 1 < t.rank())
      for (int k = 0; k <= axis; ++k) out << ' ';
    if (shorten && i == edge) {
      out << "...";
      i = size - edge - 1;
      continue;
    }
    print_axis(out, t, axis + 1, first + i * stride);
  }
  out << ']';
}

}  // namespace detail

/// Writes element type, shape and the values, rows on lines of their own; long axes of large tensors are shortened.
template <Element T>
std::ostream& operator<<(std::ostream& out, const Tensor<T>& t) {
  if (!t.defined()) return out << "Tensor(absent)";
  out << type_name<T>() << t.shape() << ' ';
  detail::print_axis(out, t, 0, 0);
  return out;
}

}  // namespace agon
