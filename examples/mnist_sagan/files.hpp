#pragma once

#include "session.hpp"
#include "settings.hpp"

#include <cstdint>
#include <filesystem>

namespace trainer {

/// The folder of a run. Every file in it is written whole or not at all.
class RunFolder {
 public:
  explicit RunFolder(std::filesystem::path path) : path_(std::move(path)) {}

  bool has_run() const { return std::filesystem::exists(checkpoint()); }
  /// Makes the folder and writes all options into it; unless it goes on, removes what a former run has left.
  void start(const Settings& settings, bool goes_on) const;

  /// Writes samples/step_NNNNNN.png: digits by the averaged generator, a row a digit, from noise of the seed alone.
  void save_grid(const Session& session, std::uint64_t seed) const;
  /// Brings a session to where a checkpoint was. Throws agon::IoError when it is not one of such a session.
  void restore(Session& session, const agon::State& state) const;
  /// Writes checkpoint and weights. Throws agon::Error, before it writes anything, when a weight is not finite.
  void save(const Session& session, const Settings& settings) const;

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path checkpoint() const { return path_ / "checkpoint.safetensors"; }
  std::filesystem::path weights() const { return path_ / "weights.safetensors"; }
  std::filesystem::path log() const { return path_ / "log.csv"; }

 private:
  std::filesystem::path path_;
};

/// A run as a checkpoint keeps it.
struct Checkpoint {
  agon::State session;
  Settings settings;
};

/// A generator as a file of weights keeps it.
struct TrainedGenerator {
  Generator generator;
  Settings settings;
  std::int64_t step;
};

/// Readers of the two files. Throw agon::IoError with the path when the file is missing, damaged or of another kind.
Checkpoint load_checkpoint(const std::filesystem::path& path);
TrainedGenerator load_weights(const std::filesystem::path& path);

/// Makes a folder with those above it. Throws agon::IoError.
void make_folder(const std::filesystem::path& path);

}  // namespace trainer
