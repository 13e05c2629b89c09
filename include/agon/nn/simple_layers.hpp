#pragma once

#include <agon/nn/module.hpp>
#include <agon/ops/activation.hpp>
#include <agon/ops/dropout.hpp>
#include <agon/ops/shape.hpp>

namespace agon {

struct DropoutOptions {
  double p = 0.5;  ///< probability of a zero
};

/// Zeros elements with probability p in training and scales the others by 1 / (1 - p); the identity otherwise.
template <Real T>
class Dropout : public LayerBase<Dropout<T>, T> {
 public:
  explicit Dropout(const DropoutOptions& options) : options_(options) {
    check(options.p >= 0 && options.p < 1, "Dropout: p = ", options.p, "; expected 0 <= p < 1");
  }
  Dropout(const DropoutOptions& options, Rng&) : Dropout(options) {}

  Tensor<T> forward(const Tensor<T>& x, const Context& ctx = inference) const override {
    if (!ctx.training || options_.p == 0) return x;
    check(ctx.rng != nullptr,
          "Dropout: no random stream in the context; expected Context{.training = true, .rng = &rng}");
    return dropout(x, options_.p, *ctx.rng);
  }

  void fields(Fields<T>&) override {}
  const DropoutOptions& options() const { return options_; }

 private:
  DropoutOptions options_;
};

struct FlattenOptions {
  enum class Order { hwc, chw };
  Order order = Order::hwc;  ///< chw lays the features out as channels-first libraries do
};

/// [n, ...] -> [n, features].
template <Real T>
class Flatten : public LayerBase<Flatten<T>, T> {
 public:
  explicit Flatten(const FlattenOptions& options = {}) : options_(options) {}
  Flatten(const FlattenOptions& options, Rng&) : options_(options) {}

  Tensor<T> forward(const Tensor<T>& x, const Context& = inference) const override {
    check<ShapeError>(x.rank() >= 1, "Flatten: scalar; expected [n, ...]");
    const bool channels_first = options_.order == FlattenOptions::Order::chw;
    check<ShapeError>(!channels_first || x.rank() == 4, "Flatten: shape ", x.shape(),
                      " in order chw; expected [n, h, w, c]");
    const auto features = Shape(x.shape().sizes().subspan(1)).numel();
    return reshape(channels_first ? permute(x, {0, 3, 1, 2}) : x, {x.size(0), features});
  }

  void fields(Fields<T>&) override {}
  const FlattenOptions& options() const { return options_; }

 private:
  FlattenOptions options_;
};

/// An activation as a layer of its own, for Sequential.
template <Real T>
class Activate : public LayerBase<Activate<T>, T> {
 public:
  explicit Activate(const Activation& activation) : activation_(activation) {}
  Activate(const Activation& activation, Rng&) : activation_(activation) {}

  Tensor<T> forward(const Tensor<T>& x, const Context& = inference) const override { return activate(x, activation_); }

  void fields(Fields<T>&) override {}
  const Activation& options() const { return activation_; }

 private:
  Activation activation_;
};

}  // namespace agon
