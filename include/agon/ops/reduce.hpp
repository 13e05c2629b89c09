#pragma once

#include <agon/autograd/basic.hpp>
#include <agon/core/workspace.hpp>
#include <agon/ops/arithmetic.hpp>
#include <agon/ops/elementwise.hpp>
#include <agon/ops/index.hpp>
#include <agon/ops/shape.hpp>

#include <vector>

namespace agon {

namespace detail {

struct Reduction {
  AxisSet axes;
  Shape kept;     // reduced axes have size 1
  Shape dropped;  // reduced axes are gone
  std::int64_t count = 1;
};

/// Axes to reduce; all of them when none are named.
inline Reduction plan_reduction(const Shape& shape, const std::vector<int>& axes, std::string_view op) {
  Reduction plan;
  for (int axis : axes) {
    const auto a = static_cast<std::size_t>(shape.wrap(axis, op));
    check<ShapeError>(!plan.axes[a], op, ": axis ", axis, " of ", shape, " is named twice");
    plan.axes.set(a);
  }
  for (int i = 0; i < shape.rank(); ++i) {
    const bool reduced = axes.empty() || plan.axes[static_cast<std::size_t>(i)];
    plan.axes.set(static_cast<std::size_t>(i), reduced);
    plan.kept.push_back(reduced ? 1 : shape[i]);
    if (reduced)
      plan.count *= shape[i];
    else
      plan.dropped.push_back(shape[i]);
  }
  return plan;
}

}  // namespace detail

/// Sum over the named axes, over all when none are named. Reduced axes disappear, or stay with size 1.
/// Gradient: g broadcast back. An empty sum is 0. Throws ShapeError for an axis that is not there or is named twice.
template <Real T>
Tensor<T> sum(const Tensor<T>& x, const std::vector<int>& axes = {}, bool keep_dims = false) {
  const auto plan = detail::plan_reduction(x.shape(), axes, "sum");
  const auto y = detail::sum_axes(x, plan.axes).window(keep_dims ? plan.kept : plan.dropped, 0);
  return record("sum", y, {x}, Save::nothing, [kept = plan.kept](const Vjp<T>& v) -> Grads<T> {
    return {broadcast_to(reshape(v.grad(), kept), v.input_shape())};
  });
}

/// Mean over the named axes, over all when none are named. Throws ShapeError for an empty mean, and where sum does.
template <Real T>
Tensor<T> mean(const Tensor<T>& x, const std::vector<int>& axes = {}, bool keep_dims = false) {
  const auto count = detail::plan_reduction(x.shape(), axes, "mean").count;
  check<ShapeError>(count > 0, "mean: no elements to average in shape ", x.shape());
  return sum(x, axes, keep_dims) * (1.0 / static_cast<double>(count));
}

/// Variance over the named axes: mean((x - mean(x))^2), the biased estimate that normalisation layers use.
/// Throws ShapeError where mean does.
template <Real T>
Tensor<T> var(const Tensor<T>& x, const std::vector<int>& axes = {}, bool keep_dims = false) {
  return mean(square(x - mean(x, axes, true)), axes, keep_dims);
}

/// Largest element along one axis, NaN if there is one. Gradient: g to the first largest element.
/// Throws ShapeError when there is no such axis or it is empty.
template <Real T>
Tensor<T> max(const Tensor<T>& x, int axis, bool keep_dims = false) {
  axis = x.shape().wrap(axis, "max");
  const auto plan = detail::plan_reduction(x.shape(), {axis}, "max");
  check<ShapeError>(plan.count > 0, "max: axis ", axis, " of ", x.shape(), " is empty");
  std::int64_t outer = 1, inner = 1;
  for (int i = 0; i < x.rank(); ++i) (i < axis ? outer : inner) *= i == axis ? 1 : x.shape()[i];
  const auto shape = keep_dims ? plan.kept : plan.dropped;
  auto y = empty<T>(shape);
  auto index = empty<std::int64_t>(shape);
  kernels::max(outer, plan.count, inner, x.data().data(), y.mutable_data().data(), index.mutable_data().data());
  return detail::record_selection("max", y, x, index);
}

/// Largest element of all, NaN if there is one. Throws ShapeError when there is none.
template <Real T>
Tensor<T> max(const Tensor<T>& x) {
  return max(reshape(x, {-1}), 0);
}

/// Position of the first largest element, or of the first NaN, along one axis, which disappears. No derivative.
/// Throws ShapeError when there is no such axis or it is empty.
template <Real T>
Tensor<std::int64_t> argmax(const Tensor<T>& x, int axis) {
  axis = x.shape().wrap(axis, "argmax");
  const auto plan = detail::plan_reduction(x.shape(), {axis}, "argmax");
  check<ShapeError>(plan.count > 0, "argmax: axis ", axis, " of ", x.shape(), " is empty");
  std::int64_t outer = 1, inner = 1;
  for (int i = 0; i < x.rank(); ++i) (i < axis ? outer : inner) *= i == axis ? 1 : x.shape()[i];
  Workspace<T> values(plan.dropped.numel());
  auto index = empty<std::int64_t>(plan.dropped);
  auto out = index.mutable_data();
  kernels::max(outer, plan.count, inner, x.data().data(), values.data(), out.data());
  for (auto& i : out) i = i / inner % plan.count;
  return index;
}

}  // namespace agon
