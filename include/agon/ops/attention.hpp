#pragma once

#include <agon/autograd/fused.hpp>
#include <agon/kernels/attention.hpp>
#include <agon/ops/compare.hpp>
#include <agon/ops/matmul.hpp>
#include <agon/ops/shape.hpp>
#include <agon/ops/softmax.hpp>

#include <cmath>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

namespace agon {

struct AttentionOptions {
  std::int64_t heads = 1;
  bool causal = false;            ///< query i sees keys j <= i + lk - lq
  std::optional<double> scale{};  ///< of the scores; 1 / sqrt(size of a query head) when not given, 1 for none
};

namespace detail {

template <Real T>
kernels::AttentionShape<T> attention_shape(const Shape& q, const Shape& k, const Shape& v, const Tensor<bool>& mask,
                                           const AttentionOptions& options) {
  const auto h = options.heads;
  const bool fits =
      q.rank() == 3 && k.rank() == 3 && v.rank() == 3 && q[0] == k[0] && k[0] == v[0] && k[1] == v[1] && q[2] == k[2];
  check<ShapeError>(fits, "scaled_dot_product_attention: q ", q, ", k ", k, ", v ", v,
                    "; expected [n, lq, heads dk], [n, lk, heads dk], [n, lk, heads dv]");
  check<ShapeError>(h >= 1 && q[2] % h == 0 && v[2] % h == 0 && q[2] > 0 && v[2] > 0,
                    "scaled_dot_product_attention: ", h, " heads for feature sizes ", q[2], " and ", v[2],
                    "; expected a divisor of both");
  const auto dk = q[2] / h;
  const double scale = options.scale.value_or(1 / std::sqrt(static_cast<double>(dk)));
  kernels::AttentionShape<T> s{q[0],          h, q[1], k[1], dk, v[2] / h, q[2], k[2], v[2], static_cast<T>(scale),
                               options.causal};
  if (mask.defined()) {
    const auto& m = mask.shape();
    const bool matrix = m.rank() == 2 && (m[0] == 1 || m[0] == q[1]) && m[1] == k[1];
    const bool batch = m.rank() == 3 && m[0] == q[0] && (m[1] == 1 || m[1] == q[1]) && m[2] == k[1];
    check<ShapeError>(matrix || batch, "scaled_dot_product_attention: mask ", m,
                      "; expected [lq, lk], [n, lq, lk] or 1 "
                      "for lq, with lq = ",
                      q[1], ", lk = ", k[1], ", n = ", q[0]);
    s.mask = mask.data().data();
    s.mask_row = m[m.rank() - 2] == 1 ? 0 : k[1];
    s.mask_batch = batch ? m[1] * k[1] : 0;
  }
  return s;
}

/// The mask and the causal rule as one mask that broadcasts against scores [n, heads, lq, lk]; absent when neither is.
inline Tensor<bool> score_mask(const Tensor<bool>& mask, bool causal, std::int64_t lq, std::int64_t lk) {
  if (!mask.defined() && !causal) return {};
  const auto n = mask.defined() && mask.rank() == 3 ? mask.size(0) : 1;
  auto all = full<bool>({n, 1, lq, lk}, true);
  auto out = all.mutable_data();
  std::size_t position = 0;
  for (std::int64_t b = 0; b < n; ++b)
    for (std::int64_t i = 0; i < lq; ++i)
      for (std::int64_t j = 0; j < lk; ++j, ++position) {
        bool seen = !causal || j <= i + lk - lq;
        if (mask.defined()) {
          const auto rows = mask.size(-2);
          seen =
              seen &&
              mask.data()[static_cast<std::size_t>(((mask.rank() == 3 ? b : 0) * rows + (rows == 1 ? 0 : i)) * lk + j)];
        }
        out[position] = seen;
      }
  return all;
}

/// Attention in plain operations: materialises the probabilities, which go through `drop` (dropout, or nothing).
template <Real T, class Drop = std::identity>
Tensor<T> attention_composite(const Tensor<T>& q, const Tensor<T>& k, const Tensor<T>& v, const Tensor<bool>& mask,
                              std::int64_t heads, bool causal, double scale, const Drop& drop = {}) {
  const auto by_head = [heads](const Tensor<T>& t) {  // [n, l, heads d] -> [n, heads, l, d]
    return permute(reshape(t, {t.size(0), t.size(1), heads, t.size(2) / heads}), {0, 2, 1, 3});
  };
  auto scores = matmul(by_head(q), by_head(k), {.transpose_b = true}) * scale;  // [n, heads, lq, lk]
  const auto seen = score_mask(mask, causal, q.size(1), k.size(1));
  if (seen.defined()) scores = where(seen, scores, scalar<T>(-1e30f));
  auto p = softmax(scores);
  if (seen.defined()) p = where(seen, p, scalar<T>(0));
  const auto o = permute(matmul(drop(p), by_head(v)), {0, 2, 1, 3});  // [n, lq, heads, dv]
  return reshape(o, {q.size(0), q.size(1), v.size(2)});
}

}  // namespace detail

/// o = softmax(scale q k^T) v for each head: q [n, lq, heads dk], k [n, lk, heads dk], v [n, lk, heads dv] give
/// [n, lq, heads dv]. Heads are read in place and memory is linear in lq and lk. mask is absent or true where a query
/// may see a key: [lq, lk] or [n, lq, lk], 1 standing for every query. A query that sees no key gives zeros. Source:
/// Vaswani et al. 2017, eq. 1; tiling after Dao et al. 2022. Throws ShapeError when the sizes do not fit.
template <Real T>
Tensor<T> scaled_dot_product_attention(const Tensor<T>& q, const Tensor<T>& k, const Tensor<T>& v,
                                       const Tensor<bool>& mask = {}, const AttentionOptions& options = {}) {
  const auto s = detail::attention_shape<T>(q.shape(), k.shape(), v.shape(), mask, options);
  auto o = empty<T>({s.batch, s.lq, s.heads * s.dv}), lse = empty<T>({s.batch, s.heads, s.lq});
  kernels::attention(s, q.data().data(), k.data().data(), v.data().data(), o.mutable_data().data(),
                     lse.mutable_data().data());
  // The shape's mask pointer belongs to the tensor in aux, so the backward kernel takes it from there.
  const auto backward = [options](const FusedBackward<T>& f) -> Grads<T> {
    const auto& in = f.inputs;
    const auto shape =
        detail::attention_shape<T>(in[0].shape(), in[1].shape(), in[2].shape(), f.template saved<bool>(1), options);
    auto dq = empty_like(in[0]), dk = empty_like(in[1]), dv = empty_like(in[2]);
    kernels::attention_backward(shape, in[0].data().data(), in[1].data().data(), in[2].data().data(),
                                f.output.data().data(), f.template saved<T>(0).data().data(), f.grad.data().data(),
                                dq.mutable_data().data(), dk.mutable_data().data(), dv.mutable_data().data());
    return {dq, dk, dv};
  };
  const auto composite = [heads = s.heads, causal = s.causal, scale = static_cast<double>(s.scale)](
                             const std::vector<Tensor<T>>& in, const std::vector<AnyTensor>& aux) {
    return detail::attention_composite(in[0], in[1], in[2], std::get<Tensor<bool>>(aux[1]), heads, causal, scale);
  };
  return record_fused("attention", o, {q, k, v}, {lse, mask}, backward, composite);
}

}  // namespace agon
