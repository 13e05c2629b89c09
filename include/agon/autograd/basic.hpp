#pragma once

#include <agon/autograd/record.hpp>
#include <agon/kernels/broadcast.hpp>
#include <agon/kernels/layout.hpp>
#include <agon/kernels/map.hpp>
#include <agon/kernels/reduce.hpp>

#include <bitset>
#include <cstdint>

namespace agon {

namespace detail {

using AxisSet = std::bitset<Shape::max_rank>;

/// Sum over a set of axes, which keep size 1, in memory of its own; not recorded. Neighbouring axes are summed in one
/// kernel call, last first.
template <Real T>
Tensor<T> sum_axes(const Tensor<T>& x, AxisSet axes) {
  auto y = axes.none() ? x.clone() : x.detach();
  for (int last = x.rank() - 1; last >= 0; --last) {
    if (!axes[static_cast<std::size_t>(last)]) continue;
    int first = last;
    while (first > 0 && axes[static_cast<std::size_t>(first - 1)]) --first;
    std::int64_t outer = 1, reduced = 1, inner = 1;
    auto shape = y.shape();
    for (int i = 0; i < y.rank(); ++i) (i < first ? outer : i <= last ? reduced : inner) *= shape[i];
    for (int i = first; i <= last; ++i) shape = shape.with(i, 1);
    auto summed = empty<T>(shape);
    kernels::sum(outer, reduced, inner, y.data().data(), summed.mutable_data().data());
    y = summed;
    last = first;
  }
  return y;
}

/// x repeated along new leading axes and axes of size 1 until it has `shape`, which it broadcasts to; not recorded.
template <Element T>
Tensor<T> repeat(const Tensor<T>& x, const Shape& shape) {
  auto y = empty<T>(shape);
  kernels::Strides from{};
  const auto own = strides_of(x.shape());
  const int lead = shape.rank() - x.rank();
  for (int i = lead; i < shape.rank(); ++i)
    from[static_cast<std::size_t>(i)] = x.shape()[i - lead] == 1 ? 0 : own[static_cast<std::size_t>(i - lead)];
  kernels::copy(shape, x.data().data(), from, y.mutable_data().data(), strides_of(shape));
  return y;
}

}  // namespace detail

template <Real T>
Tensor<T> sum_to(const Tensor<T>& x, const Shape& shape);

/// The same values as another node of the graph: gradients of the alias and of x can be asked for apart. Shares
/// storage.
template <Real T>
Tensor<T> alias(const Tensor<T>& x) {
  return record("alias", x.detach(), {x}, Save::nothing, [](const Vjp<T>& v) -> Grads<T> { return {v.grad()}; });
}

/// x repeated along new leading axes and axes of size 1 until it has `shape`; x itself where it has. Gradient:
/// sum_to(g, shape of x). Throws ShapeError when x does not broadcast to `shape`.
template <Real T>
Tensor<T> broadcast_to(const Tensor<T>& x, const Shape& shape) {
  if (x.shape() == shape) return x;
  const auto fits = x.rank() <= shape.rank() && broadcast_shapes(x.shape(), shape, "broadcast_to") == shape;
  check<ShapeError>(fits, "broadcast_to: ", x.shape(), " does not broadcast to ", shape);
  return record("broadcast_to", detail::repeat(x, shape), {x}, Save::nothing,
                [](const Vjp<T>& v) -> Grads<T> { return {sum_to(v.grad(), v.input_shape())}; });
}

/// The adjoint of broadcast_to: x summed over leading axes and axes of size 1 in `shape`, until it has `shape`; x
/// itself where it has. Gradient: broadcast_to. Throws ShapeError when `shape` does not broadcast to that of x.
template <Real T>
Tensor<T> sum_to(const Tensor<T>& x, const Shape& shape) {
  if (x.shape() == shape) return x;
  const auto fits = shape.rank() <= x.rank() && broadcast_shapes(shape, x.shape(), "sum_to") == x.shape();
  check<ShapeError>(fits, "sum_to: ", x.shape(), " cannot be summed down to ", shape);
  detail::AxisSet axes;
  const int lead = x.rank() - shape.rank();
  for (int i = 0; i < x.rank(); ++i)
    if (i < lead || (shape[i - lead] == 1 && x.shape()[i] != 1)) axes.set(static_cast<std::size_t>(i));
  const auto y = detail::sum_axes(x, axes).window(shape, 0);
  return record("sum_to", y, {x}, Save::nothing,
                [](const Vjp<T>& v) -> Grads<T> { return {broadcast_to(v.grad(), v.input_shape())}; });
}

/// a + b, elementwise with broadcasting. Gradient: g to both. Throws ShapeError unless the shapes broadcast.
template <Real T>
Tensor<T> add(const Tensor<T>& a, const std::type_identity_t<Tensor<T>>& b) {
  auto y = empty<T>(broadcast_shapes(a.shape(), b.shape(), "add"));
  kernels::binary(kernels::Binary::add, kernels::plan_broadcast(a.shape(), b.shape(), y.shape()), a.data().data(),
                  b.data().data(), y.mutable_data().data());
  return record("add", y, {a, b}, Save::nothing,
                [](const Vjp<T>& v) -> Grads<T> {
                  return {v.grad(), v.grad()};
                },
                {.broadcasting = true});
}

}  // namespace agon
