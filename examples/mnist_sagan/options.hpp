#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace trainer {

/// What it takes to build the two networks again.
struct NetworkOptions {
  std::string size = "small";
  std::string norm;  ///< of the generator
  bool attention = true;
  int attention_at = 14;  ///< height and width of the maps that self-attention looks at
  bool spectral_norm = true;
};

struct TrainOptions {
  std::string data, out;
  NetworkOptions networks;
  std::string loss = "hinge", penalty = "none";
  double gamma = 0;
  std::int64_t steps = 2500, epochs = 0, batch = 64;
  double lr_g = 0, lr_d = 0, beta1 = 0, beta2 = 0.9;
  double decay = 0.3;  ///< part of the run
  double ema = 0.05;   ///< half-life, as a part of the run
  int critic_steps = 1;
  double translation = 0;
  std::uint64_t seed = 0;
  int threads = 0;                                                    ///< 0 for all processors
  std::int64_t log_every = 50, sample_every = 250, save_every = 500;  ///< 0 for only at the end
  bool resume = false, overwrite = false;
};

struct SampleOptions {
  std::string weights, out = "samples";
  std::int64_t per_digit = 10;
  std::vector<std::int32_t> digits{0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
  std::uint64_t seed = 0;
  int threads = 0;
};

struct InfoOptions {
  std::string weights;
};

/// Adds a subcommand to the program; parsing fills the struct.
CLI::App* declare(CLI::App& program, TrainOptions& options);
CLI::App* declare(CLI::App& program, SampleOptions& options);
CLI::App* declare(CLI::App& program, InfoOptions& options);

}  // namespace trainer
