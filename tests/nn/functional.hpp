#pragma once

// Modules as functions of their parameters, so that gradcheck reaches these too.

#include <agon/autograd/gradcheck.hpp>
#include <agon/nn/module.hpp>

#include "catch.hpp"

#include <cstddef>
#include <string>
#include <vector>

namespace functional {

using agon::Tensor;
using Tensors = std::vector<Tensor<double>>;

// While it lives, the module computes with these tensors in the place of its parameters, in the order of list().
class Swapped : agon::Fields<double> {
 public:
  Swapped(agon::Module<double>& module, Tensors parameters) : module_(module), tensors_(std::move(parameters)) {
    module_.fields(*this);
    REQUIRE(next_ == tensors_.size());
  }
  ~Swapped() {
    next_ = 0;
    module_.fields(*this);
  }
  Swapped(const Swapped&) = delete;
  Swapped& operator=(const Swapped&) = delete;

 private:
  void on_parameter(const std::string&, Tensor<double>& tensor) override {
    if (next_ < tensors_.size()) std::swap(tensor, tensors_[next_]);
    ++next_;
  }
  void on_buffer(const std::string&, Tensor<double>&, agon::Averaging) override {}

  agon::Module<double>& module_;
  Tensors tensors_;
  std::size_t next_ = 0;
};

// Gives every parameter random values, those that start at 0 or 1 as well.
inline void randomize(agon::Module<double>& module, std::uint64_t seed, double deviation = 0.5) {
  agon::Rng rng(seed, "randomize");
  const agon::NoGrad guard;
  for (const auto& p : module.parameters()) {
    const auto values = agon::normal<double>(p.shape(), 0, deviation, rng);
    std::copy(values.data().begin(), values.data().end(), p.mutable_data().begin());
  }
}

// Derivatives of f(inputs), which runs `module`, with respect to the inputs and to all parameters.
template <class F>
agon::GradcheckResult gradcheck(agon::Module<double>& module, const Tensors& inputs, const F& f,
                                const agon::GradcheckOptions& options = {.order = 2}) {
  auto all = inputs;
  for (const auto& p : module.parameters()) all.push_back(p.clone());
  return agon::gradcheck(
      [&](const Tensors& x) {
        const auto split = x.begin() + static_cast<std::ptrdiff_t>(inputs.size());
        const Swapped swapped(module, {split, x.end()});
        return Tensor<double>(f(Tensors(x.begin(), split)));
      },
      all, options);
}

}  // namespace functional

// gradcheck of order 2, with its message where it fails.
#define CHECK_GRADIENTS(...)                   \
  do {                                         \
    const auto gradcheck_result = __VA_ARGS__; \
    INFO(gradcheck_result.message);            \
    CHECK(gradcheck_result.ok);                \
  } while (false)
