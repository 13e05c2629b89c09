#include "session.hpp"

namespace trainer {

using namespace agon;

namespace {

Generator make_generator(const TrainOptions& options) {
  Rng rng(options.seed, "init/G");
  return Generator(generator_options(options.networks), rng);
}

Discriminator make_discriminator(const TrainOptions& options) {
  Rng rng(options.seed, "init/D");
  return Discriminator(discriminator_options(options.networks), rng);
}

AdamOptions adam(const TrainOptions& options, double lr) {
  return {.lr = lr, .beta1 = options.beta1, .beta2 = options.beta2};
}

TrainingOptions objective(const TrainOptions& options) {
  const auto& p = options.penalty;
  return {.loss = parse_loss(options.loss),
          .r1 = p == "r1" || p == "r1r2" ? options.gamma : 0,
          .r2 = p == "r2" || p == "r1r2" ? options.gamma : 0,
          .gradient_penalty = p == "wgan-gp" ? options.gamma : 0,
          .critic_steps = options.critic_steps,
          .seed = options.seed};
}

}  // namespace

Session::Session(const TrainOptions& options, const ImageDataset& data)
    : generator(make_generator(options)),
      discriminator(make_discriminator(options)),
      average(generator.clone()),
      g_optimizer(generator.parameters(), adam(options, options.lr_g)),
      d_optimizer(discriminator.parameters(), adam(options, options.lr_d)),
      loader(data, {.batch_size = options.batch, .translation = options.translation, .seed = options.seed}),
      training(generator, discriminator, g_optimizer, d_optimizer, objective(options)) {
  average.requires_grad_(false);
}

State Session::state() const {
  State state;
  state.insert("generator", generator.state());
  state.insert("discriminator", discriminator.state());
  state.insert("average", average.state());
  state.insert("g_optimizer", g_optimizer.state());
  state.insert("d_optimizer", d_optimizer.state());
  state.insert("loader", loader.state());
  state.insert("training", training.state());
  state.set("step", step);
  state.set("skipped", skipped);
  return state;
}

void Session::load(const State& state) {
  generator.load(state.sub("generator"));
  discriminator.load(state.sub("discriminator"));
  average.load(state.sub("average"));
  g_optimizer.load(state.sub("g_optimizer"));
  d_optimizer.load(state.sub("d_optimizer"));
  loader.load(state.sub("loader"));
  training.load(state.sub("training"));
  step = state.integer("step");
  skipped = state.integer("skipped");
  check(step >= 0 && skipped >= 0, "step ", step, ", skipped ", skipped, "; expected 0 or more");
}

}  // namespace trainer
