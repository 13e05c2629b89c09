#pragma once

#include <agon/autograd/basic.hpp>

namespace agon {

namespace detail {

template <Real T>
Tensor<T> binary(kernels::Binary op, std::string_view name, const Tensor<T>& a, const Tensor<T>& b) {
  auto y = empty<T>(broadcast_shapes(a.shape(), b.shape(), name));
  kernels::binary(op, kernels::plan_broadcast(a.shape(), b.shape(), y.shape()), a.data().data(), b.data().data(),
                  y.mutable_data().data());
  return y;
}

}  // namespace detail

/// y = scale x + shift with constants. Gradient: scale g.
template <Real T>
Tensor<T> affine(const Tensor<T>& x, double scale, double shift) {
  auto y = empty_like(x);
  kernels::unary(kernels::Unary::affine, x.numel(), x.data().data(), y.mutable_data().data(), static_cast<T>(scale),
                 static_cast<T>(shift));
  return record("affine", y, {x}, Save::nothing,
                [scale](const Vjp<T>& v) -> Grads<T> { return {affine(v.grad(), scale, 0)}; });
}

/// y = -x.
template <Real T>
Tensor<T> negate(const Tensor<T>& x) {
  auto y = empty_like(x);
  kernels::unary(kernels::Unary::negate, x.numel(), x.data().data(), y.mutable_data().data());
  return record("negate", y, {x}, Save::nothing, [](const Vjp<T>& v) -> Grads<T> { return {negate(v.grad())}; });
}

/// a - b, elementwise with broadcasting. Gradient: g, -g. Throws ShapeError unless the shapes broadcast.
template <Real T>
Tensor<T> subtract(const Tensor<T>& a, const std::type_identity_t<Tensor<T>>& b) {
  const auto y = detail::binary(kernels::Binary::subtract, "subtract", a, b);
  return record("subtract", y, {a, b}, Save::nothing,
                [](const Vjp<T>& v) -> Grads<T> {
                  return {v.grad(), v.needs(1) ? negate(v.grad()) : Tensor<T>()};
                },
                {.broadcasting = true});
}

/// a b, elementwise with broadcasting. Gradient: g b, g a. Throws ShapeError unless the shapes broadcast.
template <Real T>
Tensor<T> multiply(const Tensor<T>& a, const std::type_identity_t<Tensor<T>>& b) {
  const auto y = detail::binary(kernels::Binary::multiply, "multiply", a, b);
  return record("multiply", y, {a, b}, Save::inputs,
                [](const Vjp<T>& v) -> Grads<T> {
                  Grads<T> result(2);
                  if (v.needs(0)) result[0] = multiply(v.grad(), v.input(1));
                  if (v.needs(1)) result[1] = multiply(v.grad(), v.input(0));
                  return result;
                },
                {.broadcasting = true});
}

/// a / b, elementwise with broadcasting. Gradient: g / b, -g y / b. Throws ShapeError unless the shapes broadcast.
template <Real T>
Tensor<T> divide(const Tensor<T>& a, const std::type_identity_t<Tensor<T>>& b) {
  const auto y = detail::binary(kernels::Binary::divide, "divide", a, b);
  return record("divide", y, {a, b}, Save::input(1) | Save::output,
                [](const Vjp<T>& v) -> Grads<T> {
                  Grads<T> result(2);
                  const auto quotient = divide(v.grad(), v.input(1));
                  if (v.needs(1)) result[1] = negate(multiply(quotient, v.output()));
                  if (v.needs(0)) result[0] = quotient;
                  return result;
                },
                {.broadcasting = true});
}

/// a + b with broadcasting; see add.
template <Real T>
Tensor<T> operator+(const Tensor<T>& a, const Tensor<T>& b) {
  return add(a, b);
}
/// a - b with broadcasting; see subtract.
template <Real T>
Tensor<T> operator-(const Tensor<T>& a, const Tensor<T>& b) {
  return subtract(a, b);
}
/// a b, elementwise with broadcasting; see multiply.
template <Real T>
Tensor<T> operator*(const Tensor<T>& a, const Tensor<T>& b) {
  return multiply(a, b);
}
/// a / b, elementwise with broadcasting; see divide.
template <Real T>
Tensor<T> operator/(const Tensor<T>& a, const Tensor<T>& b) {
  return divide(a, b);
}
/// -a.
template <Real T>
Tensor<T> operator-(const Tensor<T>& a) {
  return negate(a);
}
/// A constant added to every element.
template <Real T>
Tensor<T> operator+(const Tensor<T>& a, double b) {
  return affine(a, 1, b);
}
/// A constant added to every element.
template <Real T>
Tensor<T> operator+(double a, const Tensor<T>& b) {
  return affine(b, 1, a);
}
/// A constant subtracted from every element.
template <Real T>
Tensor<T> operator-(const Tensor<T>& a, double b) {
  return affine(a, 1, -b);
}
/// Every element subtracted from a constant.
template <Real T>
Tensor<T> operator-(double a, const Tensor<T>& b) {
  return affine(b, -1, a);
}
/// Every element times a constant.
template <Real T>
Tensor<T> operator*(const Tensor<T>& a, double b) {
  return affine(a, b, 0);
}
/// Every element times a constant.
template <Real T>
Tensor<T> operator*(double a, const Tensor<T>& b) {
  return affine(b, a, 0);
}
/// Every element times the reciprocal of a constant.
template <Real T>
Tensor<T> operator/(const Tensor<T>& a, double b) {
  return affine(a, 1 / b, 0);
}
/// A constant divided by every element.
template <Real T>
Tensor<T> operator/(double a, const Tensor<T>& b) {
  return divide(scalar<T>(static_cast<T>(a)), b);
}

}  // namespace agon
