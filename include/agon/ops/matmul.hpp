#pragma once

#include <agon/autograd/basic.hpp>
#include <agon/kernels/gemm.hpp>
#include <agon/ops/activation.hpp>
#include <agon/ops/reduce.hpp>
#include <agon/ops/shape.hpp>

namespace agon {

/// Which operands of matmul are given transposed.
struct MatmulOptions {
  bool transpose_a = false;  ///< the first is [..., k, m]
  bool transpose_b = false;  ///< the second is [..., n, k]
};

namespace detail {

template <class T>
MatView<T> matrix(T* data, std::int64_t rows, std::int64_t cols) {
  return {data, rows, cols, cols};
}

/// One product, or one an element of the leading axis: [m, k] [k, n] or [batch, m, k] [batch, k, n].
template <Real T>
Tensor<T> batched_matmul(const Tensor<T>& a, const Tensor<T>& b, MatmulOptions options) {
  const auto ta = options.transpose_a, tb = options.transpose_b;
  const auto batch = a.rank() == 3 ? a.size(0) : 1;
  const auto m = a.size(ta ? -1 : -2), n = b.size(tb ? -2 : -1);
  auto y = a.rank() == 3 ? empty<T>({batch, m, n}) : empty<T>({m, n});
  const auto mat = [](auto* data, const auto& t) { return matrix(data, t.size(-2), t.size(-1)); };
  kernels::gemm_batched<T>(batch, mat(a.data().data(), a), a.size(-2) * a.size(-1), ta, mat(b.data().data(), b),
                           b.size(-2) * b.size(-1), tb, mat(y.mutable_data().data(), y), m * n);
  return record("matmul", y, {a, b}, Save::inputs, [ta, tb](const Vjp<T>& v) -> Grads<T> {
    const auto g = v.grad();
    Grads<T> result(2);
    // c = op(a) op(b): the gradient of op(a) is g op(b)^T [m, k], of op(b) op(a)^T g [k, n].
    if (v.needs(0))
      result[0] = ta ? batched_matmul(v.input(1), g, {tb, true}) : batched_matmul(g, v.input(1), {false, !tb});
    if (v.needs(1))
      result[1] = tb ? batched_matmul(g, v.input(0), {true, ta}) : batched_matmul(v.input(0), g, {!ta, false});
    return result;
  });
}

}  // namespace detail

/// Matrix product over the last two axes, [..., m, k] x [..., k, n] -> [..., m, n]; leading axes broadcast. With a
/// transpose flag the operand is given as [..., k, m] or [..., n, k]. Gradients: g b^T, a^T g.
/// Throws ShapeError when the ranks are below 2, the inner dimensions differ or the leading axes do not broadcast.
template <Real T>
Tensor<T> matmul(const Tensor<T>& a, const std::type_identity_t<Tensor<T>>& b, MatmulOptions options = {}) {
  const auto ta = options.transpose_a, tb = options.transpose_b;
  check<ShapeError>(a.rank() >= 2 && b.rank() >= 2, "matmul: shapes ", a.shape(), " and ", b.shape(),
                    "; expected at least two axes each");
  const auto k = a.size(ta ? -2 : -1);
  check<ShapeError>(k == b.size(tb ? -1 : -2), "matmul: inner dimensions differ: ", a.shape(), ta ? " transposed" : "",
                    " x ", b.shape(), tb ? " transposed" : "", "; expected ", k, " on the inner axis of the second");
  if (a.rank() == 2 && b.rank() == 2) return detail::batched_matmul(a, b, options);

  if (b.rank() == 2 && !ta) {  // one tall product
    const auto rows = a.shape().first(a.rank() - 1).numel();
    return reshape(detail::batched_matmul(reshape(a, {rows, k}), b, options), a.shape().with(-1, b.size(tb ? 0 : 1)));
  }
  const auto batch = broadcast_shapes(a.shape().first(a.rank() - 2), b.shape().first(b.rank() - 2), "matmul");
  const auto widen = [&](const Tensor<T>& t) {
    auto shape = batch;
    shape.push_back(t.size(-2));
    shape.push_back(t.size(-1));
    return reshape(broadcast_to(t, shape), {batch.numel(), t.size(-2), t.size(-1)});
  };
  auto shape = batch;
  shape.push_back(a.size(ta ? -1 : -2));
  shape.push_back(b.size(tb ? -2 : -1));
  return reshape(detail::batched_matmul(widen(a), widen(b), options), shape);
}

/// y = activation(x w^T + bias + residual): x [..., in], w [out, in], bias [out], y and residual [..., out]; bias and
/// residual may be absent. None of it takes a pass of its own over y. Gradients: gz w, gz^T x, the sum of gz and gz,
/// with gz = g act'(y). Throws ShapeError when the sizes do not fit, Error for a leaky_relu whose slope is not
/// positive.
template <Real T>
Tensor<T> linear(const Tensor<T>& x, const Tensor<T>& w, const Tensor<T>& bias = {}, const Activation& activation = {},
                 const Tensor<T>& residual = {}) {
  check<ShapeError>(x.rank() >= 1 && w.rank() == 2 && x.size(-1) == w.size(1), "linear: input ", x.shape(),
                    " with weight ", w.shape(), "; expected [..., in] and [out, in]");
  check<ShapeError>(!bias.defined() || bias.shape() == Shape{w.size(0)}, "linear: bias of another shape than [",
                    w.size(0), "]");
  const auto shape = x.shape().with(-1, w.size(0));
  if (residual.defined())
    check<ShapeError>(residual.shape() == shape, "linear: residual ", residual.shape(), "; expected ", shape);
  detail::check_activation(activation, "linear");
  auto y = empty<T>(shape);
  const auto in = w.size(1), out = w.size(0), rows = x.shape().first(x.rank() - 1).numel();
  kernels::gemm<T>(detail::matrix(x.data().data(), rows, in), false, detail::matrix(w.data().data(), out, in), true,
                   detail::matrix(y.mutable_data().data(), rows, out),
                   {.bias = bias.defined() ? bias.data().data() : nullptr,
                    .activation = activation,
                    .addend = residual.defined() ? residual.data().data() : nullptr});
  const auto save = Save::input(0) | Save::input(1);
  const bool needs_output = activation.kind != Activation::Kind::none;
  return record("linear", y, {x, w, bias, residual}, needs_output ? save | Save::output : save,
                [activation, needs_output, rows, in, out](const Vjp<T>& v) -> Grads<T> {
                  const auto gz = needs_output ? activation_grad(v.grad(), v.output(), activation) : v.grad();
                  const auto flat_gz = reshape(gz, {rows, out});
                  Grads<T> result(4);
                  if (kernels::adds_at_once(out)) result[0] = v.take_sum(0);
                  if (result[0].defined())
                    kernels::gemm<T>(detail::matrix(flat_gz.data().data(), rows, out), false,
                                     detail::matrix(v.input(1).data().data(), out, in), false,
                                     detail::matrix(result[0].mutable_data().data(), rows, in), {.accumulate = true});
                  else if (v.needs(0))
                    result[0] = reshape(matmul(flat_gz, v.input(1)), v.input_shape(0));
                  if (v.needs(1)) result[1] = matmul(flat_gz, reshape(v.input(0), {rows, in}), {.transpose_a = true});
                  if (v.needs(2)) result[2] = sum_to(gz, {out});
                  if (v.needs(3)) result[3] = gz;
                  return result;
                });
}

}  // namespace agon
