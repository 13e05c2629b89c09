#pragma once

#include <agon/autograd/basic.hpp>
#include <agon/ops/arithmetic.hpp>

namespace agon {

namespace detail {

template <Element T>
Tensor<bool> compare(kernels::Compare op, std::string_view name, const Tensor<T>& a, const Tensor<T>& b) {
  auto y = empty<bool>(broadcast_shapes(a.shape(), b.shape(), name));
  kernels::compare(op, kernels::plan_broadcast(a.shape(), b.shape(), y.shape()), a.data().data(), b.data().data(),
                   y.mutable_data().data());
  return y;
}

}  // namespace detail

/// a < b, elementwise with broadcasting, as a mask; masks carry no derivative. Throws ShapeError unless the shapes
/// broadcast, like the other comparisons.
template <Element T>
Tensor<bool> less(const Tensor<T>& a, const std::type_identity_t<Tensor<T>>& b) {
  return detail::compare(kernels::Compare::less, "less", a, b);
}
/// a <= b as a mask; see less.
template <Element T>
Tensor<bool> less_equal(const Tensor<T>& a, const std::type_identity_t<Tensor<T>>& b) {
  return detail::compare(kernels::Compare::less_equal, "less_equal", a, b);
}
/// a > b as a mask; see less.
template <Element T>
Tensor<bool> greater(const Tensor<T>& a, const std::type_identity_t<Tensor<T>>& b) {
  return detail::compare(kernels::Compare::greater, "greater", a, b);
}
/// a >= b as a mask; see less.
template <Element T>
Tensor<bool> greater_equal(const Tensor<T>& a, const std::type_identity_t<Tensor<T>>& b) {
  return detail::compare(kernels::Compare::greater_equal, "greater_equal", a, b);
}
/// a == b as a mask; see less.
template <Element T>
Tensor<bool> equal(const Tensor<T>& a, const std::type_identity_t<Tensor<T>>& b) {
  return detail::compare(kernels::Compare::equal, "equal", a, b);
}
/// a != b as a mask; see less.
template <Element T>
Tensor<bool> not_equal(const Tensor<T>& a, const std::type_identity_t<Tensor<T>>& b) {
  return detail::compare(kernels::Compare::not_equal, "not_equal", a, b);
}

namespace detail {

template <Real T>
Tensor<T> select(const Tensor<bool>& condition, const Tensor<T>& a, const Tensor<T>& b) {
  auto y = empty_like(a);
  kernels::select(a.numel(), condition.data().data(), a.data().data(), b.data().data(), y.mutable_data().data());
  return y;
}

}  // namespace detail

/// y = condition ? a : b, elementwise with broadcasting of all three. Gradient: g where the condition holds, for a; g
/// where it does not, for b; zero elsewhere. Throws ShapeError unless the shapes broadcast.
template <Real T>
Tensor<T> where(const Tensor<bool>& condition, const Tensor<T>& a, const std::type_identity_t<Tensor<T>>& b) {
  const auto shape = broadcast_shapes(condition.shape(), broadcast_shapes(a.shape(), b.shape(), "where"), "where");
  const auto mask = condition.shape() == shape ? condition : detail::repeat(condition, shape);
  const auto wide_a = broadcast_to(a, shape), wide_b = broadcast_to(b, shape);
  return record("where", detail::select(mask, wide_a, wide_b), {wide_a, wide_b}, Save::nothing,
                [](const Vjp<T>& v) -> Grads<T> {
                  const auto& chosen = v.template aux<bool>();
                  const auto zero = zeros_like(v.grad());
                  return {v.needs(0) ? where(chosen, v.grad(), zero) : Tensor<T>(),
                          v.needs(1) ? where(chosen, zero, v.grad()) : Tensor<T>()};
                },
                {.aux = {mask}});
}

/// Elementwise larger value with broadcasting, NaN where either is. Gradient: g to the larger; at ties to a (PyTorch
/// halves it). Throws ShapeError unless the shapes broadcast.
template <Real T>
Tensor<T> maximum(const Tensor<T>& a, const std::type_identity_t<Tensor<T>>& b) {
  const auto y = detail::binary(kernels::Binary::maximum, "maximum", a, b);
  return record("maximum", y, {a, b}, Save::inputs,
                [](const Vjp<T>& v) -> Grads<T> {
                  const auto second = less(v.input(0), v.input(1));
                  const auto zero = zeros_like(v.grad());
                  return {v.needs(0) ? where(second, zero, v.grad()) : Tensor<T>(),
                          v.needs(1) ? where(second, v.grad(), zero) : Tensor<T>()};
                },
                {.broadcasting = true});
}

}  // namespace agon
