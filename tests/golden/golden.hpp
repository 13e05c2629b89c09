#pragma once

// Reads golden.safetensors, which make_golden.py writes with PyTorch, and compares with it.

#include <agon/autograd/engine.hpp>
#include <agon/io/safetensors.hpp>
#include <agon/nn/module.hpp>
#include <agon/tensor/factories.hpp>

#include "catch.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

namespace golden {

using agon::Real;
using agon::Tensor;

inline const agon::State& file() {
  static const auto state = agon::io::load_safetensors(AGON_TEST_DIR "/golden/golden.safetensors");
  return state;
}

// The names that follow "<prefix>.": the cases of a family.
inline std::set<std::string> cases(const std::string& prefix) {
  std::set<std::string> names;
  const auto family = file().sub(prefix);
  for (const auto& [name, value] : family.entries()) names.insert(name.substr(0, name.find('.')));
  REQUIRE(!names.empty());
  return names;
}

inline bool has(const std::string& name) { return file().contains(name); }
inline std::int64_t integer(const std::string& name) { return file().integer(name); }

template <Real T>
Tensor<T> real(const std::string& name) {
  return agon::cast<T>(file().tensor<double>(name));
}

// The real tensors under a prefix, for Module::load.
template <Real T>
agon::State state(const std::string& prefix) {
  agon::State result;
  const auto found = file().sub(prefix);
  for (const auto& [name, value] : found.entries()) result.set(name, real<T>(prefix + "." + name));
  return result;
}

// What a result of type T may differ by, relative to the largest element: inputs of float were rounded once.
template <Real T>
constexpr double tolerance = std::is_same_v<T, float> ? 1e-5 : 1e-10;

// max |a - b| / max(1, max |b|); infinite where the shapes differ or something is not a number.
template <Real T>
double difference(const Tensor<T>& a, const Tensor<double>& b) {
  if (!a.defined() || a.shape() != b.shape()) return INFINITY;
  double worst = 0, scale = 1;
  for (double x : b.data()) scale = std::max(scale, std::abs(x));
  for (std::size_t i = 0; i < a.data().size(); ++i) {
    const double d = std::abs(static_cast<double>(a.data()[i]) - b.data()[i]) / scale;
    if (!(d <= worst)) worst = std::isnan(d) ? INFINITY : d;
  }
  return worst;
}

template <Real T>
void check_close(const Tensor<T>& actual, const std::string& name) {
  CAPTURE(name);
  CHECK(difference(actual, file().tensor<double>(name)) <= tolerance<T>);
}

// The gradients of sum(g y) for inputs called `names` against "<name>.grad.<input>"; g is the golden one.
template <Real T>
void check_gradients(const std::string& name, const Tensor<T>& y, const std::vector<std::string>& names,
                     const std::vector<Tensor<T>>& inputs) {
  const auto gradients = agon::grad<T>({y}, inputs, {.grad_outputs = {real<T>(name + ".g")}});
  for (std::size_t i = 0; i < names.size(); ++i) check_close(gradients[i], name + ".grad." + names[i]);
}

// y and all gradients of y = f(inputs), where the inputs are the golden tensors called `names`.
template <Real T, class F>
void check_function(const std::string& name, const std::vector<std::string>& names, const F& f) {
  std::vector<Tensor<T>> inputs;
  for (const auto& input : names) inputs.push_back(real<T>(name + "." + input).requires_grad_());
  const auto y = f(inputs);
  check_close(y, name + ".y");
  check_gradients(name, y, names, inputs);
}

// The gradients of sum(g y) for the parameters of a module against those under `gradients`.
template <Real T>
void check_parameter_gradients(const agon::Module<T>& module, const Tensor<T>& y, const Tensor<T>& g,
                               const std::string& gradients) {
  const auto computed = agon::grad<T>({y}, module.parameters(), {.grad_outputs = {g}});
  std::size_t i = 0;
  for (const auto& field : module.list())
    if (field.is_parameter) check_close(computed[i++], gradients + "." + field.name);
}

}  // namespace golden
