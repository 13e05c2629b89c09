#pragma once

#include <agon/ops/conv.hpp>
#include <agon/ops/matmul.hpp>
#include <agon/ops/shape.hpp>

#include <cstdint>

namespace agon {

/// Options of upsample_conv2d.
struct UpsampleConvOptions {
  std::int64_t factor = 2;   ///< every pixel becomes factor x factor pixels first
  std::int64_t padding = 0;  ///< zeros on each side of the upsampled images, less than the kernel
  Activation activation{};
};

namespace detail {

/// Each pixel covers `factor` upsampled ones, so tap d of the kernel meets it at k - 1 - d + r, 0 <= r < factor, of the
/// transposed convolution: [size^2, k^2], size = k + factor - 1.
template <Real T>
Tensor<T> spread_taps(std::int64_t kh, std::int64_t kw, std::int64_t factor) {
  const auto rows = kh + factor - 1, cols = kw + factor - 1;
  auto spread = zeros<T>({rows * cols, kh * kw});
  const auto out = spread.mutable_data();
  for (std::int64_t y = 0; y < kh; ++y)
    for (std::int64_t x = 0; x < kw; ++x)
      for (std::int64_t r = 0; r < factor; ++r)
        for (std::int64_t q = 0; q < factor; ++q) {
          const auto row = (kh - 1 - y + r) * cols + kw - 1 - x + q;
          out[static_cast<std::size_t>(row * kh * kw + y * kw + x)] = T(1);
        }
  return spread;
}

}  // namespace detail

/// conv2d(upsample_nearest2d(x, factor), w, bias, {.padding, .activation}) as one transposed convolution of stride
/// `factor`, whose kernel holds sums of the taps of w: for a factor of 2 and k = 3 it takes 4/9 of the products, and
/// the upsampled images are never made. x [n, h, w, in], w [out, kh, kw, in], y [n, oh, ow, out] with oh = factor h + 2
/// padding - kh + 1. Sums of taps are rounded once more than the two operations do.
/// Throws ShapeError when the sizes do not fit.
template <Real T>
Tensor<T> upsample_conv2d(const Tensor<T>& x, const Tensor<T>& w, const Tensor<T>& bias = {},
                          const UpsampleConvOptions& options = {}) {
  const auto factor = options.factor, padding = options.padding;
  check<ShapeError>(x.rank() == 4 && w.rank() == 4 && x.size(3) == w.size(3), "upsample_conv2d: images ", x.shape(),
                    " and weight ", w.shape(), "; expected [n, h, w, in] and [out, kh, kw, in]");
  const auto out = w.size(0), kh = w.size(1), kw = w.size(2), in = w.size(3);
  check<ShapeError>(factor >= 1 && kh >= 1 && kh == kw && padding >= 0 && padding < kh, "upsample_conv2d: weight ",
                    w.shape(), ", factor ", factor, ", padding ", padding,
                    "; expected a square kernel, factor >= 1 and 0 <= padding < kernel size");
  const auto size = [&](int axis) {
    return detail::multiply_sizes(x.size(axis), factor, "upsample_conv2d") + 2 * padding - kh + 1;
  };
  check<ShapeError>(x.size(1) > 0 && x.size(2) > 0 && size(1) > 0 && size(2) > 0, "upsample_conv2d: weight ", w.shape(),
                    " does not fit into images ", x.shape(), " upsampled by ", factor, " with padding ", padding);
  const auto taps = reshape(matmul(detail::spread_taps<T>(kh, kw, factor), reshape(w, {out, kh * kw, in})),
                            {out, kh + factor - 1, kw + factor - 1, in});
  return conv_transpose2d(x, permute(taps, {3, 1, 2, 0}), bias,
                          {.stride = factor, .padding = kh - 1 - padding, .activation = options.activation});
}

}  // namespace agon
