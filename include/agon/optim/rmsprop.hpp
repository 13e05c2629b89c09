#pragma once

#include <agon/optim/optimizer.hpp>

namespace agon {

struct RmsPropOptions {
  double lr = 1e-2;
  double alpha = 0.99;
  double eps = 1e-8;
};

/// RMSProp (Tieleman and Hinton 2012): v = alpha v + (1 - alpha) g^2, p -= lr g / (sqrt(v) + eps).
template <Real T>
class RmsProp : public Optimizer<T> {
 public:
  RmsProp(std::vector<Tensor<T>> parameters, const RmsPropOptions& options)
      : Optimizer<T>("rmsprop", std::move(parameters), options.lr),
        options_(options),
        v_(this->zeros_like_parameters()) {
    check(options.alpha >= 0 && options.alpha < 1, "RmsProp: alpha ", options.alpha, "; expected 0 <= alpha < 1");
    check(options.eps >= 0, "RmsProp: eps ", options.eps, "; expected 0 or more");
  }

 private:
  void update(std::size_t i, const Tensor<T>& p, const Tensor<T>& g) override {
    kernels::rmsprop(p.numel(), p.mutable_data().data(), g.data().data(), v_[i].mutable_data().data(), this->lr(),
                     options_.alpha, options_.eps);
  }
  std::vector<std::pair<std::string, std::vector<Tensor<T>>*>> slots() override { return {{"v", &v_}}; }

  RmsPropOptions options_;
  std::vector<Tensor<T>> v_;
};

}  // namespace agon
