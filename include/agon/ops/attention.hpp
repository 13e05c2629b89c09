#pragma once

#include <agon/autograd/fused.hpp>
#include <agon/kernels/attention.hpp>
#include <agon/ops/compare.hpp>
#include <agon/ops/matmul.hpp>
#include <agon/ops/shape.hpp>
#include <agon/ops/softmax.hpp>

#include <array>
#include <cmath>
#include <cstddef>
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

/// Where an operand of attention stands: the features [first, first + count) of one of the inputs.
struct AttentionOperand {
  std::size_t input;
  std::int64_t first, count;
};

/// Queries, keys and values.
using AttentionOperands = std::array<AttentionOperand, 3>;

/// Attention over operands that are read, and whose gradients are written, in place. Together they must cover the
/// inputs.
template <Real T>
Tensor<T> attend(const std::vector<Tensor<T>>& inputs, const AttentionOperands& operands, const Tensor<bool>& mask,
                 const AttentionOptions& options) {
  // The shape's mask pointer belongs to the tensor it is made with: the backward kernel takes it from there.
  const auto shape_of = [operands, options](const std::vector<Tensor<T>>& in, const Tensor<bool>& m) {
    const auto narrow = [&](const AttentionOperand& at) { return in[at.input].shape().with(-1, at.count); };
    auto s = attention_shape<T>(narrow(operands[0]), narrow(operands[1]), narrow(operands[2]), m, options);
    s.ld_q = in[operands[0].input].size(-1);
    s.ld_k = in[operands[1].input].size(-1);
    s.ld_v = in[operands[2].input].size(-1);
    return s;
  };
  const auto pointer = [operands](auto span_of, std::size_t i) {
    return span_of(operands[i].input) + operands[i].first;
  };
  const auto s = shape_of(inputs, mask);
  auto o = empty<T>({s.batch, s.lq, s.heads * s.dv}), lse = empty<T>({s.batch, s.heads, s.lq});
  const auto read = [](const std::vector<Tensor<T>>& of) {
    return [&of](std::size_t i) { return of[i].data().data(); };
  };
  kernels::attention(s, pointer(read(inputs), 0), pointer(read(inputs), 1), pointer(read(inputs), 2),
                     o.mutable_data().data(), lse.mutable_data().data());
  const auto backward = [=](const FusedBackward<T>& f) -> Grads<T> {
    Grads<T> g;
    for (const auto& x : f.inputs) g.push_back(empty_like(x));
    const auto write = [&g](std::size_t i) { return g[i].mutable_data().data(); };
    const auto in = read(f.inputs);
    kernels::attention_backward(shape_of(f.inputs, f.template saved<bool>(1)), pointer(in, 0), pointer(in, 1),
                                pointer(in, 2), f.output.data().data(), f.template saved<T>(0).data().data(),
                                f.grad.data().data(), pointer(write, 0), pointer(write, 1), pointer(write, 2));
    return g;
  };
  const auto composite = [operands, heads = s.heads, causal = s.causal, scale = static_cast<double>(s.scale)](
                             const std::vector<Tensor<T>>& in, const std::vector<AnyTensor>& aux) {
    const auto operand = [&](std::size_t i) {
      const auto& at = operands[i];
      const auto& x = in[at.input];
      return at.count == x.size(-1) ? x : slice(x, -1, at.first, at.first + at.count);
    };
    return attention_composite(operand(0), operand(1), operand(2), std::get<Tensor<bool>>(aux[1]), heads, causal,
                               scale);
  };
  const auto second = [=](const Vjp<T>& f) -> Grads<T> {
    std::vector<Tensor<T>> in, cotangents;
    Grads<T> gradients;
    const auto inputs_of_f = static_cast<std::size_t>(f.input_count()) - 1;
    for (std::size_t i = 0; i <= inputs_of_f; ++i) {
      in.push_back(f.input(static_cast<int>(i)));
      gradients.push_back(empty_like(in.back()));
      if (i < inputs_of_f) cotangents.push_back(f.grad(static_cast<int>(i)));
    }
    const auto write = [&gradients](std::size_t i) { return gradients[i].mutable_data().data(); };
    const auto x = read(in), u = read(cotangents);
    kernels::attention_second<T>(shape_of(in, f.template aux<bool>(1)),
                                 {pointer(x, 0), pointer(x, 1), pointer(x, 2), f.template aux<T>(0).data().data(),
                                  in.back().data().data(), pointer(u, 0), pointer(u, 1), pointer(u, 2),
                                  pointer(write, 0), pointer(write, 1), pointer(write, 2), write(inputs_of_f)});
    return gradients;
  };
  return record_fused("attention", o, inputs, {lse, mask}, backward, composite, second);
}

}  // namespace detail

