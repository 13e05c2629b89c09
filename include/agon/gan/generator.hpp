#pragma once

#include <agon/nn/conv.hpp>
#include <agon/nn/dense.hpp>
#include <agon/nn/embedding.hpp>
#include <agon/nn/norm.hpp>
#include <agon/nn/self_attention.hpp>
#include <agon/ops/pool.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace agon {

struct GeneratorOptions {
  enum class Norm { none, batch, conditional };
  enum class Upsampling {
    nearest,    ///< nearest-neighbour, then a 3x3 convolution
    transposed  ///< transposed 4x4 convolution of stride 2
  };

  std::int64_t latent = 64;                        ///< size of z
  std::int64_t classes = 10;                       ///< number of labels
  std::int64_t start_size = 7;                     ///< height and width of the first feature map
  std::vector<std::int64_t> channels{96, 48, 24};  ///< of the feature maps, each twice as large as the one before
  std::int64_t image_channels = 1;
  Norm norm = Norm::conditional;  ///< before each convolution; the last one is a plain batch norm
  Upsampling upsampling = Upsampling::nearest;
  std::int64_t label_features = 0;  ///< size of a label embedding that joins z; 0 for none
  bool residual_start = false;      ///< a residual 3x3 convolution on the first feature map
  bool head_upsamples = false;      ///< the last layer is a transposed convolution that doubles the size once more
  double leak = 0;                  ///< slope of leaky_relu; relu when 0
  bool tanh_output = true;          ///< images in [-1, 1]; unbounded otherwise
  int attention = 1;                ///< index in `channels` of the map that self-attention follows; -1 for none
  SelfAttentionOptions attention_block{};  ///< its channels are filled in
  Init init = Init::xavier_uniform;
};

/// Conditional image generator: z [n, latent] and labels [n] give images [n, h, w, image_channels].
/// A dense layer makes the first feature map; every further map is norm, activation, upsampling; then norm, activation
/// and the last convolution to the image. Labels enter through conditional norms or an embedding that joins z.
template <Real T>
class Generator : public Cloneable<Generator<T>, Module<T>> {
 public:
  Generator(const GeneratorOptions& options, Rng& rng)
      : options_(checked(options)),
        activation_(options.leak > 0 ? leaky_relu(options.leak) : relu()),
        start_(start(rng)) {
    const auto& c = options_.channels;
    const bool plain_bias = options_.norm == GeneratorOptions::Norm::none;
    if (options_.label_features > 0)
      labels_.emplace(
          EmbeddingOptions{.count = options_.classes, .features = options_.label_features, .init = Init::xavier_normal},
          rng);
    if (options_.residual_start) {
      residual_norm_ = norm(c[0], options_.norm);
      residual_.emplace(Conv2DOptions{.in_channels = c[0],
                                      .out_channels = c[0],
                                      .kernel_size = 3,
                                      .padding = 1,
                                      .bias = plain_bias,
                                      .init = options_.init},
                        rng);
    }
    for (std::size_t i = 0; i + 1 < c.size(); ++i) {
      norms_.push_back(norm(c[i], options_.norm));
      ups_.push_back(upsampling(c[i], c[i + 1], true, rng));
    }
    if (options_.attention >= 0) {
      auto block = options_.attention_block;
      block.channels = c[static_cast<std::size_t>(options_.attention)];
      attention_.emplace(block, rng);
    }
    const auto last = options_.norm == GeneratorOptions::Norm::none ? options_.norm : GeneratorOptions::Norm::batch;
    norms_.push_back(norm(c.back(), last));
    head_ = head(c.back(), rng);
  }

  /// Throws ShapeError unless z is [n, latent] and there are n labels within [0, classes).
  Tensor<T> forward(const Tensor<T>& z, const Tensor<std::int32_t>& labels, const Context& ctx = inference) const {
    check<ShapeError>(z.rank() == 2 && z.size(1) == options_.latent && labels.shape() == Shape{z.size(0)},
                      "Generator: z ", z.shape(), ", labels ", labels.shape(), "; expected [n, ", options_.latent,
                      "] and [n]");
    detail::check_indices(labels, options_.classes, "Generator: label");
    const auto code = labels_ ? concat<T>({z, labels_->forward(labels, ctx)}, 1) : z;
    auto h = reshape(start_(code, ctx), {z.size(0), options_.start_size, options_.start_size, options_.channels[0]});
    if (residual_) h = h + (*residual_)(normalized(residual_norm_, h, labels, ctx), ctx);
    for (std::size_t i = 0; i < ups_.size(); ++i) {
      if (attention_ && options_.attention == static_cast<int>(i)) h = (*attention_)(h, ctx);
      h = normalized(norms_[i], h, labels, ctx);
      h = ups_[i]->forward(h, ctx);
    }
    if (attention_ && options_.attention == static_cast<int>(ups_.size())) h = (*attention_)(h, ctx);
    return head_->forward(normalized(norms_.back(), h, labels, ctx), ctx);
  }

