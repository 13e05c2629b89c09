#pragma once

#include <agon/autograd/basic.hpp>
#include <agon/kernels/conv.hpp>
#include <agon/ops/activation.hpp>

#include <cstdint>

namespace agon {

/// Options of conv2d.
struct ConvOptions {
  std::int64_t stride = 1;   ///< of the windows, in pixels
  std::int64_t padding = 0;  ///< zeros on each side
  Activation activation{};
};

/// Options of conv_transpose2d.
struct ConvTransposeOptions {
  std::int64_t stride = 1;          ///< pixels of the result from one pixel of x to the next
  std::int64_t padding = 0;         ///< cut from each side of the result
  std::int64_t output_padding = 0;  ///< added at the bottom and right, to choose among the sizes that fit
  Activation activation{};
};

namespace detail {

inline kernels::ConvShape conv_shape(const Shape& x, const Shape& w, std::int64_t stride, std::int64_t padding,
                                     std::string_view op) {
  check<ShapeError>(x.rank() == 4 && w.rank() == 4, op, ": images ", x, " and weight ", w,
                    "; expected [n, h, w, in] and [out, kh, kw, in]");
  check<ShapeError>(x[3] == w[3], op, ": channels differ: images ", x, ", weight ", w, "; expected the same last axis");
  check<ShapeError>(stride >= 1 && padding >= 0, op, ": stride ", stride, ", padding ", padding,
                    "; expected stride >= 1 and padding >= 0");
  const auto padded = [&](std::int64_t size) { return add_sizes(size, multiply_sizes(padding, 2, op), op); };
  check<ShapeError>(w[1] >= 1 && w[2] >= 1 && padded(x[1]) >= w[1] && padded(x[2]) >= w[2], op, ": kernel of weight ",
                    w, " does not fit into images ", x, " with padding ", padding);
  const auto out = [&](std::int64_t size, std::int64_t k) { return (padded(size) - k) / stride + 1; };
  return {x[0], x[1], x[2], x[3], w[0], w[1], w[2], stride, padding, out(x[1], w[1]), out(x[2], w[2])};
}

template <Real T>
kernels::Epilogue<T> conv_epilogue(const Tensor<T>& bias, std::int64_t channels, const Activation& activation,
                                   std::string_view op) {
  check_activation(activation, op);
  check<ShapeError>(!bias.defined() || bias.shape() == Shape{channels}, op, ": bias of another shape than [", channels,
                    "]");
  return {bias.defined() ? bias.data().data() : nullptr, activation};
}

// The three bilinear maps of a convolution, each differentiated by the other two.
template <Real T>
Tensor<T> conv_forward(const Tensor<T>& x, const Tensor<T>& w, const Tensor<T>& bias, const kernels::ConvShape& s,
                       const Activation& activation);
template <Real T>
Tensor<T> conv_input_grad(const Tensor<T>& g, const Tensor<T>& w, const Tensor<T>& bias, const kernels::ConvShape& s,
                          const Activation& activation);
template <Real T>
Tensor<T> conv_weight_grad(const Tensor<T>& x, const Tensor<T>& g, const kernels::ConvShape& s);

inline Save conv_save(const Activation& activation) {
  const auto operands = Save::input(0) | Save::input(1);
  return activation.kind == Activation::Kind::none ? operands : operands | Save::output;
}

template <Real T>
Tensor<T> conv_gz(const Vjp<T>& v, const Activation& activation) {
  return activation.kind == Activation::Kind::none ? v.grad() : activation_grad(v.grad(), v.output(), activation);
}

template <Real T>
Tensor<T> conv_forward(const Tensor<T>& x, const Tensor<T>& w, const Tensor<T>& bias, const kernels::ConvShape& s,
                       const Activation& activation) {
  auto y = empty<T>({s.n, s.oh, s.ow, s.o});
  kernels::conv2d(s, x.data().data(), w.data().data(), y.mutable_data().data(),
                  conv_epilogue(bias, s.o, activation, "conv2d"));
  return record("conv2d", y, {x, w, bias}, conv_save(activation), [s, activation](const Vjp<T>& v) -> Grads<T> {
    const auto gz = conv_gz(v, activation);
    Grads<T> result(3);
    if (v.needs(0)) result[0] = conv_input_grad<T>(gz, v.input(1), {}, s, {});
    if (v.needs(1)) result[1] = conv_weight_grad(v.input(0), gz, s);
    if (v.needs(2)) result[2] = sum_to(gz, {s.o});
    return result;
  });
}

template <Real T>
Tensor<T> conv_input_grad(const Tensor<T>& g, const Tensor<T>& w, const Tensor<T>& bias, const kernels::ConvShape& s,
                          const Activation& activation) {
  auto x = empty<T>({s.n, s.h, s.w, s.c});
  kernels::conv2d_input_grad(s, g.data().data(), w.data().data(), x.mutable_data().data(),
                             conv_epilogue(bias, s.c, activation, "conv_transpose2d"));
  return record("conv2d_input_grad", x, {g, w, bias}, conv_save(activation),
                [s, activation](const Vjp<T>& v) -> Grads<T> {
                  const auto gz = conv_gz(v, activation);
                  Grads<T> result(3);
                  if (v.needs(0)) result[0] = conv_forward<T>(gz, v.input(1), {}, s, {});
                  if (v.needs(1)) result[1] = conv_weight_grad(gz, v.input(0), s);
                  if (v.needs(2)) result[2] = sum_to(gz, {s.c});
                  return result;
                });
}

template <Real T>
Tensor<T> conv_weight_grad(const Tensor<T>& x, const Tensor<T>& g, const kernels::ConvShape& s) {
  auto w = empty<T>({s.o, s.kh, s.kw, s.c});
  kernels::conv2d_weight_grad(s, x.data().data(), g.data().data(), w.mutable_data().data());
  return record("conv2d_weight_grad", w, {x, g}, Save::inputs, [s](const Vjp<T>& v) -> Grads<T> {
    Grads<T> result(2);
    if (v.needs(0)) result[0] = conv_input_grad<T>(v.input(1), v.grad(), {}, s, {});
    if (v.needs(1)) result[1] = conv_forward<T>(v.input(0), v.grad(), {}, s, {});
    return result;
  });
}

}  // namespace detail

/// y = activation(x * w + bias), cross-correlation of images x [n, h, w, in] with w [out, kh, kw, in]; bias [out] or
/// absent; y [n, oh, ow, out] with oh = (h + 2 padding - kh) / stride + 1, rounded down.
/// Throws ShapeError when the sizes do not fit.
template <Real T>
Tensor<T> conv2d(const Tensor<T>& x, const Tensor<T>& w, const Tensor<T>& bias = {}, const ConvOptions& options = {}) {
  const auto s = detail::conv_shape(x.shape(), w.shape(), options.stride, options.padding, "conv2d");
  return detail::conv_forward(x, w, bias, s, options.activation);
}

/// The adjoint of conv2d in its images, as an operation of its own: x [n, h, w, in] with w [in, kh, kw, out] gives
/// [n, oh, ow, out], oh = (h - 1) stride - 2 padding + kh + output_padding. The weight is that of the convolution from
/// the result to x, so its first axis is the input here (as in PyTorch).
/// Throws ShapeError when the sizes do not fit.
template <Real T>
Tensor<T> conv_transpose2d(const Tensor<T>& x, const Tensor<T>& w, const Tensor<T>& bias = {},
                           const ConvTransposeOptions& options = {}) {
  check<ShapeError>(x.rank() == 4 && w.rank() == 4 && x.size(3) == w.size(0), "conv_transpose2d: images ", x.shape(),
                    " and weight ", w.shape(), "; expected [n, h, w, in] and [in, kh, kw, out]");
  check<ShapeError>(options.output_padding >= 0 && options.output_padding < options.stride,
                    "conv_transpose2d: output_padding ", options.output_padding,
                    "; expected 0 to stride - 1 = ", options.stride - 1);
  const auto size = [&](int axis) {
    return (x.size(axis) - 1) * options.stride - 2 * options.padding + w.size(axis) + options.output_padding;
  };
  check<ShapeError>(x.size(1) > 0 && x.size(2) > 0 && size(1) > 0 && size(2) > 0, "conv_transpose2d: images ",
                    x.shape(), " with weight ", w.shape(), " and padding ", options.padding, " leave no pixels");
  const auto s = detail::conv_shape({x.size(0), size(1), size(2), w.size(3)}, w.shape(), options.stride,
                                    options.padding, "conv_transpose2d");
  return detail::conv_input_grad(x, w, bias, s, options.activation);
}

}  // namespace agon
