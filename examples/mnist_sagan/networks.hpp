#pragma once

#include "options.hpp"

#include <agon/gan/discriminator.hpp>
#include <agon/gan/generator.hpp>

namespace trainer {

using Generator = agon::Generator<float>;
using Discriminator = agon::Discriminator<float>;

/// The presets of agon/gan/presets.hpp with what the options change in them.
agon::GeneratorOptions generator_options(const NetworkOptions& options);
agon::DiscriminatorOptions discriminator_options(const NetworkOptions& options);

/// How much a network's self-attention adds, gamma; it starts at 0 and stays there without attention.
double attention_gamma(const agon::Module<float>& network);

/// A picture of `columns` digits of each kind from noise that depends on the seed alone, one row a digit.
agon::Tensor<std::uint8_t> draw_grid(const Generator& generator, std::int64_t columns, std::uint64_t seed);

}  // namespace trainer
