#pragma once

#include <agon/core/build.hpp>
#include <agon/core/shape.hpp>
#include <agon/kernels/dispatch.hpp>

#include <algorithm>
#include <array>
#include <cstdint>

namespace agon::kernels {

using Strides = std::array<std::int64_t, Shape::max_rank>;

/// How two operands are read to fill one row-major result: sizes of the loops, outermost first, and the operands'
/// strides (0 where broadcast), adjacent axes merged where both operands allow it. Rank 0 means one element.
struct BroadcastPlan {
  int rank = 0;
  Strides sizes{}, stride_a{}, stride_b{};
  std::int64_t numel = 1;

  /// Adds the next inner axis, merged with the one around it where both operands run through the two as if through one.
  void push_back(std::int64_t size, std::int64_t step_a, std::int64_t step_b) {
    numel *= size;
    if (size == 1) return;
    auto slot = static_cast<std::size_t>(rank);
    if (rank > 0 && stride_a[slot - 1] == step_a * size && stride_b[slot - 1] == step_b * size)
      sizes[--slot] *= size;
    else
      sizes[slot] = size, ++rank;
    stride_a[slot] = step_a;
    stride_b[slot] = step_b;
  }

  /// Length of the innermost loop and the operands' strides in it.
  std::int64_t length() const { return rank > 0 ? sizes[static_cast<std::size_t>(rank - 1)] : 1; }
  std::int64_t inner_a() const { return rank > 0 ? stride_a[static_cast<std::size_t>(rank - 1)] : 0; }
  std::int64_t inner_b() const { return rank > 0 ? stride_b[static_cast<std::size_t>(rank - 1)] : 0; }

  /// A piece of about `elements` elements for parallel loops over the flat result: whole rows where they are short.
  std::int64_t grain(std::int64_t elements) const {
    return length() < elements ? elements / std::max<std::int64_t>(length(), 1) * length() : elements;
  }
};

inline BroadcastPlan plan_broadcast(const Shape& a, const Shape& b, const Shape& result) {
  const auto strides = [&](const Shape& s) {
    Strides out{};
    const auto own = strides_of(s);
    const int lead = result.rank() - s.rank();
    for (int i = lead; i < result.rank(); ++i)
      out[static_cast<std::size_t>(i)] = s[i - lead] == 1 ? 0 : own[static_cast<std::size_t>(i - lead)];
    return out;
  };
  const auto sa = strides(a), sb = strides(b);
  BroadcastPlan plan;
  for (int i = 0; i < result.rank(); ++i)
    plan.push_back(result[i], sa[static_cast<std::size_t>(i)], sb[static_cast<std::size_t>(i)]);
  return plan;
}

inline namespace AGON_BUILD {

/// Walks through elements [first, last) of a plan's flat result as pieces of its innermost loop:
/// `for (PlanRows r(plan, first, last); r.count > 0; r.next())` with the offsets of the piece in both operands. The
/// plan is not empty and outlives the walk.
struct PlanRows {
  std::int64_t position, count;  ///< first element of the piece in the result, its length
  std::int64_t a, b;             ///< its first element in the operands

  AGON_INLINE PlanRows(const BroadcastPlan& plan, std::int64_t first, std::int64_t last)
      : position(first), plan_(plan), last_(last) {
    std::int64_t rest = first;
    a = b = 0;
    for (int axis = plan.rank - 1; axis >= 0; --axis) {
      const auto i = static_cast<unsigned>(axis);
      index_[i] = rest % plan.sizes[i];
      rest /= plan.sizes[i];
      a += index_[i] * plan.stride_a[i];
      b += index_[i] * plan.stride_b[i];
    }
    const auto left = plan.rank > 0 ? plan.length() - index_[static_cast<unsigned>(plan.rank - 1)] : 1;
    count = left < last - first ? left : last - first;
  }

  AGON_INLINE void next() {
    position += count;
    if (position >= last_) {
      count = 0;
      return;
    }
    // To the beginning of the row, then one step along the axis around it, with carry.
    const auto inner = static_cast<unsigned>(plan_.rank - 1);
    a -= index_[inner] * plan_.stride_a[inner];
    b -= index_[inner] * plan_.stride_b[inner];
    index_[inner] = 0;
    for (int axis = plan_.rank - 2; axis >= 0; --axis) {
      const auto i = static_cast<unsigned>(axis);
      a += plan_.stride_a[i];
      b += plan_.stride_b[i];
      if (++index_[i] < plan_.sizes[i]) break;
      a -= plan_.sizes[i] * plan_.stride_a[i];
      b -= plan_.sizes[i] * plan_.stride_b[i];
      index_[i] = 0;
    }
    const auto length = plan_.length();
    count = length < last_ - position ? length : last_ - position;
  }

 private:
  const BroadcastPlan& plan_;
  std::int64_t last_;
  std::int64_t index_[Shape::max_rank];
};

}  // namespace AGON_BUILD
}  // namespace agon::kernels
