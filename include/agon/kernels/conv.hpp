#pragma once

#include <agon/core/element.hpp>
#include <agon/kernels/conv_plan.hpp>
#include <agon/kernels/conv_shape.hpp>
#include <agon/kernels/conv_winograd.hpp>
#include <agon/kernels/gemm.hpp>

#include <cstdint>

namespace agon::kernels {
inline namespace AGON_BUILD {

/// y = activation(conv(x, w) + bias); bias has o values. Cross-correlation, as everywhere in the field.
template <Real T>
void conv2d(const ConvShape& shape, const T* x, const T* w, T* y, const Epilogue<T>& epilogue = {});

/// The adjoint of conv2d in x: x[n, h, w, c] = sum of g[n, oh, ow, o] w over the windows that cover the pixel. It is
/// also the transposed convolution, hence the epilogue (bias has c values).
template <Real T>
void conv2d_input_grad(const ConvShape& shape, const T* g, const T* w, T* x, const Epilogue<T>& epilogue = {});

/// The adjoint of conv2d in w: w[o, kh, kw, c] = sum over n, oh, ow of g[n, oh, ow, o] x[n, window, c].
template <Real T>
void conv2d_weight_grad(const ConvShape& shape, const T* x, const T* g, T* w);

}  // namespace AGON_BUILD
}  // namespace agon::kernels

#define AGON_KERNEL_BODY <agon/kernels/conv-inl.hpp>
#include <agon/kernels/foreach_isa.hpp>

#include <agon/kernels/conv_driver.hpp>
