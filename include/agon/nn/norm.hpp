#pragma once

#include <agon/nn/init.hpp>
#include <agon/nn/module.hpp>
#include <agon/ops/index.hpp>
#include <agon/ops/norm.hpp>

#include <string_view>

namespace agon {

struct BatchNormOptions {
  std::int64_t features = 0;  ///< required: size of the last axis
  double eps = 1e-5;
  double momentum = 0.1;  ///< weight of the new batch in the running statistics
  Activation activation{};
};

namespace detail {

inline void check_norm_options(std::string_view layer, double eps, double momentum) {
  check(eps >= 0 && momentum >= 0 && momentum <= 1, layer, ": eps ", eps, ", momentum ", momentum,
        "; expected eps >= 0 and 0 <= momentum <= 1");
}

/// Running mean and variance of a batch norm.
template <Real T>
class RunningStatistics {
 public:
  RunningStatistics(std::int64_t features, double momentum)
      : momentum_(momentum), mean_(zeros<T>({features})), var_(ones<T>({features})) {}

  /// Normalises x with batch or running statistics, as the context says.
  Tensor<T> normalize(const Tensor<T>& x, const Tensor<T>& gamma, const Tensor<T>& beta, const NormOptions& options,
                      const Context& ctx) const {
    if (ctx.training) {
      const auto result = batch_norm(x, gamma, beta, options);
      if (ctx.update_buffers) update(result, x.numel() / x.size(-1));
      return result.y;
    }
    norm_shape(x, gamma, beta, "batch_norm");
    const auto scale = spread_affine(gamma, x) * rsqrt(var_ + options.eps);
    return activate((x - mean_) * scale + spread_affine(beta, x), options.activation);
  }

  void fields(Fields<T>& v) {
    v.buffer("running_mean", mean_);
    v.buffer("running_var", var_);
  }

 private:
  void update(const BatchNormResult<T>& batch, std::int64_t rows) const {
    const NoGrad guard;
    const auto n = static_cast<double>(rows);
    mean_ = mean_ * (1 - momentum_) + batch.mean * momentum_;
    var_ = var_ * (1 - momentum_) + batch.var * (momentum_ * (rows > 1 ? n / (n - 1) : 1));
  }

  double momentum_;
  mutable Tensor<T> mean_, var_;  // change only where the context says so
};

}  // namespace detail

/// Batch normalisation over all axes but the last (Ioffe and Szegedy 2015), with the batch's statistics in training and
/// running ones otherwise. The running variance is the unbiased estimate, as in PyTorch.
template <Real T>
class BatchNorm : public LayerBase<BatchNorm<T>, T> {
 public:
  explicit BatchNorm(const BatchNormOptions& options)
      : options_(options),
        gamma_(ones<T>({options.features})),
        beta_(zeros<T>({options.features})),
        running_(options.features, options.momentum) {
    check(options.features > 0, "BatchNorm: features ", options.features, "; expected to be set and positive");
    detail::check_norm_options("BatchNorm", options.eps, options.momentum);
    gamma_.requires_grad_();
    beta_.requires_grad_();
  }
  BatchNorm(const BatchNormOptions& options, Rng&) : BatchNorm(options) {}

  Tensor<T> forward(const Tensor<T>& x, const Context& ctx = inference) const override {
    return running_.normalize(x, gamma_, beta_, {options_.eps, options_.activation}, ctx);
  }

  void fields(Fields<T>& v) override {
    v.parameter("weight", gamma_);
    v.parameter("bias", beta_);
    running_.fields(v);
  }
  const BatchNormOptions& options() const { return options_; }

 private:
  BatchNormOptions options_;
  Tensor<T> gamma_, beta_;
  detail::RunningStatistics<T> running_;
};

struct ConditionalBatchNormOptions {
  std::int64_t features = 0;  ///< required: size of the last axis
  std::int64_t classes = 0;   ///< required
  double eps = 1e-5;
  double momentum = 0.1;
  Activation activation{};
};

/// Batch normalisation whose scale and shift are a row a class (Dumoulin et al. 2017): gamma starts at 1, beta at 0.
template <Real T>
class ConditionalBatchNorm : public Cloneable<ConditionalBatchNorm<T>, Module<T>> {
 public:
  explicit ConditionalBatchNorm(const ConditionalBatchNormOptions& options)
      : options_(options),
        gamma_(ones<T>({options.classes, options.features})),
        beta_(zeros<T>({options.classes, options.features})),
        running_(options.features, options.momentum) {
    check(options.features > 0 && options.classes > 0, "ConditionalBatchNorm: features ", options.features,
          ", classes ", options.classes, "; expected both to be set and positive");
    detail::check_norm_options("ConditionalBatchNorm", options.eps, options.momentum);
    gamma_.requires_grad_();
    beta_.requires_grad_();
  }
  ConditionalBatchNorm(const ConditionalBatchNormOptions& options, Rng&) : ConditionalBatchNorm(options) {}

  /// x [n, ..., features] with one label an image, labels [n].
  template <Index I>
  Tensor<T> forward(const Tensor<T>& x, const Tensor<I>& labels, const Context& ctx = inference) const {
    return running_.normalize(x, embedding(gamma_, labels), embedding(beta_, labels),
                              {options_.eps, options_.activation}, ctx);
  }

  void fields(Fields<T>& v) override {
    v.parameter("weight", gamma_);
    v.parameter("bias", beta_);
    running_.fields(v);
  }
  const ConditionalBatchNormOptions& options() const { return options_; }

 private:
  ConditionalBatchNormOptions options_;
  Tensor<T> gamma_, beta_;
  detail::RunningStatistics<T> running_;
};

struct LayerNormOptions {
  std::int64_t features = 0;  ///< required: size of the last axis
  double eps = 1e-5;
  Activation activation{};
};

/// Layer normalisation over the last axis (Ba et al. 2016).
template <Real T>
class LayerNorm : public LayerBase<LayerNorm<T>, T> {
 public:
  explicit LayerNorm(const LayerNormOptions& options)
      : options_(options), gamma_(ones<T>({options.features})), beta_(zeros<T>({options.features})) {
    check(options.features > 0, "LayerNorm: features ", options.features, "; expected to be set and positive");
    detail::check_norm_options("LayerNorm", options.eps, 0);
    gamma_.requires_grad_();
    beta_.requires_grad_();
  }
  LayerNorm(const LayerNormOptions& options, Rng&) : LayerNorm(options) {}

  Tensor<T> forward(const Tensor<T>& x, const Context& = inference) const override {
    return layer_norm(x, gamma_, beta_, {options_.eps, options_.activation});
  }

  void fields(Fields<T>& v) override {
    v.parameter("weight", gamma_);
    v.parameter("bias", beta_);
  }
  const LayerNormOptions& options() const { return options_; }

 private:
  LayerNormOptions options_;
  Tensor<T> gamma_, beta_;
};

}  // namespace agon
