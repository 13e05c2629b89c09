#pragma once

#include <agon/core/element.hpp>
#include <agon/core/parallel.hpp>
#include <agon/core/workspace.hpp>
#include <agon/kernels/gemm_plan.hpp>
#include <agon/kernels/tile.hpp>
#include <agon/kernels/view.hpp>

#include <cstdint>

namespace agon::kernels {
inline namespace AGON_BUILD {

/// C = activation(addend + op(A) op(B) + bias) with op the identity or the transpose. C is [m, n]; op(A) is [m, k],
/// op(B) [k, n]; A and B are given as stored. K = 0 gives zeros (plus addend and bias). Every row-stride is allowed.
template <Real T>
void gemm(MatView<const T> a, bool transpose_a, MatView<const T> b, bool transpose_b, MatView<T> c,
          const Epilogue<T>& epilogue = {});

/// Whether a sum over k is made in one piece, so that accumulating it has the bits of adding it to C afterwards.
constexpr bool adds_at_once(std::int64_t k) { return k <= detail::max_depth; }

/// `batch` independent products; the operands of product i start i * stride elements further.
template <Real T>
void gemm_batched(std::int64_t batch, MatView<const T> a, std::int64_t stride_a, bool transpose_a, MatView<const T> b,
                  std::int64_t stride_b, bool transpose_b, MatView<T> c, std::int64_t stride_c,
                  const Epilogue<T>& epilogue = {});

}  // namespace AGON_BUILD
}  // namespace agon::kernels

#define AGON_KERNEL_BODY <agon/kernels/gemm_dots-inl.hpp>
#include <agon/kernels/foreach_isa.hpp>
#define AGON_KERNEL_BODY <agon/kernels/gemm_rows-inl.hpp>
#include <agon/kernels/foreach_isa.hpp>
#define AGON_KERNEL_BODY <agon/kernels/gemm-inl.hpp>
#include <agon/kernels/foreach_isa.hpp>

#include <agon/kernels/gemm_driver.hpp>
