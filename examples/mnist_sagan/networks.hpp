#pragma once

#include "options.hpp"

#include <agon/gan/discriminator.hpp>
#include <agon/gan/generator.hpp>

#include <cstdint>
#include <vector>

namespace trainer {

using Generator = agon::Generator<float>;
using Discriminator = agon::Discriminator<float>;

/// The presets of agon/gan/presets.hpp with what the options change in them.
agon::GeneratorOptions generator_options(const NetworkOptions& options);
agon::DiscriminatorOptions discriminator_options(const NetworkOptions& options);

/// How much a network's self-attention adds, gamma; it starts at 0 and stays there without attention.
double attention_gamma(const agon::Module<float>& network);

/// Labels [digits * each]: each digit `each` times, in the order given.
agon::Tensor<std::int32_t> repeated(const std::vector<std::int32_t>& digits, std::int64_t each);

/// Images [n, h, w, 1] of the digits `labels` [n] from noise out of `rng`.
agon::Tensor<std::uint8_t> draw(const Generator& generator, const agon::Tensor<std::int32_t>& labels, agon::Rng& rng);

}  // namespace trainer
