#pragma once

#include <agon/optim/optimizer.hpp>

namespace agon {

struct AdamOptions {
  double lr = 1e-3;
  double beta1 = 0.9;  ///< 0 is usual for GANs
  double beta2 = 0.999;
  double eps = 1e-8;
  double weight_decay = 0;
  bool decoupled = false;  ///< AdamW (Loshchilov and Hutter 2019): the decay acts on the parameter, not the gradient
};

/// Adam (Kingma and Ba 2015) with bias correction: m = b1 m + (1 - b1) g, v = b2 v + (1 - b2) g^2,
/// p -= lr (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + eps).
template <Real T>
class Adam : public Optimizer<T> {
 public:
  Adam(std::vector<Tensor<T>> parameters, const AdamOptions& options)
      : Optimizer<T>("adam", std::move(parameters), options.lr),
        options_(options),
        m_(this->zeros_like_parameters()),
        v_(this->zeros_like_parameters()) {
    check(options.beta1 >= 0 && options.beta1 < 1 && options.beta2 >= 0 && options.beta2 < 1, "Adam: betas ",
          options.beta1, " and ", options.beta2, "; expected 0 <= beta < 1");
    check(options.eps >= 0 && options.weight_decay >= 0, "Adam: eps ", options.eps, ", weight_decay ",
          options.weight_decay, "; expected 0 or more");
  }

 private:
  void update(std::size_t i, const Tensor<T>& p, const Tensor<T>& g) override {
    kernels::adam({.lr = this->lr(),
                   .beta1 = options_.beta1,
                   .beta2 = options_.beta2,
                   .eps = options_.eps,
                   .weight_decay = options_.weight_decay,
                   .decoupled = options_.decoupled,
                   .step = this->steps()},
                  p.numel(), p.mutable_data().data(), g.data().data(), m_[i].mutable_data().data(),
                  v_[i].mutable_data().data());
  }
  std::vector<std::pair<std::string, std::vector<Tensor<T>>*>> slots() override { return {{"m", &m_}, {"v", &v_}}; }

  AdamOptions options_;
  std::vector<Tensor<T>> m_, v_;
};

/// Adam with decoupled weight decay (Loshchilov and Hutter 2019).
template <Real T>
class AdamW : public Adam<T> {
 public:
  AdamW(std::vector<Tensor<T>> parameters, AdamOptions options)
      : Adam<T>(std::move(parameters), (options.decoupled = true, options)) {}
};

}  // namespace agon
