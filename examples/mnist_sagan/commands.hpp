#pragma once

#include "options.hpp"

namespace trainer {

/// The subcommands. Each returns the program's exit status and throws agon::Error when something cannot be done;
/// `command` is what the options were parsed by.
int train(CLI::App& command, const TrainOptions& options);
int sample(const SampleOptions& options);
int info(const InfoOptions& options);

}  // namespace trainer
