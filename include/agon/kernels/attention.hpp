#pragma once

#include <agon/core/element.hpp>
#include <agon/core/parallel.hpp>
#include <agon/core/workspace.hpp>
#include <agon/kernels/gemm_plan.hpp>
#include <agon/kernels/tile.hpp>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <numbers>

namespace agon::kernels {

/// Sizes and operands of attention over `batch` sequences and `heads` heads. Row i of head h of sequence b of q starts
/// at q[(b * lq + i) * ld_q + h * dk]; k likewise with lk; v with lk and dv. Position i attends to j if mask (where
/// given) is true at mask[b * mask_batch + i * mask_row + j], and if causal then only for j <= i + lk - lq.
template <Real T>
struct AttentionShape {
  std::int64_t batch, heads, lq, lk, dk, dv;
  std::int64_t ld_q, ld_k, ld_v;
  T scale;
  bool causal = false;
  const bool* mask = nullptr;
  std::int64_t mask_batch = 0, mask_row = 0;
};

/// Operands and results of attention_second. a, b, c are the cotangents of dq, dk, dv and lie like them; dg is the
/// gradient for g, contiguous like it; dq, dk and dv are those for q, k and v.
template <Real T>
struct AttentionSecond {
  const T *q, *k, *v, *lse, *g, *a, *b, *c;
  T *dq, *dk, *dv, *dg;
};

inline namespace AGON_BUILD {

/// o = softmax(scale q k^T) v per head, tiled with a running softmax, so that memory is linear in lq and lk.
/// o has rows of heads * dv like [batch, lq, heads * dv]; lse[batch, heads, lq] receives the log-sum-exp of each row.
/// A row that sees no key gives zeros; its lse is set to 0.
template <Real T>
void attention(const AttentionShape<T>& shape, const T* q, const T* k, const T* v, T* o, T* lse);

/// Gradients of attention with respect to q, k and v for the upstream gradient g of o; recomputes the probabilities
/// from lse. dq, dk and dv lie as q, k and v do, and every row of theirs is written.
template <Real T>
void attention_backward(const AttentionShape<T>& shape, const T* q, const T* k, const T* v, const T* o, const T* lse,
                        const T* g, T* dq, T* dk, T* dv);

/// The derivative of attention_backward: gradients of <a, dq> + <b, dk> + <c, dv> with respect to q, k, v and g. Memory
/// is linear in lq and lk.
template <Real T>
void attention_second(const AttentionShape<T>& shape, const AttentionSecond<T>& x);

}  // namespace AGON_BUILD
}  // namespace agon::kernels

#define AGON_KERNEL_BODY <agon/kernels/attention_scores-inl.hpp>
#include <agon/kernels/foreach_isa.hpp>
#define AGON_KERNEL_BODY <agon/kernels/attention_products-inl.hpp>
#include <agon/kernels/foreach_isa.hpp>
#define AGON_KERNEL_BODY <agon/kernels/attention-inl.hpp>
#include <agon/kernels/foreach_isa.hpp>
#define AGON_KERNEL_BODY <agon/kernels/attention_backward-inl.hpp>
#include <agon/kernels/foreach_isa.hpp>
#define AGON_KERNEL_BODY <agon/kernels/attention_second-inl.hpp>
#include <agon/kernels/foreach_isa.hpp>

#include <agon/kernels/attention_driver.hpp>
