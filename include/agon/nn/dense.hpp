#pragma once

#include <agon/nn/weight.hpp>
#include <agon/ops/arithmetic.hpp>
#include <agon/ops/matmul.hpp>
#include <agon/ops/shape.hpp>

#include <algorithm>
#include <cstdint>
#include <vector>

namespace agon {

struct DenseOptions {
  std::int64_t in_features = 0;   ///< required
  std::int64_t out_features = 0;  ///< required
  bool bias = true;
  Activation activation{};
  bool spectral_norm = false;
  Init init = Init::xavier_uniform;
};

/// Fully connected layer: y = activation(x W^T + b), x [..., in], W [out, in], b [out], y [..., out].
template <Real T>
class Dense : public LayerBase<Dense<T>, T> {
 public:
  Dense(const DenseOptions& options, Rng& rng)
      : options_(checked(options)),
        weight_(initialized<T>({options.out_features, options.in_features}, options.init, options.in_features,
                               options.out_features, rng),
                options.out_features, options.spectral_norm, rng) {
    if (options.bias) bias_ = zeros<T>({options.out_features}).requires_grad_();
  }

  Tensor<T> forward(const Tensor<T>& x, const Context& ctx = inference) const override {
    return linear(x, weight_(ctx), bias_, options_.activation);
  }

  /// What `layers`, none of which has an activation, make of x, their features one after another: one product with all
  /// their weights. `factor` [1], if given, multiplies the features of the last one, by way of its weight; `residual`,
  /// if given, is added to the result.
  static Tensor<T> side_by_side(const std::vector<const Dense*>& layers, const Tensor<T>& x, const Context& ctx,
                                const Tensor<T>& factor = {}, const Tensor<T>& residual = {}) {
    const bool any_bias =
        std::any_of(layers.begin(), layers.end(), [](const Dense* layer) { return layer->bias_.defined(); });
    std::vector<Tensor<T>> weights, biases;
    for (const Dense* layer : layers) {
      check(layer->options_.activation.kind == Activation::Kind::none,
            "Dense::side_by_side: a layer has an activation");
      weights.push_back(layer->weight_(ctx));
      if (any_bias) biases.push_back(layer->bias_.defined() ? layer->bias_ : zeros<T>({layer->options_.out_features}));
    }
    if (factor.defined()) {
      check<ShapeError>(factor.shape() == Shape{1}, "Dense::side_by_side: factor ", factor.shape(), "; expected [1]");
      weights.back() = weights.back() * factor;
      if (any_bias) biases.back() = biases.back() * factor;
    }
    return linear(x, concat<T>(weights), any_bias ? concat<T>(biases) : Tensor<T>(), {}, residual);
  }

  void fields(Fields<T>& v) override {
    weight_.fields(v, "weight");
    v.parameter("bias", bias_);
  }
  const DenseOptions& options() const { return options_; }

 private:
  static const DenseOptions& checked(const DenseOptions& o) {
    check(o.in_features > 0 && o.out_features > 0, "Dense: in_features ", o.in_features, ", out_features ",
          o.out_features, "; expected both to be set and positive");
    return o;
  }

  DenseOptions options_;
  Weight<T> weight_;
  Tensor<T> bias_;
};

}  // namespace agon
