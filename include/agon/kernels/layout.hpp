#pragma once

#include <agon/core/element.hpp>
#include <agon/core/parallel.hpp>
#include <agon/kernels/broadcast.hpp>

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace agon::kernels::detail {
inline namespace AGON_BUILD {

inline constexpr std::int64_t copy_grain = 32768;

/// One loop of a strided copy.
struct CopyAxis {
  std::int64_t size, src, dst;
};

/// A copy of one axis.
template <Element T>
void copy_run(CopyAxis axis, const T* src, T* dst) {
  if (axis.src == 1 && axis.dst == 1)
    std::memcpy(dst, src, static_cast<std::size_t>(axis.size) * sizeof(T));
  else if (axis.src == 0 && axis.dst == 1)
    std::fill(dst, dst + axis.size, *src);
  else
    for (std::int64_t i = 0; i < axis.size; ++i) dst[i * axis.dst] = src[i * axis.src];
}

/// A copy of two axes: x runs along src's memory, y along dst's. Square tiles keep the cache lines of both in level 1.
template <Element T>
void transpose(CopyAxis x, CopyAxis y, const T* src, T* dst) {
  constexpr std::int64_t tile = std::max<std::int64_t>(64 / static_cast<std::int64_t>(sizeof(T)), 16);
  for (std::int64_t i0 = 0; i0 < x.size; i0 += tile)
    for (std::int64_t j0 = 0; j0 < y.size; j0 += tile) {
      const auto i1 = std::min(i0 + tile, x.size), j1 = std::min(j0 + tile, y.size);
      for (auto i = i0; i < i1; ++i)
        for (auto j = j0; j < j1; ++j) dst[i * x.dst + j * y.dst] = src[i * x.src + j * y.src];
    }
}

}  // namespace AGON_BUILD
}  // namespace agon::kernels::detail

namespace agon::kernels {
inline namespace AGON_BUILD {

/// dst[i . dst_strides] = src[i . src_strides] for every index i of `sizes`: permutations, slices, padding,
/// concatenation and broadcasting (stride 0 in src) are all this copy. src and dst do not overlap.
template <Element T>
void copy(const Shape& sizes, const T* src, const Strides& src_strides, T* dst, const Strides& dst_strides) {
  if (sizes.numel() == 0) return;
  // Loops merged where both sides run through two axes as if through one.
  BroadcastPlan plan;
  for (int i = 0; i < sizes.rank(); ++i)
    plan.push_back(sizes[i], src_strides[static_cast<std::size_t>(i)], dst_strides[static_cast<std::size_t>(i)]);
  const auto axis = [&](int i) {
    const auto k = static_cast<std::size_t>(i);
    return detail::CopyAxis{plan.sizes[k], plan.stride_a[k], plan.stride_b[k]};
  };
  // The innermost loop is the one that runs along dst; where another runs along src, the two make a transposition.
  int along_src = -1, along_dst = plan.rank - 1;
  for (int i = 0; i < plan.rank; ++i)
    if (axis(i).dst == 1) along_dst = i;
  for (int i = 0; i < plan.rank; ++i)
    if (axis(i).src == 1 && i != along_dst && axis(along_dst).src != 1) along_src = i;
  const detail::CopyAxis one{1, 0, 0};
  const auto inner = plan.rank > 0 ? axis(along_dst) : one, across = along_src >= 0 ? axis(along_src) : one;
  // The other loops make rows of work; a long inner loop is cut into pieces of `run`.
  BroadcastPlan rows;
  for (int i = 0; i < plan.rank; ++i)
    if (i != along_dst && i != along_src) rows.push_back(axis(i).size, axis(i).src, axis(i).dst);
  const auto run = std::min(inner.size, std::max<std::int64_t>(detail::copy_grain / across.size, 64));
  const auto pieces = (inner.size + run - 1) / run, grain = detail::copy_grain / (run * across.size);
  parallel_for(pieces * rows.numel, grain, [&](std::int64_t first, std::int64_t last) {
    while (first < last) {
      const auto start = first / rows.numel * run, row = first % rows.numel;
      const auto count = std::min(rows.numel - row, last - first);
      const detail::CopyAxis piece{std::min(run, inner.size - start), inner.src, inner.dst};
      for (PlanRows walk(rows, row, row + count); walk.count > 0; walk.next())
        for (std::int64_t k = 0; k < walk.count; ++k) {
          const T* from = src + walk.a + k * rows.inner_a() + start * inner.src;
          T* to = dst + walk.b + k * rows.inner_b() + start * inner.dst;
          if (along_src >= 0)
            detail::transpose(across, piece, from, to);
          else
            detail::copy_run(piece, from, to);
        }
      first += count;
    }
  });
}

}  // namespace AGON_BUILD
}  // namespace agon::kernels
