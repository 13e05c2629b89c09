#pragma once

#include <cstdint>

namespace agon {

/// A row-major matrix somewhere in memory: element (i, j) is data[i * ld + j]. Kernels see tensors through it, so heads
/// inside [N, L, H * d] are read in place.
template <class T>
struct MatView {
  T* data;
  std::int64_t rows;
  std::int64_t cols;
  std::int64_t ld;

  operator MatView<const T>() const { return {data, rows, cols, ld}; }
};

}  // namespace agon
