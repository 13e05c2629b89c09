#pragma once

#include <agon/gan/discriminator.hpp>
#include <agon/gan/generator.hpp>

#include <algorithm>
#include <string_view>

namespace agon {

/// Sizes of the conditional attention GAN for 28 x 28 images. tiny is for tests and demonstrations, small the default,
/// base the larger one; reference is the network that the benchmarks race against other libraries.
enum class Size { tiny, small, base, reference };

inline constexpr std::string_view size_names[] = {"tiny", "small", "base", "reference"};

/// The size of that name. Throws Error listing the names.
inline Size parse_size(std::string_view name) {
  for (std::size_t i = 0; i < 4; ++i)
    if (size_names[i] == name) return static_cast<Size>(i);
  check(false, "size '", name, "'; expected tiny, small, base or reference");
  return Size::small;
}

namespace detail {

/// The released block of SAGAN with at least 8 key channels, or, for the reference network, the block of the paper.
inline SelfAttentionOptions attention_block(Size size, std::int64_t channels) {
  if (size == Size::reference)
    return {
        .key_channels = channels / 8, .value_channels = channels, .output_projection = false, .bias = true, .pool = 1};
  return {.key_channels = std::max<std::int64_t>(channels / 8, 8), .value_channels = channels / 2};
}

}  // namespace detail

inline GeneratorOptions generator_preset(Size size) {
  GeneratorOptions o;
  switch (size) {
    case Size::tiny:
      o.latent = 32;
      o.channels = {32, 16, 8};
      break;
    case Size::small:
      o.latent = 64;
      o.channels = {96, 48, 24};
      break;
    case Size::base:
      o.latent = 128;
      o.channels = {128, 64, 32};
      o.residual_start = true;
      break;
    case Size::reference:
      o.latent = 100;
      o.channels = {128, 64};
      o.norm = GeneratorOptions::Norm::batch;
      o.upsampling = GeneratorOptions::Upsampling::transposed;
      o.label_features = 10;
      o.head_upsamples = true;
      break;
  }
  o.attention_block = detail::attention_block(size, o.channels[1]);
  return o;
}

inline DiscriminatorOptions discriminator_preset(Size size) {
  DiscriminatorOptions o;
  switch (size) {
    case Size::tiny:
      o.channels = {16, 32, 64};
      break;
    case Size::small:
      o.channels = {32, 96, 192};
      break;
    case Size::base:
      o.channels = {64, 128, 256};
      break;
    case Size::reference:
      o.channels = {64, 128};
      o.head = DiscriminatorOptions::Head::flatten;
      break;
  }
  o.attention_block = detail::attention_block(size, o.channels[0]);
  return o;
}

}  // namespace agon
