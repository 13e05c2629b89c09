#pragma once

#include "session.hpp"
#include "settings.hpp"

#include <cstdint>
#include <filesystem>
#include <vector>

namespace trainer {

/// The folder of a run. Its files are written whole or not at all, but for log.csv, which grows by rows.
class RunFolder {
 public:
  explicit RunFolder(std::filesystem::path path) : path_(std::move(path)) {}

  /// Whether start() would remove or a run replace anything here, whoever made it.
  bool has_run() const { return !files().empty(); }
  /// Makes the folder and writes all options into it. Removes what a former run has left, or, if it goes on, only what
  /// writes that were cut off have.
  void start(const Settings& settings, bool goes_on) const;

  /// Writes samples/step_NNNNNN.png: digits by the averaged generator, a row a digit, from noise of the seed alone.
  void save_grid(const Session& session, std::uint64_t seed) const;
  /// Brings a session to where a checkpoint was. Throws agon::IoError when it is not one of such a session.
  void restore(Session& session, const agon::State& state) const;
  /// Writes weights and checkpoint, in this order: a checkpoint at the last step means that the weights are there.
  /// Throws agon::Error, before it writes anything, when a weight is not finite.
  void save(const Session& session, const Settings& settings) const;

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path checkpoint() const { return path_ / "checkpoint.safetensors"; }
  std::filesystem::path weights() const { return path_ / "weights.safetensors"; }
  std::filesystem::path log() const { return path_ / "log.csv"; }
  std::filesystem::path options() const { return path_ / "run.json"; }
  std::filesystem::path samples() const { return path_ / "samples"; }

 private:
  /// What is there of all that a run writes, and of its temporary files.
  std::vector<std::filesystem::path> files() const;

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
