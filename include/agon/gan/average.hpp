#pragma once

#include <agon/nn/module.hpp>
#include <agon/optim/ema.hpp>

#include <algorithm>
#include <vector>

namespace agon {

/// Moves the clone `average` of a model towards it: parameters and running statistics become
/// decay average + (1 - decay) model, the vectors of spectral norm are copied.
template <Real T>
void average_model(Module<T>& average, const Module<T>& model, double decay) {
  const auto targets = average.list(), values = model.list();
  check(targets.size() == values.size(), "average_model: ", targets.size(), " tensors for ", values.size(),
        "; expected a clone of the model");
  for (std::size_t i = 0; i < targets.size(); ++i)
    check(targets[i].name == values[i].name && targets[i].tensor.shape() == values[i].tensor.shape(),
          "average_model: '", targets[i].name, "' against '", values[i].name, "'; expected a clone of the model");
  std::vector<Tensor<T>> moved, towards;
  const NoGrad guard;
  for (std::size_t i = 0; i < targets.size(); ++i)
    if (targets[i].averaging == Averaging::average) {
      moved.push_back(targets[i].tensor);
      towards.push_back(values[i].tensor);
    } else {
      const auto from = values[i].tensor.data();
      std::copy(from.begin(), from.end(), targets[i].tensor.mutable_data().begin());
    }
  ema_update(moved, towards, decay);
}

}  // namespace agon
