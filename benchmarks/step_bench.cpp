// One training step, discriminator and generator, of each preset at batch 64. The arithmetic counted is 8 forward
// passes of the discriminator and 4 of the generator an image, the products of convolutions, dense layers and attention
// alone, those with padding included; a convolution after upsampling counts as the transposed one it is,
// and one that goes by Winograd's algorithm as the plain sum it stands for.

#include <agon/gan/average.hpp>
#include <agon/gan/presets.hpp>
#include <agon/gan/training.hpp>
#include <agon/optim/adam.hpp>

#include "peak.hpp"

namespace {

using agon::DiscriminatorOptions, agon::GeneratorOptions, agon::SelfAttentionOptions;

double attention_macs(const SelfAttentionOptions& o, std::int64_t channels, std::int64_t pixels) {
  const auto keys = pixels / (o.pool * o.pool), dk = o.key_channels, dv = o.value_channels;
  const auto projections = pixels * channels * (2 * dk + dv + (o.output_projection ? dv : 0));
  return static_cast<double>(projections + pixels * keys * (dk + dv));
}

double forward_macs(const GeneratorOptions& o) {
  std::int64_t size = o.start_size, macs = (o.latent + o.label_features) * size * size * o.channels[0];
  double attention = 0;
  if (o.residual_start) macs += size * size * 9 * o.channels[0] * o.channels[0];
  for (std::size_t i = 0; i < o.channels.size(); ++i) {
    if (o.attention == static_cast<int>(i)) attention = attention_macs(o.attention_block, o.channels[i], size * size);
    const bool head = i + 1 == o.channels.size();
    const auto weights = o.channels[i] * (head ? o.image_channels : o.channels[i + 1]);
    const bool grows = !head || o.head_upsamples;
    macs += size * size * (grows ? 16 : 9) * weights;
    size *= grows ? 2 : 1;
  }
  return static_cast<double>(macs) + attention;
}

double forward_macs(const DiscriminatorOptions& o) {
  std::int64_t size = o.image_size, in = o.image_channels, macs = 0;
  double attention = 0;
  for (std::size_t i = 0; i < o.channels.size(); ++i) {
    const std::int64_t kernel = size % 2 == 0 ? 4 : 3;
    size = (size + 1) / 2;
    macs += size * size * kernel * kernel * in * o.channels[i];
    in = o.channels[i];
    if (o.attention == static_cast<int>(i)) attention = attention_macs(o.attention_block, in, size * size);
  }
  return static_cast<double>(macs) + attention;
}

void step(benchmark::State& state, agon::Size size, int threads) {
  using namespace agon;
  constexpr std::int64_t batch = 64;
  Rng init_g(1, "init/G"), init_d(1, "init/D"), data(1, "data");
  Generator<float> g(generator_preset(size), init_g);
  Discriminator<float> d(discriminator_preset(size), init_d);
  auto average = g.clone();
  Adam<float> adam_g(g.parameters(), {.beta1 = 0, .beta2 = 0.9}), adam_d(d.parameters(), {.beta1 = 0, .beta2 = 0.9});
  Training<float, Generator<float>, Discriminator<float>> training(g, d, adam_g, adam_d, {});
  const auto images = uniform<float>({batch, 28, 28, 1}, -1, 1, data);
  const auto labels = randint<std::int32_t>({batch}, 10, data);

  const FlushDenormals flush;
  const double macs = 8 * forward_macs(d.options()) + 4 * forward_macs(g.options());
  bench::run(state, threads, 2 * static_cast<double>(batch) * macs, [&] {
    training.step(images, labels);
    average_model(average, g, 0.99);
  });
}

}  // namespace

int main(int argc, char** argv) {
  for (const auto size : {agon::Size::tiny, agon::Size::small, agon::Size::base, agon::Size::reference})
    bench::add("step/" + std::string(agon::size_names[static_cast<std::size_t>(size)]),
               [size](benchmark::State& state, int threads) { step(state, size, threads); });
  return bench::main(argc, argv);
}
