#pragma once

#include "networks.hpp"

#include <agon/data/loader.hpp>
#include <agon/gan/training.hpp>
#include <agon/optim/adam.hpp>

#include <cstdint>

namespace trainer {

/// Everything that a training run changes, and so everything that a checkpoint holds.
struct Session {
  Session(const TrainOptions& options, const agon::ImageDataset& data);

  Generator generator;
  Discriminator discriminator;
  Generator average;  ///< exponential moving average of the generator: what draws the digits
  agon::Adam<float> g_optimizer, d_optimizer;
  agon::Loader<float> loader;
  agon::Training<float, Generator, Discriminator> training;
  std::int64_t step = 0;
  std::int64_t skipped = 0;  ///< steps with an update that was left out because it was not finite

  agon::State state() const;
  /// Throws agon::Error when the state is not one of such a session, on the same data.
  void load(const agon::State& state);
};

}  // namespace trainer
