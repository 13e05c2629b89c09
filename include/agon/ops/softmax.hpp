#pragma once

#include <agon/autograd/basic.hpp>
#include <agon/kernels/softmax.hpp>
#include <agon/ops/arithmetic.hpp>
#include <agon/ops/elementwise.hpp>
#include <agon/ops/index.hpp>
#include <agon/ops/reduce.hpp>

#include <algorithm>
#include <cstdint>

namespace agon {

namespace detail {

template <Real T>
std::int64_t rows_of(const Tensor<T>& x, std::string_view op) {
  check<ShapeError>(x.rank() >= 1 && x.size(-1) > 0, op, ": shape ", x.shape(), "; expected a last axis of at least 1");
  return x.numel() / x.size(-1);
}

/// dx = y (g - sum(g y)): the Jacobian diag(y) - y y^T of softmax, symmetric, times g.
template <Real T>
Tensor<T> softmax_grad(const Tensor<T>& y, const Tensor<T>& g) {
  auto dx = empty_like(y);
  kernels::softmax_grad(rows_of(y, "softmax_grad"), y.size(-1), y.data().data(), g.data().data(),
                        dx.mutable_data().data());
  return record("softmax_grad", dx, {y, g}, Save::inputs, [](const Vjp<T>& v) -> Grads<T> {
    const auto p = v.input(0), h = v.input(1), u = v.grad();  // y, g and the gradient of dx
    Grads<T> result(2);
    if (v.needs(0)) result[0] = u * (h - sum(h * p, {-1}, true)) - h * sum(u * p, {-1}, true);
    if (v.needs(1)) result[1] = softmax_grad(p, u);
    return result;
  });
}

/// dx = g - exp(y) sum(g): the adjoint of log_softmax at its result y.
template <Real T>
Tensor<T> log_softmax_grad(const Tensor<T>& y, const Tensor<T>& g) {
  auto dx = empty_like(y);
  kernels::log_softmax_grad(rows_of(y, "log_softmax_grad"), y.size(-1), y.data().data(), g.data().data(),
                            dx.mutable_data().data());
  return record("log_softmax_grad", dx, {y, g}, Save::inputs, [](const Vjp<T>& v) -> Grads<T> {
    const auto p = exp(v.input(0)), h = v.input(1), u = v.grad();  // softmax, g and the gradient of dx
    Grads<T> result(2);
    if (v.needs(0)) result[0] = -(u * p * sum(h, {-1}, true));
    if (v.needs(1)) result[1] = u - sum(u * p, {-1}, true);
    return result;
  });
}

}  // namespace detail

/// y_i = exp(x_i) / sum_j exp(x_j) over the last axis, the maximum subtracted first. Gradient: y (g - sum(g y)).
/// Throws ShapeError when there is no last axis or it is empty.
template <Real T>
Tensor<T> softmax(const Tensor<T>& x) {
  const auto rows = detail::rows_of(x, "softmax");
  auto y = empty_like(x);
  kernels::softmax(rows, x.size(-1), x.data().data(), y.mutable_data().data());
  return record("softmax", y, {x}, Save::output,
                [](const Vjp<T>& v) -> Grads<T> { return {detail::softmax_grad(v.output(), v.grad())}; });
}

/// y = x - log(sum_j exp(x_j)) over the last axis. Gradient: g - exp(y) sum(g).
/// Throws ShapeError when there is no last axis or it is empty.
template <Real T>
Tensor<T> log_softmax(const Tensor<T>& x) {
  const auto rows = detail::rows_of(x, "log_softmax");
  auto y = empty_like(x);
  kernels::log_softmax(rows, x.size(-1), x.data().data(), y.mutable_data().data());
  return record("log_softmax", y, {x}, Save::output,
                [](const Vjp<T>& v) -> Grads<T> { return {detail::log_softmax_grad(v.output(), v.grad())}; });
}

/// Mean over the rows of -log softmax(logits)[label]: logits [n, classes], labels [n], n > 0.
/// Throws ShapeError when the shapes do not fit, for n = 0 and for a label outside [0, classes).
template <Real T, Index I>
Tensor<T> cross_entropy(const Tensor<T>& logits, const Tensor<I>& labels) {
  check<ShapeError>(logits.rank() == 2 && logits.size(0) > 0 && labels.shape() == Shape{logits.size(0)},
                    "cross_entropy: logits ", logits.shape(), " with labels ", labels.shape(),
                    "; expected [n, classes] and [n] with n > 0");
  detail::check_indices(labels, logits.size(1), "cross_entropy");
  // Picked, not multiplied by one-hot rows: the log-probability of another class may be -inf.
  auto position = arange<std::int64_t>(labels.numel(), 0, logits.size(1));
  std::transform(labels.data().begin(), labels.data().end(), position.data().begin(), position.mutable_data().begin(),
                 [](I label, std::int64_t row) { return row + label; });
  return sum(take(log_softmax(logits), position)) * (-1.0 / static_cast<double>(labels.numel()));
}

}  // namespace agon