  void fields(Fields<T>& v) override {
    if (labels_) v.child("labels", *labels_);
    v.child("start", start_);
    if (residual_) {
      if (residual_norm_.module()) v.child("residual_norm", *residual_norm_.module());
      v.child("residual", *residual_);
    }
    for (std::size_t i = 0; i < norms_.size(); ++i)
      if (norms_[i].module()) v.child("norm" + std::to_string(i), *norms_[i].module());
    for (std::size_t i = 0; i < ups_.size(); ++i) v.child("up" + std::to_string(i), *ups_[i]);
    if (attention_) v.child("attention", *attention_);
    v.child("head", *head_);
  }
  const GeneratorOptions& options() const { return options_; }

 private:
  // A plain or a conditional batch norm with the activation, or the activation alone.
  struct NormSlot {
    std::unique_ptr<BatchNorm<T>> plain;
    std::unique_ptr<ConditionalBatchNorm<T>> conditional;
    Module<T>* module() const {
      return plain ? static_cast<Module<T>*>(plain.get()) : static_cast<Module<T>*>(conditional.get());
    }
  };

  static const GeneratorOptions& checked(const GeneratorOptions& o) {
    check(o.latent > 0 && o.classes > 0 && o.start_size > 0 && !o.channels.empty() && o.image_channels > 0,
          "Generator: latent ", o.latent, ", classes ", o.classes, ", start_size ", o.start_size, ", ",
          o.channels.size(), " feature maps; expected all positive");
    check(o.leak >= 0, "Generator: leak ", o.leak, "; expected 0 (relu) or a positive slope");
    check(o.attention >= -1 && o.attention < static_cast<int>(o.channels.size()), "Generator: attention after map ",
          o.attention, "; expected -1 (none) to ", o.channels.size() - 1);
    return o;
  }

  Dense<T> start(Rng& rng) const {
    return Dense<T>({.in_features = options_.latent + options_.label_features,
                     .out_features = options_.start_size * options_.start_size * options_.channels[0],
                     .init = options_.init},
                    rng);
  }

  NormSlot norm(std::int64_t features, GeneratorOptions::Norm kind) const {
    NormSlot slot;
    if (kind == GeneratorOptions::Norm::batch)
      slot.plain = std::make_unique<BatchNorm<T>>(BatchNormOptions{.features = features, .activation = activation_});
    if (kind == GeneratorOptions::Norm::conditional)
      slot.conditional = std::make_unique<ConditionalBatchNorm<T>>(
          ConditionalBatchNormOptions{.features = features, .classes = options_.classes, .activation = activation_});
    return slot;
  }

  Tensor<T> normalized(const NormSlot& slot, const Tensor<T>& x, const Tensor<std::int32_t>& labels,
                       const Context& ctx) const {
    if (slot.plain) return slot.plain->forward(x, ctx);
    if (slot.conditional) return slot.conditional->forward(x, labels, ctx);
    return activate(x, activation_);
  }

  std::unique_ptr<Layer<T>> upsampling(std::int64_t in, std::int64_t out, bool bias, Rng& rng) const {
    Conv2DOptions o{.in_channels = in, .out_channels = out, .padding = 1, .bias = bias, .init = options_.init};
    if (options_.upsampling == GeneratorOptions::Upsampling::nearest) {
      o.kernel_size = 3;
      o.upsample = 2;
      return std::make_unique<Conv2D<T>>(o, rng);
    }
    o.kernel_size = 4;
    o.stride = 2;
    return std::make_unique<ConvTranspose2D<T>>(o, rng);
  }

  std::unique_ptr<Layer<T>> head(std::int64_t in, Rng& rng) const {
    Conv2DOptions o{.in_channels = in,
                    .out_channels = options_.image_channels,
                    .kernel_size = 3,
                    .padding = 1,
                    .activation = options_.tanh_output ? tanh() : Activation{},
                    .init = options_.init};
    if (!options_.head_upsamples) return std::make_unique<Conv2D<T>>(o, rng);
    o.kernel_size = 4;
    o.stride = 2;
    return std::make_unique<ConvTranspose2D<T>>(o, rng);
  }

  GeneratorOptions options_;
  Activation activation_;
  Dense<T> start_;
  std::optional<Embedding<T>> labels_;
  NormSlot residual_norm_;
  std::optional<Conv2D<T>> residual_;
  std::vector<NormSlot> norms_;
  std::vector<std::unique_ptr<Layer<T>>> ups_;
  std::optional<SelfAttention<T>> attention_;
  std::unique_ptr<Layer<T>> head_;
};

}  // namespace agon
