#pragma once

#include <agon/core/element.hpp>
#include <agon/core/parallel.hpp>
#include <agon/kernels/simd_loop.hpp>
#include <agon/kernels/simd_math.hpp>

#include <algorithm>
#include <cstdint>

#define AGON_KERNEL_BODY <agon/kernels/softmax-inl.hpp>
#include <agon/kernels/foreach_isa.hpp>

namespace agon::kernels::detail {

/// Rows of `cols` elements in one piece of work.
inline std::int64_t softmax_grain(std::int64_t cols) { return 8192 / std::max<std::int64_t>(cols, 1); }

}  // namespace agon::kernels::detail

namespace agon::kernels {
inline namespace AGON_BUILD {

/// y = softmax of each row of x [rows, cols], the row's maximum subtracted first. y may be x.
template <Real T>
void softmax(std::int64_t rows, std::int64_t cols, const T* x, T* y) {
  if (cols == 0) return;
  parallel_for(rows, detail::softmax_grain(cols), [&](std::int64_t first, std::int64_t last) {
    AGON_DISPATCH(softmax_rows(last - first, cols, x + first * cols, y + first * cols));
  });
}

/// dx = y (g - sum(g y)) for each row: the adjoint of softmax at its result y. dx may be y or g.
template <Real T>
void softmax_grad(std::int64_t rows, std::int64_t cols, const T* y, const T* g, T* dx) {
  parallel_for(rows, detail::softmax_grain(cols), [&](std::int64_t first, std::int64_t last) {
    AGON_DISPATCH(softmax_grad_rows(last - first, cols, y + first * cols, g + first * cols, dx + first * cols));
  });
}

/// y = x - log sum exp(x) for each row. y may be x.
template <Real T>
void log_softmax(std::int64_t rows, std::int64_t cols, const T* x, T* y) {
  if (cols == 0) return;
  parallel_for(rows, detail::softmax_grain(cols), [&](std::int64_t first, std::int64_t last) {
    AGON_DISPATCH(log_softmax_rows(last - first, cols, x + first * cols, y + first * cols));
  });
}

/// dx = g - exp(y) sum(g) for each row: the adjoint of log_softmax at its result y. dx may be y or g.
template <Real T>
void log_softmax_grad(std::int64_t rows, std::int64_t cols, const T* y, const T* g, T* dx) {
  parallel_for(rows, detail::softmax_grain(cols), [&](std::int64_t first, std::int64_t last) {
    AGON_DISPATCH(log_softmax_grad_rows(last - first, cols, y + first * cols, g + first * cols, dx + first * cols));
  });
}

}  // namespace AGON_BUILD
}  // namespace agon::kernels
