#pragma once

#include <string_view>

namespace agon {

/// An elementwise function that matmul, convolution and norm kernels apply to their result while it is in registers.
/// Its derivative follows from the result alone: relu and leaky_relu by sign, tanh 1 - y^2, sigmoid y (1 - y).
/// `slope` is the factor of leaky_relu for negative x, positive itself.
struct Activation {
  enum class Kind { none, relu, leaky_relu, tanh, sigmoid };
  Kind kind = Kind::none;
  double slope = 0;

  friend bool operator==(const Activation&, const Activation&) = default;
};

}  // namespace agon
