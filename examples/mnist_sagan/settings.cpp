#include "settings.hpp"

#include <CLI/CLI.hpp>

#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <set>

namespace trainer {

namespace {

// Options that say where and on how many threads to run, and --epochs, which becomes --steps: not part of a run.
bool is_local(const std::string& option) {
  static const std::set<std::string> names{"help", "out", "threads", "resume", "overwrite", "epochs"};
  return names.contains(option);
}

std::string value_of(const CLI::Option& option) {
  return option.count() > 0 ? option.results().front() : option.get_default_str();
}

bool same_value(const std::string& a, const std::string& b) {
  char *end_a = nullptr, *end_b = nullptr;
  const double x = std::strtod(a.c_str(), &end_a), y = std::strtod(b.c_str(), &end_b);
  const bool numbers = !a.empty() && !b.empty() && *end_a == '\0' && *end_b == '\0';
  return a == b || (numbers && x == y);
}

}  // namespace

bool decides_weights(const std::string& option) {
  static const std::set<std::string> others{"steps", "data", "log-every", "sample-every", "save-every"};
  return !is_local(option) && !others.contains(option);
}

bool Completion::given(const std::string& option) const { return command_.get_option("--" + option)->count() > 0; }

void Completion::fill(const std::string& option, const std::string& value) {
  if (given(option)) return;
  auto* const target = command_.get_option("--" + option);
  target->add_result(value);
  target->run_callback();
}

void Completion::resume(const Settings& stored) {
  for (const auto* option : command_.get_options()) {
    const auto& name = option->get_single_name();
    const auto it = stored.find(name);
    if (is_local(name) || it == stored.end()) continue;
    if (given(name) && decides_weights(name) && !same_value(value_of(*option), it->second))
      throw CLI::ValidationError("--" + name,
                                 value_of(*option) + " was given, but the run to resume has " + it->second);
    if (name != "steps" || !given("epochs")) fill(name, it->second);
  }
}

void Completion::complete(const TrainOptions& o) {
  const bool penalised = o.penalty != "none", relativistic = o.loss == "relativistic";
  if (!penalised && given("gamma"))
    throw CLI::ValidationError("--gamma", "is the weight of a penalty; expected --penalty");

  if (const char* variable = std::getenv("AGON_MNIST_DIR"); variable && *variable) fill("data", variable);
  if (std::filesystem::is_directory("data/mnist")) fill("data", "data/mnist");
  if (!given("data")) std::cout << "Neither --data nor AGON_MNIST_DIR nor data/mnist: training on drawn digits.\n";
  fill("data", "drawn");

  const auto choose = [&](const std::string& option, const std::string& value, bool unusual) {
    if (unusual && !given(option)) std::cout << "Chosen for this objective: --" << option << ' ' << value << '\n';
    fill(option, value);
  };
  const auto rate = penalised || relativistic ? "0.0004" : "0.001";
  choose("attention", "on", false);
  choose("norm", relativistic ? "none" : o.networks.size == "reference" ? "plain" : "conditional", relativistic);
  choose("spectral-norm", penalised ? "off" : "on", penalised);
  choose("lr-g", rate, penalised || relativistic);
  choose("lr-d", rate, penalised || relativistic);
  if (penalised) choose("gamma", o.penalty == "wgan-gp" ? "10" : "1", true);
}

Settings Completion::settings() const {
  Settings all;
  for (const auto* option : command_.get_options())
    if (const auto& name = option->get_single_name(); !is_local(name) && !value_of(*option).empty())
      all[name] = value_of(*option);
  return all;
}

}  // namespace trainer
