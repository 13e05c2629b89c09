#include "files.hpp"

#include "version.hpp"

#include <agon/core/isa.hpp>
#include <agon/io/grid.hpp>
#include <agon/io/png.hpp>
#include <agon/io/safetensors.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <iomanip>
#include <sstream>

namespace trainer {

using namespace agon;

namespace {

// Far above the largest preset: nothing of this program needs to read more.
constexpr std::uint64_t max_bytes = std::uint64_t{256} << 20;

// What `read` makes of the file, with the path in front of whatever it has to complain about.
template <class Read>
auto read_as(const char* kind, const std::filesystem::path& path, const Read& read) {
  const auto file = io::load_safetensors(path, max_bytes);
  try {
    return read(file);
  } catch (const Error& error) {
    check<IoError>(false, path.string(), ": not a ", kind, " of mnist_sagan: ", error.what());
    throw;
  }
}

State to_state(const Settings& settings) {
  State state;
  for (const auto& [name, value] : settings) state.set(name, value);
  return state;
}

Settings to_settings(const State& state) {
  Settings settings;
  for (const auto& entry : state.entries()) settings[entry.first] = state.text(entry.first);
  return settings;
}

NetworkOptions networks_of(const Settings& settings) {
  const auto value = [&](const std::string& name, std::initializer_list<std::string_view> allowed) {
    const auto it = settings.find(name);
    const bool known = it != settings.end() && std::ranges::find(allowed, it->second) != allowed.end();
    check(known, it == settings.end() ? "no setting" : "unknown value of", " '", name, "'");
    return it->second;
  };
  NetworkOptions o;
  o.size = value("size", {"tiny", "small", "base", "reference"});
  o.norm = value("norm", {"conditional", "plain", "none"});
  o.attention = value("attention", {"on", "off"}) == "on";
  o.attention_at = value("attention-at", {"7", "14"}) == "7" ? 7 : 14;
  return o;
}

void check_finite(const Module<float>& network, const char* name, std::int64_t step) {
  for (const auto& field : network.list())
    for (const float x : field.tensor.data())
      check(std::isfinite(x), name, ": ", field.name, " holds ", x, " at step ", step,
            "; the files of the last save stay as they were");
}

}  // namespace

void make_folder(const std::filesystem::path& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  check<IoError>(std::filesystem::is_directory(path), path.string(), ": cannot make this folder",
                 error ? ": " + error.message() : "");
}

std::vector<std::filesystem::path> RunFolder::files() const {
  const std::array own{checkpoint(), weights(), log(), options()};
  const auto is_own = [&](const std::filesystem::path& file) {
    const auto name = file.filename().string();
    const auto final_name = name.substr(0, name.find(io::temporary_mark));
    return std::ranges::find(own, file.parent_path() / final_name) != own.end() ||
           (file.parent_path() == samples() && final_name.starts_with("step_") && final_name.ends_with(".png"));
  };
  std::vector<std::filesystem::path> found;
  std::error_code ignored;
  for (const auto& folder : {path_, samples()})
    for (const auto& entry : std::filesystem::directory_iterator(folder, ignored))
      if (is_own(entry.path())) found.push_back(entry.path());
  return found;
}

void RunFolder::start(const Settings& settings, bool goes_on) const {
  make_folder(path_);
  make_folder(samples());
  std::error_code ignored;
  for (const auto& file : files())
    if (!goes_on || file.filename().string().find(io::temporary_mark) != std::string::npos)
      std::filesystem::remove(file, ignored);
  const nlohmann::ordered_json run{{"program", "mnist_sagan"},
                                   {"version", version()},
                                   {"instruction_set", std::string(name(active_isa()))},
                                   {"options", settings}};
  io::write_file(options(), io::as_bytes(run.dump(2) + "\n"));
}

void RunFolder::save_grid(const Session& session, std::uint64_t seed) const {
  constexpr std::int64_t columns = 16;
  Rng noise(seed, "grid");
  const auto images = draw(session.average, repeated({0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, columns), noise);
  std::ostringstream name;
  name << "step_" << std::setw(6) << std::setfill('0') << session.step << ".png";
  make_folder(samples());
  io::save_png(samples() / name.str(), io::grid(images, {.columns = columns, .scale = 2}));
}

void RunFolder::restore(Session& session, const State& state) const {
  try {
    session.load(state);
  } catch (const Error& error) {
    check<IoError>(false, checkpoint().string(), ": ", error.what());
  }
}

void RunFolder::save(const Session& session, const Settings& settings) const {
  check_finite(session.generator, "generator", session.step);
  check_finite(session.discriminator, "discriminator", session.step);
  check_finite(session.average, "averaged generator", session.step);

  State trained;
  trained.insert("generator", session.average.state());
  for (const auto& [name, value] : settings)
    if (decides_weights(name)) trained.set("settings." + name, value);
  trained.set("data", session.loader.dataset().name);
  trained.set("step", session.step);
  io::save_safetensors(weights(), trained);

  State all;
  all.insert("session", session.state());
  all.insert("settings", to_state(settings));
  io::save_safetensors(checkpoint(), all);
}

Checkpoint load_checkpoint(const std::filesystem::path& path) {
  return read_as("checkpoint", path, [](const State& file) {
    check(file.contains("session.step"), "it holds no session");
    return Checkpoint{file.sub("session"), to_settings(file.sub("settings"))};
  });
}

TrainedGenerator load_weights(const std::filesystem::path& path) {
  return read_as("file of weights", path, [](const State& file) {
    auto settings = to_settings(file.sub("settings"));
    Rng unused(0);
    TrainedGenerator trained{Generator(generator_options(networks_of(settings)), unused), {}, file.integer("step")};
    trained.generator.load(file.sub("generator"));
    trained.generator.requires_grad_(false);
    settings["data"] = file.text("data");
    trained.settings = std::move(settings);
    return trained;
  });
}

}  // namespace trainer
