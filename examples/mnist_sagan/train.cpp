#include "commands.hpp"
#include "files.hpp"
#include "interrupt.hpp"
#include "log.hpp"
#include "progress.hpp"
#include "session.hpp"
#include "settings.hpp"

#include <agon/core/isa.hpp>
#include <agon/core/parallel.hpp>
#include <agon/data/drawn_digits.hpp>
#include <agon/gan/average.hpp>
#include <agon/io/mnist.hpp>
#include <agon/optim/ema.hpp>
#include <agon/optim/schedule.hpp>

#include <chrono>
#include <iomanip>
#include <iostream>
#include <optional>
#include <string>

namespace trainer {

using namespace agon;

namespace {

constexpr int most_bad_steps = 10;  // in a row, before a run gives up

ImageDataset load_data(const std::string& data) {
  return data == "drawn" ? drawn_digits(20000) : io::load_mnist(data, io::Split::train);
}

void introduce(const TrainOptions& o, const Session& session, const RunFolder& folder) {
  const auto& [size, norm, attention, attention_at, spectral_norm] = o.networks;
  const auto& data = session.loader.dataset();
  const auto epochs = static_cast<double>(o.steps) / static_cast<double>(session.loader.batches());
  std::cout << std::setprecision(3)  //
            << "data           " << data.name << ", " << data.size() << " images\n"
            << "generator      " << size << ", " << session.generator.parameter_count() << " parameters, norm " << norm
            << '\n'
            << "discriminator  " << size << ", " << session.discriminator.parameter_count()
            << " parameters, spectral norm " << (spectral_norm ? "on" : "off") << '\n'
            << "attention      " << (attention ? "on maps of size " + std::to_string(attention_at) : "off") << '\n'
            << "objective      " << o.loss << ", penalty " << o.penalty << '\n'
            << "learning rates " << o.lr_g << " and " << o.lr_d << '\n'
            << "run            " << o.steps << " steps of " << o.batch << " images, " << epochs << " epochs, seed "
            << o.seed << ", threads " << num_threads() << ", " << name(active_isa()) << '\n'
            << "output         " << folder.path().string() << '\n';
  if (session.step > 0) std::cout << "goes on after  step " << session.step << '\n';
  std::cout << std::endl;
}

double seconds_since(std::chrono::steady_clock::time_point then) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - then).count();
}

LogRow log_row(const Session& session, const Means& recent, std::int64_t batch, double seconds, double ema_decay) {
  return {.step = session.step,
          .images = session.step * batch,
          .seconds = seconds,
          .ms_per_step = recent.ms_per_step(),
          .mean = recent.report(),
          .lr_g = session.g_optimizer.lr(),
          .lr_d = session.d_optimizer.lr(),
          .attention_g = attention_gamma(session.generator),
          .attention_d = attention_gamma(session.discriminator),
          .ema_decay = ema_decay,
          .skipped = session.skipped,
          .peak_rss_mb = peak_rss_mb()};
}

// Trains until the last step or an interrupt, and saves.
void run(const TrainOptions& o, Session& session, const RunFolder& folder, const Settings& settings) {
  const FlushDenormals flush;
  const Schedule schedule{.decay = o.decay > 0 ? Schedule::Decay::linear : Schedule::Decay::constant,
                          .start = static_cast<std::int64_t>(static_cast<double>(o.steps) * (1 - o.decay)),
                          .end = o.steps};
  const double half_life = o.ema * static_cast<double>(o.steps);

  CsvLog log(folder.log(), session.step);
  Progress progress(session.step, o.steps, o.batch);
  Means recent;
  int bad_steps = 0;
  const auto start = std::chrono::steady_clock::now();

  for (bool last = false; !last;) {
    const auto step_start = std::chrono::steady_clock::now();
    const double factor = schedule.factor(session.step);
    session.g_optimizer.set_lr(o.lr_g * factor);
    session.d_optimizer.set_lr(o.lr_d * factor);

    const auto [images, labels] = session.loader.next();
    const auto report = session.training.step(images, labels);
    ++session.step;
    const double decay = ema_decay(session.step, half_life);
    if (!report.skipped) average_model(session.average, session.generator, decay);

    session.skipped += report.skipped;
    bad_steps = report.skipped ? bad_steps + 1 : 0;
    check(bad_steps < most_bad_steps, "training diverged: gradients were not finite in the last ", most_bad_steps,
          " steps up to ", session.step, "; ", folder.path().string(),
          " keeps what was saved before; try smaller rates");

    recent.add(report, session.step % o.critic_steps == 0, seconds_since(step_start));
    progress.step(session.step, recent);

    last = session.step == o.steps || interrupted();
    const auto due = [&](std::int64_t every) { return last || (every > 0 && session.step % every == 0); };
    const bool saved = due(o.save_every);
    if (saved) folder.save(session, settings);
    try {
      if (due(o.log_every)) {
        log.write(log_row(session, recent, o.batch, seconds_since(start), decay));
        progress.line(session.step, recent, last);
        recent = {};
      }
      if (due(o.sample_every)) folder.save_grid(session, o.seed);
    } catch (const IoError&) {  // what was trained is not lost with a picture of it
      if (!saved) folder.save(session, settings);
      throw;
    }
  }
}

}  // namespace

int train(CLI::App& command, const TrainOptions& options) {
  Completion completion(command);
  completion.fill("out", "runs/" + options.networks.size + "-" + options.loss);
  const RunFolder folder(options.out);
  check(
      options.resume || options.overwrite || !folder.has_run(), folder.path().string(),
      ": holds files of a run already; --resume goes on with it, --overwrite removes them, --out names another folder");

  std::optional<Checkpoint> stored;
  if (options.resume) {
    stored = load_checkpoint(folder.checkpoint());
    completion.resume(stored->settings);
  }
  completion.complete(options);
  const ThreadScope threads(options.threads > 0 ? options.threads : num_threads());
  const auto data = load_data(options.data);
  if (options.epochs > 0)
    completion.fill("steps", std::to_string(options.epochs * std::max<std::int64_t>(data.size() / options.batch, 1)));

  Session session(options, data);
  if (stored) folder.restore(session, stored->session);
  stored.reset();
  if (session.step >= options.steps) {
    std::cout << folder.path().string() << " has done its " << session.step << " steps; --steps N goes on to step N\n";
    return 0;
  }
  const auto settings = completion.settings();
  catch_interrupts();
  folder.start(settings, options.resume);
  introduce(options, session, folder);
  run(options, session, folder, settings);
  if (session.step == options.steps) {
    std::cout << "Done: " << folder.weights().string() << '\n';
    return 0;
  }
  std::cout << "Stopped after step " << session.step << " and saved; --resume goes on.\n";
  return 128 + interrupted();
}

}  // namespace trainer
