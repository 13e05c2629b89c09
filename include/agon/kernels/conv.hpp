#pragma once

#include <agon/core/element.hpp>
#include <agon/kernels/conv_plan.hpp>
#include <agon/kernels/gemm.hpp>

#include <cstdint>

namespace agon::kernels {

/// Sizes of one 2-D convolution of images [n, h, w, c] with weights [o, kh, kw, c] into [n, oh, ow, o], where
/// oh = (h + 2 padding - kh) / stride + 1, rounded down, and ow likewise.
struct ConvShape {
  std::int64_t n, h, w, c;
  std::int64_t o, kh, kw;
  std::int64_t stride, padding;
  std::int64_t oh, ow;
};

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
