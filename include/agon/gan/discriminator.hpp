#pragma once

#include <agon/nn/conv.hpp>
#include <agon/nn/dense.hpp>
#include <agon/nn/self_attention.hpp>
#include <agon/ops/index.hpp>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace agon {

struct DiscriminatorOptions {
  enum class Head { sum_pool, flatten };

  std::int64_t classes = 10;     ///< number of labels
  std::int64_t image_size = 28;  ///< height and width
  std::int64_t image_channels = 1;
  std::vector<std::int64_t> channels{32, 96, 192};  ///< of the convolutions of stride 2
  double leak = 0.2;                                ///< slope of leaky_relu
  bool spectral_norm = true;                        ///< of every weight
  Head head = Head::sum_pool;
  int attention = 0;                       ///< index of the convolution that self-attention follows; -1 for none
  SelfAttentionOptions attention_block{};  ///< its channels and spectral_norm are filled in
  Init init = Init::xavier_uniform;
};

/// Conditional discriminator with projection (Miyato and Koyama 2018): images [n, h, w, c] and labels [n] give one
/// logit each, w^T h + b + <e_y, h>, with features h from convolutions of stride 2 (4x4 on even sizes, 3x3 on odd ones)
/// and leaky_relu, pooled by their sum or flattened. Has no batch norm, so images do not influence each other.
template <Real T>
class Discriminator : public Cloneable<Discriminator<T>, Module<T>> {
 public:
  Discriminator(const DiscriminatorOptions& options, Rng& rng) : options_(checked(options)) {
    auto in = options_.image_channels, size = options_.image_size;
    for (std::size_t i = 0; i < options_.channels.size(); ++i) {
      convs_.emplace_back(Conv2DOptions{.in_channels = in,
                                        .out_channels = options_.channels[i],
                                        .kernel_size = size % 2 == 0 ? 4 : 3,
                                        .stride = 2,
                                        .padding = 1,
                                        .activation = leaky_relu(options_.leak),
                                        .spectral_norm = options_.spectral_norm,
                                        .init = options_.init},
                          rng);
      in = options_.channels[i];
      size = (size + 1) / 2;
    }
    if (options_.attention >= 0) {
      auto block = options_.attention_block;
      block.channels = options_.channels[static_cast<std::size_t>(options_.attention)];
      block.spectral_norm = options_.spectral_norm;
      attention_.emplace(block, rng);
    }
    const auto features = options_.head == DiscriminatorOptions::Head::sum_pool ? in : in * size * size;
    output_.emplace(
        DenseOptions{
            .in_features = features, .out_features = 1, .spectral_norm = options_.spectral_norm, .init = options_.init},
        rng);
    labels_.emplace(DenseOptions{.in_features = features,
                                 .out_features = options_.classes,
                                 .bias = false,
                                 .spectral_norm = options_.spectral_norm,
                                 .init = Init::xavier_uniform},
                    rng);
  }

  /// Logits [n]. Throws ShapeError unless the images have the size that was set and there is a label for each.
  Tensor<T> forward(const Tensor<T>& images, const Tensor<std::int32_t>& labels, const Context& ctx = inference) const {
    const auto size = options_.image_size;
    check<ShapeError>(images.rank() == 4 && images.size(1) == size && images.size(2) == size &&
                          images.size(3) == options_.image_channels && labels.shape() == Shape{images.size(0)},
                      "Discriminator: images ", images.shape(), ", labels ", labels.shape(), "; expected [n, ", size,
                      ", ", size, ", ", options_.image_channels, "] and [n]");
    detail::check_indices(labels, options_.classes, "Discriminator: label");
    auto h = images;
    for (std::size_t i = 0; i < convs_.size(); ++i) {
      h = convs_[i](h, ctx);
      if (attention_ && options_.attention == static_cast<int>(i)) h = (*attention_)(h, ctx);
    }
    h = options_.head == DiscriminatorOptions::Head::sum_pool ? sum(h, {1, 2}) : reshape(h, {h.size(0), -1});
    // One product with w and the embeddings of all classes reads h once; then every image takes its own.
    const auto products = Dense<T>::side_by_side({&*output_, &*labels_}, h, ctx);  // [n, 1 + classes]
    auto own = empty<std::int64_t>(labels.shape());
    std::transform(labels.data().begin(), labels.data().end(), own.mutable_data().begin(),
                   [at = std::int64_t{1}, width = products.size(1)](std::int32_t label) mutable {
                     return std::exchange(at, at + width) + label;
                   });
    return reshape(slice(products, 1, 0, 1), {-1}) + take(products, own);
  }

  void fields(Fields<T>& v) override {
    for (std::size_t i = 0; i < convs_.size(); ++i) v.child("conv" + std::to_string(i), convs_[i]);
    if (attention_) v.child("attention", *attention_);
    v.child("output", *output_);
    v.child("labels", *labels_);
  }
  const DiscriminatorOptions& options() const { return options_; }

 private:
  static const DiscriminatorOptions& checked(const DiscriminatorOptions& o) {
    check(o.classes > 0 && o.image_size > 0 && o.image_channels > 0 && !o.channels.empty(), "Discriminator: classes ",
          o.classes, ", image_size ", o.image_size, ", ", o.channels.size(), " convolutions; expected all positive");
    check(o.attention >= -1 && o.attention < static_cast<int>(o.channels.size()),
          "Discriminator: attention after convolution ", o.attention, "; expected -1 (none) to ",
          o.channels.size() - 1);
    return o;
  }

  DiscriminatorOptions options_;
  std::vector<Conv2D<T>> convs_;
  std::optional<SelfAttention<T>> attention_;
  std::optional<Dense<T>> output_;
  std::optional<Dense<T>> labels_;  ///< the embeddings are its weight
};

}  // namespace agon
