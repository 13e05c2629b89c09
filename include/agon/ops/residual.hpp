#pragma once

#include <agon/autograd/fused.hpp>
#include <agon/kernels/map.hpp>
#include <agon/ops/arithmetic.hpp>

#include <vector>

namespace agon {

/// y = x + gamma o with one number gamma [1], in one pass over memory: the gated residual of self-attention (Zhang et
/// al. 2019). Gradients: g for x, the sum of g o for gamma, gamma g for o. Throws ShapeError unless x and o have the
/// same shape and gamma is [1].
template <Real T>
Tensor<T> gated_residual(const Tensor<T>& x, const Tensor<T>& gamma, const Tensor<T>& o) {
  check<ShapeError>(x.shape() == o.shape() && gamma.shape() == Shape{1}, "gated_residual: x ", x.shape(), ", gamma ",
                    gamma.shape(), ", o ", o.shape(), "; expected x and o of one shape, and gamma [1]");
  auto y = empty_like(x);
  kernels::add_scaled(x.numel(), x.data().data(), gamma.item(), o.data().data(), y.mutable_data().data());
  const auto backward = [](const FusedBackward<T>& f) -> Grads<T> {
    const auto& gamma_of = f.inputs[1];
    const auto& o_of = f.inputs[2];
    auto d_o = empty_like(o_of);
    const T d_gamma = kernels::scale_and_dot(o_of.numel(), gamma_of.item(), o_of.data().data(), f.grad.data().data(),
                                             d_o.mutable_data().data());
    return {f.grad.detach(), full<T>({1}, d_gamma), d_o};
  };
  const auto composite = [](const std::vector<Tensor<T>>& in, const std::vector<AnyTensor>&) {
    return in[0] + in[1] * in[2];
  };
  return record_fused("gated_residual", y, {x, gamma, o}, {}, backward, composite);
}

}  // namespace agon
