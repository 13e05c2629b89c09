#pragma once

#include <agon/nn/dense.hpp>
#include <agon/nn/module.hpp>
#include <agon/ops/attention.hpp>
#include <agon/ops/dropout.hpp>

#include <cmath>

namespace agon {

struct MultiHeadAttentionOptions {
  std::int64_t features = 0;        ///< required: size of queries and of the result
  std::int64_t heads = 1;           ///< divides features
  std::int64_t key_features = 0;    ///< size of the keys given; features when 0
  std::int64_t value_features = 0;  ///< size of the values given; features when 0
  bool bias = true;
  bool causal = false;
  double dropout = 0;  ///< on the attention probabilities, in training
  bool spectral_norm = false;
  Init init = Init::xavier_uniform;
};

/// Multi-head attention (Vaswani et al. 2017): W_o concat_h softmax(q_h k_h^T / sqrt(d)) v_h with q, k, v = W_q query,
/// W_k key, W_v value; query [n, lq, features], key and value [n, lk, ...], result [n, lq, features].
template <Real T>
class MultiHeadAttention : public LayerBase<MultiHeadAttention<T>, T> {
 public:
  MultiHeadAttention(const MultiHeadAttentionOptions& options, Rng& rng)
      : options_(completed(options)),
        query_(projection(options_.features), rng),
        key_(projection(options_.key_features), rng),
        value_(projection(options_.value_features), rng),
        output_(projection(options_.features), rng) {}

  /// Self-attention of x [n, l, features].
  Tensor<T> forward(const Tensor<T>& x, const Context& ctx = inference) const override {
    return attend(x, x, x, {}, ctx);
  }

  /// Attention of query over key and value. mask: absent, [lq, lk] or [n, lq, lk], true where a query may see a key.
  Tensor<T> attend(const Tensor<T>& query, const Tensor<T>& key, const Tensor<T>& value, const Tensor<bool>& mask = {},
                   const Context& ctx = inference) const {
    if (ctx.training && options_.dropout > 0) {
      check(ctx.rng != nullptr, "MultiHeadAttention: dropout without a random stream in the context");
      const auto q = query_(query, ctx), k = key_(key, ctx), v = value_(value, ctx);
      return output_(with_dropout(q, k, v, mask, *ctx.rng), ctx);
    }
    return output_(without_dropout(query, key, value, mask, ctx), ctx);
  }

  void fields(Fields<T>& v) override {
    v.child("query", query_);
    v.child("key", key_);
    v.child("value", value_);
    v.child("output", output_);
  }
  const MultiHeadAttentionOptions& options() const { return options_; }

 private:
  static MultiHeadAttentionOptions completed(MultiHeadAttentionOptions o) {
    check(o.features > 0 && o.heads > 0 && o.features % o.heads == 0, "MultiHeadAttention: features ", o.features,
          ", heads ", o.heads, "; expected features to be set and heads to divide them");
    check(o.dropout >= 0 && o.dropout < 1, "MultiHeadAttention: dropout ", o.dropout, "; expected 0 <= p < 1");
    if (o.key_features == 0) o.key_features = o.features;
    if (o.value_features == 0) o.value_features = o.features;
    return o;
  }
  DenseOptions projection(std::int64_t in) const {
    return {.in_features = in,
            .out_features = options_.features,
            .bias = options_.bias,
            .spectral_norm = options_.spectral_norm,
            .init = options_.init};
  }

  // What comes from the same tensor is one product.
  Tensor<T> without_dropout(const Tensor<T>& query, const Tensor<T>& key, const Tensor<T>& value,
                            const Tensor<bool>& mask, const Context& ctx) const {
    const AttentionOptions options{.heads = options_.heads, .causal = options_.causal};
    if (key.handle() != value.handle())
      return scaled_dot_product_attention(query_(query, ctx), key_(key, ctx), value_(value, ctx), mask, options);
    if (query.handle() == key.handle())
      return attention_qkv_packed(Dense<T>::side_by_side({&query_, &key_, &value_}, query, ctx), options_.features,
                                  mask, options);
    return attention_kv_packed(query_(query, ctx), Dense<T>::side_by_side({&key_, &value_}, key, ctx), mask, options);
  }

  // Dropout acts on the probabilities, which only the composite has.
  Tensor<T> with_dropout(const Tensor<T>& q, const Tensor<T>& k, const Tensor<T>& v, const Tensor<bool>& mask,
                         Rng& rng) const {
    detail::attention_shape<T>(q.shape(), k.shape(), v.shape(), mask, {.heads = options_.heads});
    const auto scale = 1 / std::sqrt(static_cast<double>(options_.features / options_.heads));
    const auto drop = [&](const Tensor<T>& p) { return dropout(p, options_.dropout, rng); };
    return detail::attention_composite(q, k, v, mask, options_.heads, options_.causal, scale, drop);
  }

  MultiHeadAttentionOptions options_;
  Dense<T> query_, key_, value_, output_;
};

}  // namespace agon
