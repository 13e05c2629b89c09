#pragma once

#include <agon/autograd/basic.hpp>
#include <agon/ops/activation.hpp>
#include <agon/ops/arithmetic.hpp>
#include <agon/ops/compare.hpp>

namespace agon {

namespace detail {

template <Real T>
Tensor<T> map(kernels::Unary op, const Tensor<T>& x, double parameter = 0) {
  auto y = empty_like(x);
  kernels::unary(op, x.numel(), x.data().data(), y.mutable_data().data(), static_cast<T>(parameter));
  return y;
}

}  // namespace detail

/// y = exp(x). Gradient: g y.
template <Real T>
Tensor<T> exp(const Tensor<T>& x) {
  return record("exp", detail::map(kernels::Unary::exp, x), {x}, Save::output,
                [](const Vjp<T>& v) -> Grads<T> { return {v.grad() * v.output()}; });
}

/// y = log(x), natural. Gradient: g / x.
template <Real T>
Tensor<T> log(const Tensor<T>& x) {
  return record("log", detail::map(kernels::Unary::log, x), {x}, Save::inputs,
                [](const Vjp<T>& v) -> Grads<T> { return {v.grad() / v.input()}; });
}

/// y = sqrt(x). Gradient: g / (2 y).
template <Real T>
Tensor<T> sqrt(const Tensor<T>& x) {
  return record("sqrt", detail::map(kernels::Unary::sqrt, x), {x}, Save::output,
                [](const Vjp<T>& v) -> Grads<T> { return {v.grad() * 0.5 / v.output()}; });
}

/// y = 1 / sqrt(x). Gradient: -g y^3 / 2.
template <Real T>
Tensor<T> rsqrt(const Tensor<T>& x) {
  return record("rsqrt", detail::map(kernels::Unary::rsqrt, x), {x}, Save::output, [](const Vjp<T>& v) -> Grads<T> {
    const auto y = v.output();
    return {v.grad() * -0.5 * (y * y * y)};
  });
}

/// y = x^2. Gradient: 2 g x.
template <Real T>
Tensor<T> square(const Tensor<T>& x) {
  return record("square", detail::map(kernels::Unary::square, x), {x}, Save::inputs,
                [](const Vjp<T>& v) -> Grads<T> { return {v.grad() * 2 * v.input()}; });
}

/// y = 1 / x. Gradient: -g y^2.
template <Real T>
Tensor<T> reciprocal(const Tensor<T>& x) {
  return record("reciprocal", detail::map(kernels::Unary::reciprocal, x), {x}, Save::output,
                [](const Vjp<T>& v) -> Grads<T> { return {-(v.grad() * v.output() * v.output())}; });
}

/// y = x^p for a constant p; x > 0 unless p is a whole number. Gradient: g p x^(p-1).
template <Real T>
Tensor<T> pow(const Tensor<T>& x, double p) {
  if (p == 0) return affine(x, 0, 1);
  return record("pow", detail::map(kernels::Unary::power, x, p), {x}, Save::inputs,
                [p](const Vjp<T>& v) -> Grads<T> { return {v.grad() * p * pow(v.input(), p - 1)}; });
}

/// y = |x|. Gradient: g for x >= 0, -g otherwise (PyTorch gives 0 at 0).
template <Real T>
Tensor<T> abs(const Tensor<T>& x) {
  return record("abs", detail::map(kernels::Unary::abs, x), {x}, Save::inputs, [](const Vjp<T>& v) -> Grads<T> {
    const auto positive = greater_equal(v.input().detach(), scalar<T>(0));
    return {where(positive, v.grad(), negate(v.grad()))};
  });
}

/// y = log(1 + exp(x)), computed as max(x, 0) + log1p(exp(-|x|)). Gradient: g sigmoid(x).
template <Real T>
Tensor<T> softplus(const Tensor<T>& x) {
  return record("softplus", detail::map(kernels::Unary::softplus, x), {x}, Save::inputs,
                [](const Vjp<T>& v) -> Grads<T> { return {v.grad() * sigmoid(v.input())}; });
}

}  // namespace agon
