#pragma once

#include <agon/autograd/basic.hpp>

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <vector>

namespace agon {

/// The same elements with another shape; one size may be -1 and follows from the others, of which none may be 0 then.
/// Shares storage; x itself where it has that shape. Gradient: g reshaped back.
/// Throws ShapeError when the number of elements differs.
template <Real T>
Tensor<T> reshape(const Tensor<T>& x, const std::vector<std::int64_t>& sizes) {
  Shape named;  // and 1 for the size that follows
  for (auto size : sizes) named.push_back(size == -1 ? 1 : size);
  const auto known = named.numel();
  const auto free = std::count(sizes.begin(), sizes.end(), -1);
  const bool fits = free == 0 ? known == x.numel() : free == 1 && known > 0 && x.numel() % known == 0;
  if (!fits) {
    std::ostringstream wanted;
    for (auto size : sizes) wanted << (wanted.tellp() > 0 ? ", " : "") << size;
    check<ShapeError>(false, "reshape: ", x.shape(), " has ", x.numel(), " elements; they do not fit [", wanted.str(),
                      "]");
  }
  Shape shape;
  for (auto size : sizes) shape.push_back(size == -1 ? x.numel() / known : size);
  if (shape == x.shape()) return x;
  return record("reshape", x.window(shape, 0), {x}, Save::nothing,
                [](const Vjp<T>& v) -> Grads<T> { return {reshape(v.grad(), v.input_shape())}; });
}
/// x with the shape of another tensor.
template <Real T>
Tensor<T> reshape(const Tensor<T>& x, const Shape& shape) {
  return reshape(x, std::vector<std::int64_t>(shape.begin(), shape.end()));
}
/// x with sizes written out: `reshape(x, {n, -1})`.
template <Real T>
Tensor<T> reshape(const Tensor<T>& x, std::initializer_list<std::int64_t> sizes) {
  return reshape(x, std::vector<std::int64_t>(sizes));
}

/// Axis i of the result is axis axes[i] of x. Copies. Gradient: the inverse permutation.
/// Throws ShapeError unless `axes` names each axis of x exactly once.
template <Real T>
Tensor<T> permute(const Tensor<T>& x, const std::vector<int>& axes) {
  std::vector<int> inverse(static_cast<std::size_t>(x.rank()), -1);
  for (std::size_t i = 0; i < axes.size(); ++i)
    inverse[static_cast<std::size_t>(x.shape().wrap(axes[i], "permute"))] = static_cast<int>(i);
  check<ShapeError>(static_cast<int>(axes.size()) == x.rank() && std::count(inverse.begin(), inverse.end(), -1) == 0,
                    "permute: ", axes.size(), " axes for shape ", x.shape(), "; expected each axis exactly once");
  Shape shape;
  kernels::Strides from{};
  const auto own = strides_of(x.shape());
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const int axis = x.shape().wrap(axes[i]);
    shape.push_back(x.shape()[axis]);
    from[i] = own[static_cast<std::size_t>(axis)];
  }
  auto y = empty<T>(shape);
  kernels::copy(shape, x.data().data(), from, y.mutable_data().data(), strides_of(shape));
  return record("permute", y, {x}, Save::nothing,
                [inverse](const Vjp<T>& v) -> Grads<T> { return {permute(v.grad(), inverse)}; });
}

/// x with two axes exchanged. Throws ShapeError when there is no such axis.
template <Real T>
Tensor<T> transpose(const Tensor<T>& x, int a = -2, int b = -1) {
  std::vector<int> axes(static_cast<std::size_t>(x.rank()));
  std::iota(axes.begin(), axes.end(), 0);
  std::swap(axes[static_cast<std::size_t>(x.shape().wrap(a, "transpose"))],
            axes[static_cast<std::size_t>(x.shape().wrap(b, "transpose"))]);
  return permute(x, axes);
}

template <Real T>
Tensor<T> pad(const Tensor<T>& x, int axis, std::int64_t before, std::int64_t after);

