#pragma once

#include <agon/nn/context.hpp>
#include <agon/tensor/state.hpp>
#include <agon/tensor/tensor.hpp>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace agon {

template <Real T>
class Module;

/// Whether an exponential moving average of a model averages a buffer (running statistics) or copies it (directions).
enum class Averaging { average, copy };

/// What a module's fields() is given: it names every parameter, buffer and child once, and from that list come names,
/// State, counting, printing, averaging and files. Absent tensors (no bias) are passed over.
template <Real T>
class Fields {
 public:
  virtual ~Fields() = default;

  /// A tensor that is trained.
  void parameter(std::string_view name, Tensor<T>& tensor) {
    if (tensor.defined()) on_parameter(prefix_ + std::string(name), tensor);
  }
  /// A tensor that belongs to the model but is not trained.
  void buffer(std::string_view name, Tensor<T>& tensor, Averaging averaging = Averaging::average) {
    if (tensor.defined()) on_buffer(prefix_ + std::string(name), tensor, averaging);
  }
  /// A module inside; its names continue "<name>.".
  void child(std::string_view name, Module<T>& module) {
    const auto before = prefix_.size();
    prefix_ += std::string(name) + ".";
    module.fields(*this);
    prefix_.resize(before);
  }

 protected:
  virtual void on_parameter(const std::string& name, Tensor<T>& tensor) = 0;
  virtual void on_buffer(const std::string& name, Tensor<T>& tensor, Averaging averaging) = 0;

 private:
  std::string prefix_;
};

/// One entry of a module's list.
template <Real T>
struct Field {
  std::string name;
  Tensor<T> tensor;
  bool is_parameter = true;
  Averaging averaging = Averaging::average;
};

/// A part of a model that owns tensors. Not copyable: a copy that shares storage with its origin is a trap, clone() is
/// explicit. Derived classes list what they own in fields().
template <Real T>
class Module {
 public:
  Module() = default;
  virtual ~Module() = default;
  Module(const Module&) = delete;
  Module& operator=(const Module&) = delete;
  Module(Module&&) = default;
  Module& operator=(Module&&) = default;

  /// Names everything this module owns; see Fields.
  virtual void fields(Fields<T>& v) = 0;

  /// Parameters and buffers in the order of fields(). The tensors are handles to the module's own.
  /// Throws Error when fields() gives a name twice.
  std::vector<Field<T>> list() const {
    struct Lister : Fields<T> {
      std::vector<Field<T>> found;
      std::set<std::string> names;
      void add(Field<T> field) {
        check(names.insert(field.name).second, "module: fields() names '", field.name,
              "' twice; expected a name of its own for every parameter, buffer and child");
        found.push_back(std::move(field));
      }
      void on_parameter(const std::string& name, Tensor<T>& t) override { add({name, t}); }
      void on_buffer(const std::string& name, Tensor<T>& t, Averaging averaging) override {
        add({name, t, false, averaging});
      }
    } lister;
    const_cast<Module*>(this)->fields(lister);  // a lister only reads
    return std::move(lister.found);
  }

  /// The trained tensors, for optimisers and grad().
  std::vector<Tensor<T>> parameters() const {
    std::vector<Tensor<T>> result;
    for (auto& field : list())
      if (field.is_parameter) result.push_back(std::move(field.tensor));
    return result;
  }

  /// Number of trained values.
  std::int64_t parameter_count() const {
    std::int64_t count = 0;
    for (const auto& p : parameters()) count += p.numel();
    return count;
  }

  /// Copies of all parameters and buffers by name.
  State state() const {
    State state;
    for (const auto& field : list()) state.set(field.name, field.tensor.clone());
    return state;
  }

  /// Copies values in. Every name must be there with its shape, and no other: checked before anything changes.
  /// Throws Error that lists what is missing or unexpected.
  void load(const State& state) {
    const auto own = list();
    std::set<std::string> names;
    std::string missing, unexpected;
    for (const auto& field : own) {
      names.insert(field.name);
      if (!state.contains(field.name)) missing += " " + field.name;
    }
    for (const auto& [name, value] : state.entries())
      if (!names.contains(name)) unexpected += " " + name;
    check(missing.empty() && unexpected.empty(), "load: the state does not fit the module;",
          missing.empty() ? "" : " missing:", missing, unexpected.empty() ? "" : " unexpected:", unexpected);
    for (const auto& field : own)
      check<ShapeError>(state.tensor<T>(field.name).shape() == field.tensor.shape(), "load: '", field.name,
                        "' has shape ", state.tensor<T>(field.name).shape(), "; expected ", field.tensor.shape());
    const NoGrad guard;
    for (const auto& field : own) {
      const auto from = state.tensor<T>(field.name);
      std::copy(from.data().begin(), from.data().end(), field.tensor.mutable_data().begin());
    }
  }

  /// Sets whether gradients are computed for the parameters.
  void requires_grad_(bool on) {
    for (const auto& p : parameters()) p.requires_grad_(on);
  }
};

/// A module that maps one tensor to one tensor.
template <Real T>
class Layer : public Module<T> {
 public:
  /// The result for x. Const: the only things that may change are the buffers that ctx.update_buffers allows.
  virtual Tensor<T> forward(const Tensor<T>& x, const Context& ctx = inference) const = 0;
  Tensor<T> operator()(const Tensor<T>& x, const Context& ctx = inference) const { return forward(x, ctx); }

  /// clone() when the class is not known.
  virtual std::unique_ptr<Layer<T>> clone_layer() const = 0;
};

/// Gives a module clone(): one built from the same options() that holds copies of all tensors, frozen where these are.
template <class Derived, class Base>
class Cloneable : public Base {
 public:
  Derived clone() const {
    const auto& self = static_cast<const Derived&>(*this);
    Rng unused(0);
    Derived copy(self.options(), unused);
    copy.load(self.state());
    const auto from = self.parameters(), to = copy.parameters();
    for (std::size_t i = 0; i < from.size(); ++i) to[i].requires_grad_(from[i].requires_grad());
    return copy;
  }
};

/// Base of the layers: Layer with clone().
template <class Derived, Real T>
class LayerBase : public Cloneable<Derived, Layer<T>> {
 public:
  std::unique_ptr<Layer<T>> clone_layer() const override { return std::make_unique<Derived>(this->clone()); }
};

}  // namespace agon
