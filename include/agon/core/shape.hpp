#pragma once

#include <agon/core/error.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <ostream>
#include <span>
#include <string_view>

namespace agon {

namespace detail {

/// a + b of two sizes. Throws ShapeError naming `op` unless both are 0 or more and the sum fits in int64.
inline std::int64_t add_sizes(std::int64_t a, std::int64_t b, std::string_view op) {
  check<ShapeError>(a >= 0 && b >= 0 && a <= std::numeric_limits<std::int64_t>::max() - b, op, ": sizes ", a, " and ",
                    b, "; expected 0 or more and a sum that fits in 64 bits");
  return a + b;
}

/// a b of two sizes. Throws ShapeError naming `op` unless both are 0 or more and the product fits in int64.
inline std::int64_t multiply_sizes(std::int64_t a, std::int64_t b, std::string_view op) {
  check<ShapeError>(a >= 0 && b >= 0 && (b == 0 || a <= std::numeric_limits<std::int64_t>::max() / b), op, ": sizes ",
                    a, " and ", b, "; expected 0 or more and a product that fits in 64 bits");
  return a * b;
}

}  // namespace detail

/// The sizes of a tensor's axes, outermost first: rank 0 (a scalar) to 8. The product of the sizes that are not 0 fits
/// in int64, so the product of any of them does.
class Shape {
 public:
  static constexpr int max_rank = 8;

  Shape() = default;
  Shape(std::initializer_list<std::int64_t> sizes) : Shape(std::span(sizes.begin(), sizes.size())) {}
  explicit Shape(std::span<const std::int64_t> sizes) {
    for (auto size : sizes) push_back(size);
  }

  int rank() const { return rank_; }
  /// Number of elements, 1 for a scalar.
  std::int64_t numel() const { return numel_; }

  std::int64_t operator[](int axis) const { return sizes_[static_cast<std::size_t>(axis)]; }
  /// Size of an axis; negative counts from the last. Throws ShapeError when there is no such axis.
  std::int64_t at(int axis) const { return (*this)[wrap(axis)]; }

  /// `axis` counted from the front. Throws ShapeError unless -rank <= axis < rank.
  int wrap(int axis, std::string_view op = "shape") const {
    check<ShapeError>(axis >= -rank_ && axis < rank_, op, ": axis ", axis, " of shape ", *this, "; expected ", -rank_,
                      " to ", rank_ - 1);
    return axis < 0 ? axis + rank_ : axis;
  }

  /// This shape with another size on one axis. Throws ShapeError when there is no such axis.
  Shape with(int axis, std::int64_t size) const {
    const int changed = wrap(axis);
    Shape result;
    for (int i = 0; i < rank_; ++i) result.push_back(i == changed ? size : (*this)[i]);
    return result;
  }

  /// The first `count` axes, 0 <= count <= rank.
  Shape first(int count) const { return Shape(sizes().first(static_cast<std::size_t>(count))); }

  /// Adds an innermost axis. Throws ShapeError for a negative size, a ninth axis or too many elements.
  void push_back(std::int64_t size) {
    check<ShapeError>(rank_ < max_rank, "shape: rank ", rank_ + 1, "; expected at most ", max_rank);
    check<ShapeError>(size >= 0, "shape: size ", size, " of axis ", rank_, "; expected 0 or more");
    const auto volume = std::max<std::int64_t>(size, 1);
    check<ShapeError>(volume_ <= std::numeric_limits<std::int64_t>::max() / volume,
                      "shape: number of elements overflows 64 bits at axis ", rank_, " of size ", size);
    sizes_[static_cast<std::size_t>(rank_++)] = size;
    numel_ *= size;
    volume_ *= volume;
  }

  const std::int64_t* begin() const { return sizes_.data(); }
  const std::int64_t* end() const { return sizes_.data() + rank_; }
  std::span<const std::int64_t> sizes() const { return {begin(), end()}; }

  friend bool operator==(const Shape& a, const Shape& b) { return std::equal(a.begin(), a.end(), b.begin(), b.end()); }

  friend std::ostream& operator<<(std::ostream& out, const Shape& shape) {
    out << '[';
    for (int i = 0; i < shape.rank_; ++i) out << (i ? ", " : "") << shape[i];
    return out << ']';
  }

 private:
  std::array<std::int64_t, max_rank> sizes_{};
  std::int64_t numel_ = 1;
  std::int64_t volume_ = 1;  // product of the sizes that are not 0
  int rank_ = 0;
};

/// Row-major strides in elements.
inline std::array<std::int64_t, Shape::max_rank> strides_of(const Shape& shape) {
  std::array<std::int64_t, Shape::max_rank> strides{};
  std::int64_t stride = 1;
  for (int i = shape.rank() - 1; i >= 0; --i) {
    strides[static_cast<std::size_t>(i)] = stride;
    stride *= shape[i];
  }
  return strides;
}

/// The shape two operands broadcast to: axes aligned at the last, sizes equal or 1. Throws ShapeError naming `op`.
inline Shape broadcast_shapes(const Shape& a, const Shape& b, std::string_view op) {
  const int rank = a.rank() > b.rank() ? a.rank() : b.rank();
  Shape result;
  for (int i = 0; i < rank; ++i) {
    const auto size = [&](const Shape& s) { return i < rank - s.rank() ? 1 : s[i - (rank - s.rank())]; };
    const auto x = size(a), y = size(b);
    check<ShapeError>(x == y || x == 1 || y == 1, op, ": shapes do not broadcast: ", a, " and ", b,
                      "; expected equal sizes or 1, aligned at the last axis");
    result.push_back(x == 1 ? y : x);
  }
  return result;
}

}  // namespace agon
