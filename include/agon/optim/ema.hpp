#pragma once

#include <agon/kernels/optimizer.hpp>
#include <agon/tensor/tensor.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

namespace agon {

/// Decay of an average whose half-life is `half_life` steps, ramped up from 0 so that the start is forgotten: at step t
/// the half-life is at most `ramp` t (Karras et al. 2020).
inline double ema_decay(std::int64_t step, double half_life, double ramp = 0.05) {
  const double life = std::min(half_life, std::max(ramp * static_cast<double>(step), 1e-3));
  return std::pow(0.5, 1 / life);
}

/// Exponential moving average of tensors: target = decay target + (1 - decay) value, in place. `targets` belong to a
/// clone of the model, `values` to the model that trains.
/// Throws ShapeError when the lists do not match, before anything changes.
template <Real T>
void ema_update(const std::vector<Tensor<T>>& targets, const std::vector<Tensor<T>>& values, double decay) {
  check<ShapeError>(targets.size() == values.size(), "ema_update: ", targets.size(), " averages of ", values.size(),
                    " tensors");
  check(decay >= 0 && decay <= 1, "ema_update: decay ", decay, "; expected 0 to 1");
  for (std::size_t i = 0; i < targets.size(); ++i)
    check<ShapeError>(targets[i].shape() == values[i].shape(), "ema_update: average ", i, " has shape ",
                      targets[i].shape(), "; expected ", values[i].shape());
  const NoGrad guard;
  for (std::size_t i = 0; i < targets.size(); ++i)
    kernels::ema(values[i].numel(), decay, targets[i].mutable_data().data(), values[i].data().data());
}

}  // namespace agon
