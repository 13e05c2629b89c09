#pragma once

#include <agon/optim/optimizer.hpp>

namespace agon {

struct SgdOptions {
  double lr = 1e-2;
  double momentum = 0;
  double weight_decay = 0;
  bool nesterov = false;
};

/// Stochastic gradient descent: d = g + weight_decay p, v = momentum v + d, p -= lr v (Nesterov: lr (d + momentum v)).
template <Real T>
class Sgd : public Optimizer<T> {
 public:
  Sgd(std::vector<Tensor<T>> parameters, const SgdOptions& options)
      : Optimizer<T>("sgd", std::move(parameters), options.lr), options_(options) {
    check(options.momentum >= 0 && options.weight_decay >= 0, "Sgd: momentum ", options.momentum, ", weight_decay ",
          options.weight_decay, "; expected 0 or more");
    check(!options.nesterov || options.momentum > 0, "Sgd: nesterov with momentum 0; expected a positive momentum");
    if (options.momentum > 0) velocity_ = this->zeros_like_parameters();
  }

 private:
  void update(std::size_t i, const Tensor<T>& p, const Tensor<T>& g) override {
    kernels::sgd(p.numel(), p.mutable_data().data(), g.data().data(),
                 velocity_.empty() ? nullptr : velocity_[i].mutable_data().data(), this->lr(), options_.momentum,
                 options_.weight_decay, options_.nesterov);
  }
  std::vector<std::pair<std::string, std::vector<Tensor<T>>*>> slots() override { return {{"velocity", &velocity_}}; }

  SgdOptions options_;
  std::vector<Tensor<T>> velocity_;
};

}  // namespace agon
