#pragma once

#include <agon/nn/dense.hpp>
#include <agon/nn/module.hpp>
#include <agon/ops/arithmetic.hpp>
#include <agon/ops/attention.hpp>
#include <agon/ops/pool.hpp>

#include <algorithm>
#include <optional>

namespace agon {

struct SelfAttentionOptions {
  std::int64_t channels = 0;        ///< required
  std::int64_t key_channels = 0;    ///< of queries and keys; max(channels / 8, 1) when 0
  std::int64_t value_channels = 0;  ///< of values; max(channels / 2, 1) when 0, channels without output projection
  bool output_projection = true;    ///< a 1x1 convolution from the values' channels back
  bool bias = false;                ///< of the 1x1 convolutions
  std::int64_t pool = 2;            ///< keys and values are max-pooled by this factor; 1 for none
  bool spectral_norm = false;
  Init init = Init::xavier_uniform;
};

/// Self-attention over the pixels of images x [n, h, w, c] (Zhang et al. 2019, SAGAN):
/// y = x + gamma W_o softmax(q k^T) v, q = W_q x at every pixel, k and v = W_k x, W_v x max-pooled; no scaling of the
/// scores; gamma starts at 0. The defaults are the released code's block, which differs from the paper's text; the
/// paper's is {.value_channels = c, .output_projection = false, .bias = true, .pool = 1}.
template <Real T>
class SelfAttention : public LayerBase<SelfAttention<T>, T> {
 public:
  SelfAttention(const SelfAttentionOptions& options, Rng& rng)
      : options_(completed(options)),
        query_(projection(options_.channels, options_.key_channels), rng),
        key_(projection(options_.channels, options_.key_channels), rng),
        value_(projection(options_.channels, options_.value_channels), rng),
        gamma_(zeros<T>({1})) {
    if (options_.output_projection) output_.emplace(projection(options_.value_channels, options_.channels), rng);
    gamma_.requires_grad_();
  }

  Tensor<T> forward(const Tensor<T>& x, const Context& ctx = inference) const override {
    check<ShapeError>(x.rank() == 4 && x.size(3) == options_.channels, "SelfAttention: images ", x.shape(),
                      "; expected [n, h, w, ", options_.channels, "]");
    const auto tokens = [](const Tensor<T>& t) { return reshape(t, {t.size(0), t.size(1) * t.size(2), t.size(3)}); };
    // Where what comes out is linear in them, gamma goes with the last weights, far smaller than the result. The
    // maximum of pooling is not linear.
    const auto attend = [&] {
      if (options_.pool == 1)
        return attention_qkv_packed(
            tokens(Dense<T>::side_by_side({&query_, &key_, &value_}, x, ctx, output_ ? Tensor<T>() : gamma_)),
            options_.key_channels, {}, {.scale = 1.0});
      const auto kv = Dense<T>::side_by_side({&key_, &value_}, x, ctx);
      return attention_kv_packed(tokens(query_(x, ctx)), tokens(max_pool2d(kv, {.kernel_size = options_.pool})), {},
                                 {.scale = 1.0});
    };
    const auto o = attend();
    if (output_) return reshape(Dense<T>::side_by_side({&*output_}, o, ctx, gamma_, tokens(x)), x.shape());
    return x + reshape(options_.pool > 1 ? o * gamma_ : o, x.shape());
  }

  void fields(Fields<T>& v) override {
    v.child("query", query_);
    v.child("key", key_);
    v.child("value", value_);
    if (output_) v.child("output", *output_);
    v.parameter("gamma", gamma_);
  }
  const SelfAttentionOptions& options() const { return options_; }

 private:
  static SelfAttentionOptions completed(SelfAttentionOptions o) {
    check(o.channels > 0 && o.pool >= 1, "SelfAttention: channels ", o.channels, ", pool ", o.pool,
          "; expected channels to be set and pool to be at least 1");
    if (o.key_channels == 0) o.key_channels = std::max<std::int64_t>(o.channels / 8, 1);
    if (o.value_channels == 0)
      o.value_channels = o.output_projection ? std::max<std::int64_t>(o.channels / 2, 1) : o.channels;
    check(o.output_projection || o.value_channels == o.channels, "SelfAttention: value_channels ", o.value_channels,
          " without output projection; expected ", o.channels);
    return o;
  }
  DenseOptions projection(std::int64_t in, std::int64_t out) const {
    return {.in_features = in,
            .out_features = out,
            .bias = options_.bias,
            .spectral_norm = options_.spectral_norm,
            .init = options_.init};
  }

  SelfAttentionOptions options_;
  Dense<T> query_, key_, value_;
  std::optional<Dense<T>> output_;
  Tensor<T> gamma_;
};

}  // namespace agon
