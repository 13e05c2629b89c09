#pragma once

#include <agon/autograd/basic.hpp>
#include <agon/kernels/activation.hpp>
#include <agon/ops/arithmetic.hpp>

namespace agon {

namespace detail {

/// Throws Error for an Activation made by hand that leaky_relu() would refuse.
inline void check_activation(const Activation& activation, std::string_view op) {
  check(activation.kind != Activation::Kind::leaky_relu || activation.slope > 0, op, ": slope ", activation.slope,
        "; expected a positive one, or relu()");
}

}  // namespace detail

/// Activations as options of layers and operations: `.activation = leaky_relu(0.2)`.
inline Activation relu() { return {Activation::Kind::relu}; }
inline Activation tanh() { return {Activation::Kind::tanh}; }
inline Activation sigmoid() { return {Activation::Kind::sigmoid}; }
/// Throws Error unless the slope is positive: the derivative is read off the sign of the result.
inline Activation leaky_relu(double slope) {
  const Activation activation{Activation::Kind::leaky_relu, slope};
  detail::check_activation(activation, "leaky_relu");
  return activation;
}

/// g act'(x) written with y = act(x), the common adjoint of everything that applies an Activation; g itself for none.
/// The derivative at x = 0 is 0 for relu and the slope for leaky_relu, as in PyTorch.
/// Throws ShapeError unless g and y have the same shape, Error for a leaky_relu whose slope is not positive.
template <Real T>
Tensor<T> activation_grad(const Tensor<T>& g, const Tensor<T>& y, const Activation& activation) {
  detail::check_activation(activation, "activation_grad");
  if (activation.kind == Activation::Kind::none) return g;
  check<ShapeError>(g.shape() == y.shape(), "activation_grad: gradient ", g.shape(), " for a result ", y.shape());
  auto dx = empty_like(g);
  kernels::activation_grad(activation, g.numel(), y.data().data(), g.data().data(), dx.mutable_data().data());
  const bool smooth = activation.kind == Activation::Kind::tanh || activation.kind == Activation::Kind::sigmoid;
  if (!smooth)  // piecewise linear: the mask is a constant
    return record("activation_grad", dx, {g}, Save::nothing,
                  [activation](const Vjp<T>& v) -> Grads<T> {
                    return {activation_grad(v.grad(), v.template aux<T>(), activation)};
                  },
                  {.aux = {y.detach()}});
  return record("activation_grad", dx, {g, y}, Save::inputs, [activation](const Vjp<T>& v) -> Grads<T> {
    Grads<T> result(2);
    const auto saved_y = v.input(1);
    if (v.needs(0)) result[0] = activation_grad(v.grad(), saved_y, activation);
    if (v.needs(1)) {  // tanh' = 1 - y^2, sigmoid' = y - y^2
      const bool is_tanh = activation.kind == Activation::Kind::tanh;
      result[1] = multiply(multiply(v.grad(), v.input(0)), affine(saved_y, -2, is_tanh ? 0 : 1));
    }
    return result;
  });
}

namespace detail {

constexpr kernels::Unary unary_of(Activation::Kind kind) {
  switch (kind) {
    case Activation::Kind::relu:
      return kernels::Unary::relu;
    case Activation::Kind::leaky_relu:
      return kernels::Unary::leaky_relu;
    case Activation::Kind::tanh:
      return kernels::Unary::tanh;
    default:
      return kernels::Unary::sigmoid;
  }
}

constexpr std::string_view name_of(Activation::Kind kind) {
  switch (kind) {
    case Activation::Kind::relu:
      return "relu";
    case Activation::Kind::leaky_relu:
      return "leaky_relu";
    case Activation::Kind::tanh:
      return "tanh";
    default:
      return "sigmoid";
  }
}

}  // namespace detail

/// y = act(x), elementwise; x itself for none. Gradient: activation_grad(g, y).
/// Throws Error for a leaky_relu whose slope is not positive.
template <Real T>
Tensor<T> activate(const Tensor<T>& x, const Activation& activation) {
  detail::check_activation(activation, "activate");
  if (activation.kind == Activation::Kind::none) return x;
  auto y = empty_like(x);
  kernels::unary(detail::unary_of(activation.kind), x.numel(), x.data().data(), y.mutable_data().data(),
                 static_cast<T>(activation.slope));
  return record(detail::name_of(activation.kind), y, {x}, Save::output, [activation](const Vjp<T>& v) -> Grads<T> {
    return {activation_grad(v.grad(), v.output(), activation)};
  });
}

/// y = max(x, 0), NaN where x is. The derivative at 0 is 0.
template <Real T>
Tensor<T> relu(const Tensor<T>& x) {
  return activate(x, relu());
}

/// y = x for x > 0, slope x otherwise. Throws Error unless slope > 0.
template <Real T>
Tensor<T> leaky_relu(const Tensor<T>& x, double slope = 0.01) {
  return activate(x, leaky_relu(slope));
}

/// y = tanh(x).
template <Real T>
Tensor<T> tanh(const Tensor<T>& x) {
  return activate(x, tanh());
}

/// y = 1 / (1 + exp(-x)).
template <Real T>
Tensor<T> sigmoid(const Tensor<T>& x) {
  return activate(x, sigmoid());
}

}  // namespace agon
