#pragma once

#include <agon/nn/module.hpp>

#include <concepts>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace agon {

/// Layers one after the other, named "0", "1", ...: `Sequential<float> net(Dense<float>({...}, rng), ...)`.
template <Real T>
class Sequential : public Layer<T> {
 public:
  /// Layers are moved in, never shared.
  template <std::derived_from<Layer<T>>... Layers>
  explicit Sequential(Layers... layers) {
    (append(std::move(layers)), ...);
  }

  template <std::derived_from<Layer<T>> L>
  void append(L layer) {
    layers_.push_back(std::make_unique<L>(std::move(layer)));
  }
  std::size_t size() const { return layers_.size(); }

  Tensor<T> forward(const Tensor<T>& x, const Context& ctx = inference) const override {
    auto y = x;
    for (const auto& layer : layers_) y = layer->forward(y, ctx);
    return y;
  }

  void fields(Fields<T>& v) override {
    for (std::size_t i = 0; i < layers_.size(); ++i) v.child(std::to_string(i), *layers_[i]);
  }

  Sequential clone() const {
    Sequential copy;
    for (const auto& layer : layers_) copy.layers_.push_back(layer->clone_layer());
    return copy;
  }
  std::unique_ptr<Layer<T>> clone_layer() const override { return std::make_unique<Sequential>(clone()); }

 private:
  std::vector<std::unique_ptr<Layer<T>>> layers_;
};

}  // namespace agon
