#pragma once

#include <agon/kernels/map.hpp>
#include <agon/kernels/optimizer.hpp>
#include <agon/tensor/factories.hpp>

#include <cmath>
#include <vector>

namespace agon {

/// sqrt of the sum of squares of all elements of all tensors; absent tensors count as zero. Squares are formed in T, so
/// an element whose square overflows makes the norm infinite.
template <Real T>
double global_norm(const std::vector<Tensor<T>>& tensors) {
  double sum = 0;
  for (const auto& t : tensors)
    if (t.defined()) sum += kernels::sum_of_squares(t.numel(), t.data().data());
  return std::sqrt(sum);
}

/// Replaces the gradients by g max_norm / norm when their global norm is larger than max_norm. Returns the norm before.
template <Real T>
double clip_grad_norm(std::vector<Tensor<T>>& gradients, double max_norm) {
  check(max_norm > 0, "clip_grad_norm: max_norm ", max_norm, "; expected a positive one");
  const double norm = global_norm(gradients);
  if (norm <= max_norm) return norm;
  for (auto& g : gradients) {
    if (!g.defined()) continue;
    auto scaled = empty_like(g);
    kernels::unary(kernels::Unary::affine, g.numel(), g.data().data(), scaled.mutable_data().data(),
                   static_cast<T>(max_norm / norm));
    g = scaled;
  }
  return norm;
}

}  // namespace agon
