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

  /// Copies of everything a resumed run needs: the "kind" of optimiser, the number of "parameters", "lr", "steps" and
  /// the tensors of every slot, "<slot>.<parameter>".
  State state() const {
    State state;
    state.set("kind", kind_);
    state.set("parameters", static_cast<std::int64_t>(parameters_.size()));
    state.set("lr", scalar<double>(lr_));
    state.set("steps", steps_);
    for (const auto& [name, tensor] : const_cast<Optimizer*>(this)->tensors())  // only read here
      state.set(name, tensor->clone());
    return state;
  }

  /// The inverse of state(), the learning rate included. Throws Error or ShapeError when it is not one of such an
  /// optimiser of as many parameters, before anything changes.
  void load(const State& state) {
    const auto& kind = state.text("kind");
    const auto count = state.integer("parameters"), steps = state.integer("steps");
    const auto lr = state.tensor<double>("lr").item();
    check(kind == kind_ && count == static_cast<std::int64_t>(parameters_.size()), "optimizer: the state is of ", kind,
          " with ", count, " parameters; expected ", kind_, " with ", parameters_.size());
    check(steps >= 0 && lr >= 0, "optimizer: the state has ", steps, " steps and learning rate ", lr,
          "; expected 0 or more");
    const auto own = tensors();
    for (const auto& [name, tensor] : own) {
      const auto& from = state.tensor<T>(name);
      check<ShapeError>(from.shape() == tensor->shape(), "optimizer: '", name, "' has shape ", from.shape(),
                        "; expected ", tensor->shape());
    }
    check(state.entries().size() == 4 + own.size(), "optimizer: the state has ", state.entries().size(),
          " entries; expected ", 4 + own.size(), " for these options of ", kind_);
    for (const auto& [name, tensor] : own) *tensor = state.tensor<T>(name).clone();
    steps_ = steps;
    lr_ = lr;
  }

 protected:
  using Slot = std::vector<Tensor<T>>;  // one tensor a parameter

  /// `kind` names the rule: states of another are refused.
  Optimizer(std::string kind, std::vector<Tensor<T>> parameters, double lr)
      : kind_(std::move(kind)), parameters_(std::move(parameters)), lr_(lr) {
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
  std::vector<std::pair<std::string, Tensor<T>*>> tensors() {
    std::vector<std::pair<std::string, Tensor<T>*>> all;
    for (const auto& [name, slot] : slots())
      for (std::size_t i = 0; i < slot->size(); ++i) all.emplace_back(name + "." + std::to_string(i), &(*slot)[i]);
    return all;
  }

  std::string kind_;
  std::vector<Tensor<T>> parameters_;
  double lr_;
  std::int64_t steps_ = 0;
};

}  // namespace agon
