#include "networks.hpp"

#include <agon/gan/presets.hpp>
#include <agon/io/grid.hpp>

#include <algorithm>

namespace trainer {

using namespace agon;

namespace {

// The block of a preset for another number of channels.
SelfAttentionOptions for_channels(SelfAttentionOptions block, std::int64_t channels) {
  block.key_channels = std::max<std::int64_t>(channels / 8, 8);
  block.value_channels = block.output_projection ? channels / 2 : channels;
  return block;
}

}  // namespace

GeneratorOptions generator_options(const NetworkOptions& options) {
  auto o = generator_preset(parse_size(options.size));
  if (options.norm == "conditional") {
    o.norm = GeneratorOptions::Norm::conditional;
    o.label_features = 0;
  } else {
    o.norm = options.norm == "none" ? GeneratorOptions::Norm::none : GeneratorOptions::Norm::batch;
    o.label_features = std::max(o.label_features, o.latent / 2);  // the only way for the label to come in
  }
  if (options.norm == "none") {  // as in R3GAN
    o.leak = 0.2;
    o.tanh_output = false;
  }
  // Maps of 7 x 7, 14 x 14, ...
  o.attention = !options.attention ? -1 : options.attention_at == 7 ? 0 : 1;
  if (options.attention)
    o.attention_block = for_channels(o.attention_block, o.channels[static_cast<std::size_t>(o.attention)]);
  return o;
}

DiscriminatorOptions discriminator_options(const NetworkOptions& options) {
  auto o = discriminator_preset(parse_size(options.size));
  o.spectral_norm = options.spectral_norm;
  // Maps of 14 x 14, 7 x 7, ...
  o.attention = !options.attention ? -1 : options.attention_at == 14 ? 0 : 1;
  if (options.attention)
    o.attention_block = for_channels(o.attention_block, o.channels[static_cast<std::size_t>(o.attention)]);
  return o;
}

double attention_gamma(const Module<float>& network) {
  for (const auto& field : network.list())
    if (field.name == "attention.gamma") return field.tensor.item();
  return 0;
}

Tensor<std::uint8_t> draw_grid(const Generator& generator, std::int64_t columns, std::uint64_t seed) {
  const NoGrad guard;
  const auto n = generator.options().classes * columns;
  auto labels = empty<std::int32_t>({n});
  auto label = labels.mutable_data().begin();
  for (std::int64_t i = 0; i < n; ++i) *label++ = static_cast<std::int32_t>(i / columns);
  Rng rng(seed, "grid");
  const auto z = normal<float>({n, generator.options().latent}, 0, 1, rng);
  return io::grid(generator.forward(z, labels), {.columns = columns, .scale = 2});
}

}  // namespace trainer