/// o = softmax(scale q k^T) v for each head: q [n, lq, heads dk], k [n, lk, heads dk], v [n, lk, heads dv] give
/// [n, lq, heads dv]. Heads are read in place and memory is linear in lq and lk. mask is absent or true where a query
/// may see a key: [lq, lk] or [n, lq, lk], 1 standing for every query. A query that sees no key gives zeros. Source:
/// Vaswani et al. 2017, eq. 1; tiling after Dao et al. 2022. Throws ShapeError when the sizes do not fit.
template <Real T>
Tensor<T> scaled_dot_product_attention(const Tensor<T>& q, const Tensor<T>& k, const Tensor<T>& v,
                                       const Tensor<bool>& mask = {}, const AttentionOptions& options = {}) {
  check<ShapeError>(q.rank() > 0 && k.rank() > 0 && v.rank() > 0, "scaled_dot_product_attention: q ", q.shape(), ", k ",
                    k.shape(), ", v ", v.shape(), "; expected [n, lq, heads dk], [n, lk, heads dk], [n, lk, heads dv]");
  return detail::attend<T>({q, k, v}, {{{0, 0, q.size(-1)}, {1, 0, k.size(-1)}, {2, 0, v.size(-1)}}}, mask, options);
}

/// The same with queries, keys and values in one tensor, as one product with a joint weight gives them: the features of
/// qkv [n, l, 2 key_features + heads dv] are all queries, then all keys (key_features = heads dk each), then all
/// values.
template <Real T>
Tensor<T> attention_qkv_packed(const Tensor<T>& qkv, std::int64_t key_features, const Tensor<bool>& mask = {},
                               const AttentionOptions& options = {}) {
  check<ShapeError>(qkv.rank() == 3 && key_features > 0 && qkv.size(2) / 2 >= key_features,
                    "attention_qkv_packed: ", qkv.shape(), " with key_features ", key_features,
                    "; expected [n, l, 2 key_features + heads dv]");
  return detail::attend<T>(
      {qkv},
      {{{0, 0, key_features}, {0, key_features, key_features}, {0, 2 * key_features, qkv.size(2) - 2 * key_features}}},
      mask, options);
}

/// The same with keys and values in one tensor: the features of kv [n, lk, heads (dk + dv)] are all keys, as many as
/// those of q [n, lq, heads dk], then all values.
template <Real T>
Tensor<T> attention_kv_packed(const Tensor<T>& q, const Tensor<T>& kv, const Tensor<bool>& mask = {},
                              const AttentionOptions& options = {}) {
  check<ShapeError>(q.rank() == 3 && kv.rank() == 3 && kv.size(2) >= q.size(2), "attention_kv_packed: q ", q.shape(),
                    ", kv ", kv.shape(), "; expected [n, lq, heads dk] and [n, lk, heads (dk + dv)]");
  const auto keys = q.size(2);
  return detail::attend<T>({q, kv}, {{{0, 0, keys}, {1, 0, keys}, {1, keys, kv.size(2) - keys}}}, mask, options);
}

}  // namespace agon
