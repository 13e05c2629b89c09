#pragma once

#include <agon/autograd/fused.hpp>
#include <agon/kernels/norm.hpp>
#include <agon/ops/activation.hpp>
#include <agon/ops/elementwise.hpp>
#include <agon/ops/reduce.hpp>
#include <agon/ops/shape.hpp>

#include <cstdint>
#include <numeric>
#include <string_view>
#include <vector>

namespace agon {

/// Options of batch_norm and layer_norm.
struct NormOptions {
  double eps = 1e-5;  ///< added to the variance, 0 or more
  Activation activation{};
};

/// What batch_norm computed: the result, and the statistics [c] for the running averages (no derivative). The rule
/// reads `mean`: clone() it before writing to it.
template <Real T>
struct BatchNormResult {
  Tensor<T> y;
  Tensor<T> mean;
  Tensor<T> var;  ///< biased
};

namespace detail {

/// gamma or beta, [c] or one row an image [n, c], in a shape that broadcasts against x [n, ..., c].
template <Real T>
Tensor<T> spread_affine(const Tensor<T>& t, const Tensor<T>& x) {
  if (t.rank() == 1) return t;
  std::vector<std::int64_t> sizes(static_cast<std::size_t>(x.rank()), 1);
  sizes.front() = t.size(0);
  sizes.back() = t.size(1);
  return reshape(t, sizes);
}

template <Real T>
kernels::NormShape norm_shape(const Tensor<T>& x, const Tensor<T>& gamma, const Tensor<T>& beta, std::string_view op) {
  check<ShapeError>(x.rank() >= 2 && x.size(-1) > 0, op, ": shape ", x.shape(), "; expected [n, ..., c] with c > 0");
  const auto c = x.size(-1);
  const bool plain = gamma.shape() == Shape{c}, conditional = gamma.shape() == Shape{x.size(0), c};
  check<ShapeError>((plain || conditional) && beta.shape() == gamma.shape(), op, ": gamma ", gamma.shape(), ", beta ",
                    beta.shape(), " for x ", x.shape(), "; expected both [", c, "] or both [", x.size(0), ", ", c, "]");
  return {x.numel() / c, c, plain ? 1 : x.size(0)};
}

inline std::vector<int> all_but_last(int rank) {
  std::vector<int> axes(static_cast<std::size_t>(rank - 1));
  std::iota(axes.begin(), axes.end(), 0);
  return axes;
}

/// The same normalisation in plain operations; statistics over `axes`.
template <Real T>
Tensor<T> norm_composite(const std::vector<Tensor<T>>& in, const std::vector<int>& axes, const NormOptions& options) {
  const auto& x = in[0];
  const auto centred = x - mean(x, axes, true);
  const auto scaled = centred * rsqrt(mean(square(centred), axes, true) + options.eps);
  return activate(scaled * spread_affine(in[1], x) + spread_affine(in[2], x), options.activation);
}

inline void check_norm(const NormOptions& options, std::string_view op) {
  check(options.eps >= 0, op, ": eps ", options.eps, "; expected 0 or more");
  check_activation(options.activation, op);
}

template <Real T>
using NormBackward = decltype(&kernels::batch_norm_backward<T>);

/// Records y, which the kernel of a normalisation over `axes` has just computed from `inputs` with these statistics.
template <Real T>
Tensor<T> record_norm(std::string_view op, const kernels::NormShape& s, const std::vector<int>& axes,
                      const NormOptions& options, const std::vector<Tensor<T>>& inputs, const Tensor<T>& y,
                      const Tensor<T>& mean, const Tensor<T>& rstd, NormBackward<T> kernel) {
  const auto backward = [s, kernel, activation = options.activation](const FusedBackward<T>& f) -> Grads<T> {
    const auto &x = f.inputs[0], &gamma = f.inputs[1], &beta = f.inputs[2];
    auto dx = empty_like(x), dgamma = empty_like(gamma), dbeta = empty_like(beta);
    kernel(s, x.data().data(), gamma.data().data(), f.template saved<T>(0).data().data(),
           f.template saved<T>(1).data().data(), f.output.data().data(), activation, f.grad.data().data(),
           dx.mutable_data().data(), dgamma.mutable_data().data(), dbeta.mutable_data().data());
    return {dx, dgamma, dbeta};
  };
  const auto composite = [axes, options](const std::vector<Tensor<T>>& in, const std::vector<AnyTensor>&) {
    return norm_composite(in, axes, options);
  };
  return record_fused(op, y, inputs, {mean, rstd}, backward, composite);
}

}  // namespace detail

/// Batch normalisation of x [n, ..., c] with the statistics of this batch, per feature over all other axes:
/// y = activation(gamma (x - mean) / sqrt(var + eps) + beta), var biased. gamma and beta are [c], or [n, c] with one
/// row an image (conditional batch normalisation). Source: Ioffe and Szegedy 2015.
/// Throws ShapeError when the shapes do not fit or x is empty, Error for a bad option.
template <Real T>
BatchNormResult<T> batch_norm(const Tensor<T>& x, const Tensor<T>& gamma, const Tensor<T>& beta,
                              const NormOptions& options = {}) {
  detail::check_norm(options, "batch_norm");
  const auto s = detail::norm_shape(x, gamma, beta, "batch_norm");
  check<ShapeError>(s.rows > 0, "batch_norm: shape ", x.shape(), " has no rows to take statistics of");
  auto y = empty_like(x), mean = empty<T>({s.cols}), rstd = empty_like(mean), var = empty_like(mean);
  kernels::batch_norm(s, static_cast<T>(options.eps), x.data().data(), gamma.data().data(), beta.data().data(),
                      options.activation, y.mutable_data().data(), mean.mutable_data().data(),
                      rstd.mutable_data().data(), var.mutable_data().data());
  detail::record_norm("batch_norm", s, detail::all_but_last(x.rank()), options, {x, gamma, beta}, y, mean, rstd,
                      &kernels::batch_norm_backward<T>);
  return {y, mean, var};
}

/// Layer normalisation of x [n, ..., c] over its last axis: y = activation(gamma (x - mean) / sqrt(var + eps) + beta)
/// with gamma and beta [c], or [n, c] with one row a sample. Source: Ba et al. 2016.
/// Throws ShapeError when the shapes do not fit, Error for a bad option.
template <Real T>
Tensor<T> layer_norm(const Tensor<T>& x, const Tensor<T>& gamma, const Tensor<T>& beta,
                     const NormOptions& options = {}) {
  detail::check_norm(options, "layer_norm");
  const auto s = detail::norm_shape(x, gamma, beta, "layer_norm");
  auto y = empty_like(x), mean = empty<T>({s.rows}), rstd = empty_like(mean);
  kernels::layer_norm(s, static_cast<T>(options.eps), x.data().data(), gamma.data().data(), beta.data().data(),
                      options.activation, y.mutable_data().data(), mean.mutable_data().data(),
                      rstd.mutable_data().data());
  return detail::record_norm("layer_norm", s, {-1}, options, {x, gamma, beta}, y, mean, rstd,
                             &kernels::layer_norm_backward<T>);
}

}  // namespace agon
