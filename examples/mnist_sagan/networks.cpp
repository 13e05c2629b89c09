#include "networks.hpp"

#include <agon/data/pixels.hpp>
#include <agon/gan/presets.hpp>

#include <algorithm>

namespace trainer {

using namespace agon;

GeneratorOptions generator_options(const NetworkOptions& options) {
  const auto size = parse_size(options.size);
  auto o = generator_preset(size);
  if (options.norm == "conditional") {
    o.norm = GeneratorOptions::Norm::conditional;
    o.label_features = 0;
  } else {
    o.norm = options.norm == "none" ? GeneratorOptions::Norm::none : GeneratorOptions::Norm::batch;
    if (o.label_features == 0) o.label_features = o.latent / 2;  // the only way for the label to come in
  }
  if (options.norm == "none") {  // as in R3GAN
    o.leak = 0.2;
    o.tanh_output = false;
  }
  // Maps of 7 x 7, 14 x 14, ...
  o.attention = !options.attention ? -1 : options.attention_at == 7 ? 0 : 1;
  if (options.attention)
    o.attention_block = detail::attention_block(size, o.channels[static_cast<std::size_t>(o.attention)]);
  return o;
}

DiscriminatorOptions discriminator_options(const NetworkOptions& options) {
  const auto size = parse_size(options.size);
  auto o = discriminator_preset(size);
  o.spectral_norm = options.spectral_norm;
  // Maps of 14 x 14, 7 x 7, ...
  o.attention = !options.attention ? -1 : options.attention_at == 14 ? 0 : 1;
  if (options.attention)
    o.attention_block = detail::attention_block(size, o.channels[static_cast<std::size_t>(o.attention)]);
  return o;
}

double attention_gamma(const Module<float>& network) {
  for (const auto& field : network.list())
    if (field.name == "attention.gamma") return field.tensor.item();
  return 0;
}

Tensor<std::int32_t> repeated(const std::vector<std::int32_t>& digits, std::int64_t each) {
  auto labels = empty<std::int32_t>({static_cast<std::int64_t>(digits.size()) * each});
  auto label = labels.mutable_data().begin();
  for (const auto digit : digits) label = std::fill_n(label, each, digit);
  return labels;
}

Tensor<std::uint8_t> draw(const Generator& generator, const Tensor<std::int32_t>& labels, Rng& rng) {
  constexpr std::int64_t batch = 64;  // a usual batch of training, so that its buffers serve again
  const NoGrad guard;
  Tensor<std::uint8_t> images;
  for (std::int64_t first = 0, n = labels.numel(); first < n; first += batch) {
    const auto count = std::min(batch, n - first);
    const auto z = normal<float>({count, generator.options().latent}, 0, 1, rng);
    const auto pixels = to_pixels(generator.forward(z, labels.window({count}, first)));
    if (!images.defined()) images = empty<std::uint8_t>(pixels.shape().with(0, n));
    std::ranges::copy(pixels.data(), images.mutable_data().begin() + first * (pixels.numel() / count));
  }
  return images;
}

}  // namespace trainer
