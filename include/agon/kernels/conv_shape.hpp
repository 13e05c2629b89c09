#pragma once

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

}  // namespace agon::kernels
