#pragma once

#include <agon/autograd/fused.hpp>
#include <agon/kernels/norm.hpp>
#include <agon/ops/activation.hpp>
#include <agon/ops/elementwise.hpp>
#include <agon/ops/reduce.hpp>
#include <agon/ops/shape.hpp>

#include <cstdint>
#include <numeric>
#include <vector>

namespace agon {

struct NormOptions {
  double eps = 1e-5;
  Activation activation{};
};

/// What batch_norm computed: the result, and the statistics [c] for the running averages (no derivative).
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

}  // namespace detail

/// Batch normalisation of x [n, ..., c] with the statistics of this batch, per feature over all other axes:
/// y = activation(gamma (x - mean) / sqrt(var + eps) + beta), var biased. gamma and beta are [c], or [n, c] with one
/// row an image (conditional batch normalisation). Source: Ioffe and Szegedy 2015.
template <Real T>
BatchNormResult<T> batch_norm(const Tensor<T>& x, const Tensor<T>& gamma, const Tensor<T>& beta,
                              const NormOptions& options = {}) {
  const auto s = detail::norm_shape(x, gamma, beta, "batch_norm");
  check<ShapeError>(s.rows > 0, "batch_norm: shape ", x.shape(), " has no rows to take statistics of");
  auto y = empty_like(x), m = empty<T>({s.cols}), rstd = empty<T>({s.cols});
  kernels::batch_norm(s, static_cast<T>(options.eps), x.data().data(), gamma.data().data(), beta.data().data(),
                      options.activation, y.mutable_data().data(), m.mutable_data().data(), rstd.mutable_data().data());
  const auto backward = [s, options](const FusedBackward<T>& f) -> Grads<T> {
    auto dx = empty_like(f.inputs[0]), dgamma = empty_like(f.inputs[1]), dbeta = empty_like(f.inputs[2]);
    kernels::batch_norm_backward(s, f.inputs[0].data().data(), f.inputs[1].data().data(),
                                 f.template saved<T>(0).data().data(), f.template saved<T>(1).data().data(),
                                 f.output.data().data(), options.activation, f.grad.data().data(),
                                 dx.mutable_data().data(), dgamma.mutable_data().data(), dbeta.mutable_data().data());
    return {dx, dgamma, dbeta};
  };
  const auto composite = [options](const std::vector<Tensor<T>>& in, const std::vector<AnyTensor>&) {
    return detail::norm_composite(in, detail::all_but_last(in[0].rank()), options);
  };
  auto var = empty<T>({s.cols});
  for (std::size_t i = 0; i < var.data().size(); ++i) {
    const auto r = rstd.data()[i];
    var.mutable_data()[i] = std::max(T{1} / (r * r) - static_cast<T>(options.eps), T{0});
  }
  return {record_fused("batch_norm", y, {x, gamma, beta}, {m, rstd}, backward, composite), m, var};
}

/// Layer normalisation of x [..., c] over its last axis: y = activation(gamma (x - mean) / sqrt(var + eps) + beta) with
/// gamma and beta [c], or [n, c] with one row a sample. Source: Ba et al. 2016.
template <Real T>
Tensor<T> layer_norm(const Tensor<T>& x, const Tensor<T>& gamma, const Tensor<T>& beta,
                     const NormOptions& options = {}) {
  const auto s = detail::norm_shape(x, gamma, beta, "layer_norm");
  auto y = empty_like(x), m = empty<T>({s.rows}), rstd = empty<T>({s.rows});
  kernels::layer_norm(s, static_cast<T>(options.eps), x.data().data(), gamma.data().data(), beta.data().data(),
                      options.activation, y.mutable_data().data(), m.mutable_data().data(), rstd.mutable_data().data());
  const auto backward = [s, options](const FusedBackward<T>& f) -> Grads<T> {
    auto dx = empty_like(f.inputs[0]), dgamma = empty_like(f.inputs[1]), dbeta = empty_like(f.inputs[2]);
    kernels::layer_norm_backward(s, f.inputs[0].data().data(), f.inputs[1].data().data(),
                                 f.template saved<T>(0).data().data(), f.template saved<T>(1).data().data(),
                                 f.output.data().data(), options.activation, f.grad.data().data(),
                                 dx.mutable_data().data(), dgamma.mutable_data().data(), dbeta.mutable_data().data());
    return {dx, dgamma, dbeta};
  };
  const auto composite = [options](const std::vector<Tensor<T>>& in, const std::vector<AnyTensor>&) {
    return detail::norm_composite(in, {-1}, options);
  };
  return record_fused("layer_norm", y, {x, gamma, beta}, {m, rstd}, backward, composite);
}

}  // namespace agon
