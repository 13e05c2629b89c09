#pragma once

// A complete training run of a small network on random images, for the tests of the training loop.

#include <agon/gan/average.hpp>
#include <agon/gan/presets.hpp>
#include <agon/gan/training.hpp>
#include <agon/optim/adam.hpp>

#include "catch.hpp"

#include <cstring>
#include <vector>

namespace run {

using namespace agon;

// Networks, optimisers and training of the tiny preset, all from one seed.
template <Real T = float>
class Run {
 public:
  explicit Run(const TrainingOptions& options = {}, double lr = 1e-3) : Run(options, lr, Rng(options.seed, "init")) {}

  // One step on the images that belong to its number.
  StepReport step() {
    Rng rng(99, "images/" + std::to_string(steps_++));
    const auto images = uniform<T>({8, 28, 28, 1}, -1, 1, rng);
    return training.step(images, randint<std::int32_t>({8}, 10, rng));
  }
  void steps(int count) {
    for (int i = 0; i < count; ++i) step();
  }

  // All a resumed run needs.
  State state() const {
    State state;
    state.insert("G", g.state());
    state.insert("D", d.state());
    state.insert("g_optimizer", g_optimizer.state());
    state.insert("d_optimizer", d_optimizer.state());
    state.insert("training", training.state());
    state.set("steps", steps_);
    return state;
  }
  void load(const State& state) {
    g.load(state.sub("G"));
    d.load(state.sub("D"));
    g_optimizer.load(state.sub("g_optimizer"));
    d_optimizer.load(state.sub("d_optimizer"));
    training.load(state.sub("training"));
    steps_ = state.integer("steps");
  }

  Generator<T> g;
  Discriminator<T> d;
  Adam<T> g_optimizer, d_optimizer;
  Training<T, Generator<T>, Discriminator<T>> training;

 private:
  Run(const TrainingOptions& options, double lr, Rng rng)
      : g(generator_preset(Size::tiny), rng),
        d(discriminator_preset(Size::tiny), rng),
        g_optimizer(g.parameters(), {.lr = lr, .beta1 = 0, .beta2 = 0.9}),
        d_optimizer(d.parameters(), {.lr = lr, .beta1 = 0, .beta2 = 0.9}),
        training(g, d, g_optimizer, d_optimizer, options) {}

  std::int64_t steps_ = 0;
};

// Parameters and buffers of a module, one after the other.
template <Real T>
std::vector<T> weights(const Module<T>& module) {
  std::vector<T> all;
  for (const auto& field : module.list()) all.insert(all.end(), field.tensor.data().begin(), field.tensor.data().end());
  return all;
}

template <Real T>
bool same_bits(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0;
}

template <Real T>
bool same_bits(const Run<T>& a, const Run<T>& b) {
  return same_bits(weights(a.g), weights(b.g)) && same_bits(weights(a.d), weights(b.d));
}

}  // namespace run
