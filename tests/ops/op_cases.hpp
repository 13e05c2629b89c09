#pragma once

#include <agon/agon.hpp>

#include <cmath>
#include <functional>
#include <string>
#include <vector>

namespace agon::test {

using Tensors = std::vector<Tensor<double>>;
using Values = std::vector<double>;

/// One row of the op table: drives values, gradients of every order, partial gradients and bit identity.
struct OpCase {
  std::string name;
  std::vector<Shape> inputs;
  std::function<Tensor<double>(const Tensors&)> f;
  std::function<Values(const std::vector<Values>&)> reference{};  // f in plain loops, where that is short
  double low = -1, high = 1;                                      // inputs are uniform in here ...
  double gap = 0.05;                                              // ... but at least this far from 0
  int order = 2;
};

/// Inputs of a case: the same on every run.
inline Tensors sample_inputs(const OpCase& c, std::uint64_t seed = 7) {
  Rng rng(seed, c.name);
  Tensors inputs;
  for (const auto& shape : c.inputs) {
    auto t = uniform<double>(shape, c.low, c.high, rng);
    for (auto& x : t.mutable_data()) x += x >= 0 ? c.gap : -c.gap;
    inputs.push_back(t);
  }
  return inputs;
}

/// The rows of the op table; see the .cpp files for each family.
std::vector<OpCase> elementwise_cases();
std::vector<OpCase> shape_cases();
std::vector<OpCase> contraction_cases();
std::vector<OpCase> fused_cases();
std::vector<OpCase> empty_cases();

inline std::vector<OpCase> all_cases() {
  std::vector<OpCase> all;
  for (auto family : {elementwise_cases, shape_cases, contraction_cases, fused_cases, empty_cases})
    for (auto& c : family()) all.push_back(std::move(c));
  return all;
}

}  // namespace agon::test
