#pragma once

#include "options.hpp"

#include <map>
#include <string>

namespace trainer {

/// Names of options and their values, as texts.
using Settings = std::map<std::string, std::string>;

/// Whether an option decides what the weights become and stays as it is when a run goes on. --steps does not stay, and
/// --data says where the images lie: the checkpoint knows which they are.
bool decides_weights(const std::string& option);

/// The options of a parsed command, and the values of those that the command line left open.
class Completion {
 public:
  explicit Completion(CLI::App& command) : command_(command) {}

  /// Sets an option unless it has a value already; the value goes through the option's checks.
  void fill(const std::string& option, const std::string& value);

  /// Fills in what a stored run used. Throws CLI::ValidationError where the command line contradicts it in something
  /// that decides the weights.
  void resume(const Settings& stored);

  /// Fills in the defaults that follow from other options, and says on stdout what is unusual about them.
  void complete(const TrainOptions& options);

  /// All options of a run but those that say where and on how many threads it runs.
  Settings settings() const;

 private:
  bool given(const std::string& option) const;

  CLI::App& command_;
};

}  // namespace trainer