/// Elements first <= i < last of one axis; x itself where that is all of it. Shares storage when everything before that
/// axis has size 1, copies otherwise. Gradient: pad with zeros. Throws ShapeError unless 0 <= first <= last <= its
/// size.
template <Real T>
Tensor<T> slice(const Tensor<T>& x, int axis, std::int64_t first, std::int64_t last) {
  axis = x.shape().wrap(axis, "slice");
  const auto size = x.shape()[axis];
  check<ShapeError>(0 <= first && first <= last && last <= size, "slice: [", first, ", ", last, ") of axis ", axis,
                    " of shape ", x.shape(), "; expected a range within [0, ", size, ")");
  if (first == 0 && last == size) return x;
  const auto shape = x.shape().with(axis, last - first);
  const auto own = strides_of(x.shape());
  const auto start = first * own[static_cast<std::size_t>(axis)];
  const bool leading = std::all_of(shape.begin(), shape.begin() + axis, [](auto s) { return s == 1; });
  auto y = leading ? x.window(shape, shape.numel() == 0 ? 0 : start) : empty<T>(shape);
  if (!leading && shape.numel() > 0)
    kernels::copy(shape, x.data().data() + start, own, y.mutable_data().data(), strides_of(shape));
  return record("slice", y, {x}, Save::nothing, [axis, first, after = size - last](const Vjp<T>& v) -> Grads<T> {
    return {pad(v.grad(), axis, first, after)};
  });
}

/// x with zeros before and after it on one axis; x itself where there are none. Gradient: the slice.
/// Throws ShapeError for a negative number of zeros or a result of too many elements.
template <Real T>
Tensor<T> pad(const Tensor<T>& x, int axis, std::int64_t before, std::int64_t after) {
  axis = x.shape().wrap(axis, "pad");
  check<ShapeError>(before >= 0 && after >= 0, "pad: ", before, " before and ", after, " after; expected 0 or more");
  if (before == 0 && after == 0) return x;
  const auto size = x.shape()[axis];
  const auto padded = detail::add_sizes(detail::add_sizes(before, size, "pad"), after, "pad");
  auto y = zeros<T>(x.shape().with(axis, padded));
  const auto to = strides_of(y.shape());
  if (x.numel() > 0)
    kernels::copy(x.shape(), x.data().data(), strides_of(x.shape()),
                  y.mutable_data().data() + before * to[static_cast<std::size_t>(axis)], to);
  return record("pad", y, {x}, Save::nothing, [axis, before, size](const Vjp<T>& v) -> Grads<T> {
    return {slice(v.grad(), axis, before, before + size)};
  });
}

/// Tensors one after the other along an axis; the other axes agree. Gradient: the slices.
/// Throws ShapeError when there are none or their shapes do not fit.
template <Real T>
Tensor<T> concat(const std::vector<Tensor<T>>& parts, int axis = 0) {
  check<ShapeError>(!parts.empty(), "concat: no tensors");
  axis = parts[0].shape().wrap(axis, "concat");
  std::int64_t total = 0;
  std::vector<std::int64_t> ends;
  for (const auto& part : parts) {
    const bool fits = part.rank() == parts[0].rank() && part.shape().with(axis, 0) == parts[0].shape().with(axis, 0);
    check<ShapeError>(fits, "concat: ", part.shape(), " after ", parts[0].shape(),
                      "; expected equal sizes but on axis ", axis);
    ends.push_back(total = detail::add_sizes(total, part.shape()[axis], "concat"));
  }
  auto y = empty<T>(parts[0].shape().with(axis, total));
  const auto to = strides_of(y.shape());
  auto* out = y.mutable_data().data();
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const auto start = i == 0 ? 0 : ends[i - 1];
    if (parts[i].numel() > 0)
      kernels::copy(parts[i].shape(), parts[i].data().data(), strides_of(parts[i].shape()),
                    out + start * to[static_cast<std::size_t>(axis)], to);
  }
  return record("concat", y, parts, Save::nothing, [axis, ends](const Vjp<T>& v) -> Grads<T> {
    Grads<T> result(ends.size());
    for (std::size_t i = 0; i < ends.size(); ++i)
      if (v.needs(static_cast<int>(i))) result[i] = slice(v.grad(), axis, i == 0 ? 0 : ends[i - 1], ends[i]);
    return result;
  });
}

/// The inverse of concat: slices of the given sizes along an axis, which add up to its size. Throws ShapeError unless
/// they do.
template <Real T>
std::vector<Tensor<T>> split(const Tensor<T>& x, const std::vector<std::int64_t>& sizes, int axis = 0) {
  std::int64_t total = 0;
  for (auto size : sizes) total = detail::add_sizes(total, size, "split");
  check<ShapeError>(total == x.size(axis), "split: sizes add up to ", total, ", axis ", axis, " of ", x.shape(),
                    " has ", x.size(axis));
  std::vector<Tensor<T>> parts;
  std::int64_t first = 0;
  for (auto size : sizes) {
    parts.push_back(slice(x, axis, first, first + size));
    first += size;
  }
  return parts;
}

}  // namespace agon
