#pragma once

#include <agon/kernels/optimizer.hpp>
#include <agon/tensor/factories.hpp>
#include <agon/tensor/state.hpp>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace agon {

/// Changes a list of parameters by their gradients. Holds handles to the parameters and its own state for each.
template <Real T>
class Optimizer {
 public:
  virtual ~Optimizer() = default;

  /// One step with the gradients given, one a parameter; a parameter whose gradient is absent stays.
  /// Throws ShapeError when number or shapes differ, before anything changes.
  void step(const std::vector<Tensor<T>>& gradients) {
    check<ShapeError>(gradients.size() == parameters_.size(), "optimizer: ", gradients.size(), " gradients for ",
                      parameters_.size(), " parameters");
    for (std::size_t i = 0; i < gradients.size(); ++i)
      check<ShapeError>(!gradients[i].defined() || gradients[i].shape() == parameters_[i].shape(),
                        "optimizer: the gradient of parameter ", i, " has another shape than ", parameters_[i].shape());
    const NoGrad guard;
    ++steps_;
    for (std::size_t i = 0; i < gradients.size(); ++i)
      if (gradients[i].defined()) update(i, parameters_[i], gradients[i]);
  }

  /// One step with the gradients that backward() left in the parameters.
  void step() {
    std::vector<Tensor<T>> gradients;
    for (const auto& p : parameters_) gradients.push_back(p.grad());
    step(gradients);
  }

  /// Clears the gradients that backward() adds up.
  void zero_grad() {
    for (const auto& p : parameters_) p.set_grad({});
  }

  const std::vector<Tensor<T>>& parameters() const { return parameters_; }
  double lr() const { return lr_; }
  void set_lr(double lr) { lr_ = lr; }
  std::int64_t steps() const { return steps_; }

  /// Copies of everything a resumed run needs.
  State state() const {
    State state;
    state.set("steps", steps_);
    for (const auto& [name, slot] : const_cast<Optimizer*>(this)->slots())  // only read here
      for (std::size_t i = 0; i < slot->size(); ++i) state.set(name + "." + std::to_string(i), (*slot)[i].clone());
    return state;
  }

  /// The inverse of state(). Throws Error or ShapeError when it does not fit, before anything changes.
  void load(const State& state) {
    const auto steps = state.integer("steps");
    check(steps >= 0, "optimizer: the state counts ", steps, " steps; expected 0 or more");
    for (const auto& [name, slot] : slots())
      for (std::size_t i = 0; i < slot->size(); ++i) {
        const auto& from = state.tensor<T>(name + "." + std::to_string(i));
        check<ShapeError>(from.shape() == (*slot)[i].shape(), "optimizer: '", name, ".", i, "' has shape ",
                          from.shape(), "; expected ", (*slot)[i].shape());
      }
    for (const auto& [name, slot] : slots())
      for (std::size_t i = 0; i < slot->size(); ++i)
        (*slot)[i] = state.tensor<T>(name + "." + std::to_string(i)).clone();
    steps_ = steps;
  }

 protected:
  using Slot = std::vector<Tensor<T>>;  // one tensor a parameter

  Optimizer(std::vector<Tensor<T>> parameters, double lr) : parameters_(std::move(parameters)), lr_(lr) {
    check(lr >= 0, "optimizer: learning rate ", lr, "; expected 0 or more");
  }

  virtual void update(std::size_t i, const Tensor<T>& parameter, const Tensor<T>& gradient) = 0;
  /// The optimiser's state, by name.
  virtual std::vector<std::pair<std::string, Slot*>> slots() = 0;

  Slot zeros_like_parameters() const {
    Slot slot;
    for (const auto& p : parameters_) slot.push_back(zeros<T>(p.shape()));
    return slot;
  }

 private:
  std::vector<Tensor<T>> parameters_;
  double lr_;
  std::int64_t steps_ = 0;
};

}  // namespace agon
