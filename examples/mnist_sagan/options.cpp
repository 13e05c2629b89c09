#include "options.hpp"

#include <agon/gan/losses.hpp>
#include <agon/gan/presets.hpp>

#include <CLI/CLI.hpp>

#include <limits>
#include <sstream>

namespace trainer {

namespace {

// One group of a command's options, as its help shows them.
class Group {
 public:
  Group(CLI::App* command, std::string name) : command_(command), name_(std::move(name)) {}

  // An option whose default is the variable's value.
  template <class T>
  CLI::Option* add(const std::string& name, T& variable, const std::string& placeholder,
                   const std::string& text) const {
    auto* const option = add(name, variable, placeholder, text, "")->capture_default_str();
    return option->description(text + " [" + option->get_default_str() + "]");
  }

  // An option whose default is only known later, described in words.
  template <class T>
  CLI::Option* add(const std::string& name, T& variable, const std::string& placeholder, const std::string& text,
                   const std::string& default_in_words) const {
    return command_
        ->add_option("--" + name, variable, text + (default_in_words.empty() ? "" : " [" + default_in_words + "]"))
        ->option_text(placeholder)
        ->group(name_);
  }

  CLI::Option* add_flag(const std::string& name, bool& variable, const std::string& text) const {
    return command_->add_flag("--" + name, variable, text)->option_text(" ")->group(name_);
  }

 private:
  CLI::App* command_;
  std::string name_;
};

template <std::size_t n>
CLI::IsMember one_of(const std::string_view (&names)[n]) {
  return CLI::IsMember(std::vector<std::string>(names, names + n));
}
CLI::IsMember on_or_off() { return CLI::IsMember({"on", "off"}); }
CLI::Range count_from(std::int64_t least) { return CLI::Range(least, std::int64_t{1} << 40); }
CLI::Range seed() { return CLI::Range(std::int64_t{0}, std::numeric_limits<std::int64_t>::max()); }
CLI::Range thread_count() { return CLI::Range(1, 1024); }

// Unlike CLI::Range this is not satisfied by NaN.
CLI::Validator number(const std::string& description, double least, double most) {
  const auto fault = [=](const std::string& text) {
    std::istringstream in(text);
    double x = 0;
    const bool fits = in >> x && in.eof() && x >= least && x <= most;
    return fits ? std::string() : text + " is not " + description;
  };
  return CLI::Validator(fault, "");
}
CLI::Validator positive() { return number("a positive number", 1e-12, 1e12); }
CLI::Validator part() { return number("a number from 0 to 0.999", 0, 0.999); }

void declare_networks(const Group& group, NetworkOptions& o) {
  group.add("size", o.size, "SIZE", "tiny, small, base or reference")->check(one_of(agon::size_names));
  group.add("attention", o.attention, "on|off", "Self-attention in both networks", "on")->check(on_or_off());
  group.add("attention-at", o.attention_at, "7|14", "Size of the feature maps it looks at")
      ->check(CLI::IsMember({7, 14}));
  group
      .add("norm", o.norm, "NORM", "Batch norm of the generator: conditional (a scale for each digit),\nplain or none",
           "conditional; none if relativistic; plain for reference")
      ->check(CLI::IsMember({"conditional", "plain", "none"}));
  group.add("spectral-norm", o.spectral_norm, "on|off", "Spectral norm of the discriminator", "on; off with a penalty")
      ->check(on_or_off());
}

void declare_objective(const Group& group, TrainOptions& o) {
  group.add("loss", o.loss, "LOSS", "minimax, non_saturating, hinge, least_squares, wasserstein\nor relativistic")
      ->check(one_of(agon::loss_names));
  group.add("penalty", o.penalty, "NAME", "Gradient penalty of the discriminator: none, r1, r2, r1r2\nor wgan-gp")
      ->check(CLI::IsMember({"none", "r1", "r2", "r1r2", "wgan-gp"}));
  group.add("gamma", o.gamma, "X", "Weight of the penalty", "10 for wgan-gp, else 1")->check(positive());
  group.add("critic-steps", o.critic_steps, "N", "Train the generator in every Nth step only")
      ->check(CLI::Range(1, 1000));
}

void declare_optimisation(const Group& group, TrainOptions& o) {
  auto* const steps = group.add("steps", o.steps, "N", "Training steps")->check(count_from(1));
  group.add("epochs", o.epochs, "N", "Passes over the data, instead of --steps", "")
      ->check(CLI::Range(1, 1000000))
      ->excludes(steps);
  group.add("batch", o.batch, "N", "Images a step")->check(count_from(1));
  const auto rates = "0.001; 0.0004 with a penalty or relativistic";
  group.add("lr-g", o.lr_g, "X", "Learning rate of the generator\n", rates)->check(positive());
  group.add("lr-d", o.lr_d, "X", "Learning rate of the discriminator\n", rates)->check(positive());
  group.add("beta1", o.beta1, "X", "Adam's decay of the mean gradient")->check(part());
  group.add("beta2", o.beta2, "X", "Adam's decay of the mean square")->check(part());
  group.add("decay", o.decay, "PART", "Last part of the run, in which the learning rates fall to 0")->check(part());
  group.add("ema", o.ema, "PART", "Half-life of the averaged generator, as a part of the run;\n0 for no average")
      ->check(part());
  group.add("translation", o.translation, "PART", "Shift real images at random by up to this part of their size")
      ->check(part());
  group.add("seed", o.seed, "N", "The same seed gives the same weights")->check(seed());
}

void declare_output(const Group& group, TrainOptions& o) {
  group.add("out", o.out, "FOLDER", "Folder of the run", "runs/SIZE-LOSS");
  group.add("log-every", o.log_every, "N", "Steps from one row of log.csv to the next; 0: only the last")
      ->check(count_from(0));
  group.add("sample-every", o.sample_every, "N", "Steps from one grid of digits to the next; 0: only the last")
      ->check(count_from(0));
  group.add("save-every", o.save_every, "N", "Steps from one checkpoint to the next; 0: only the last")
      ->check(count_from(0));
  auto* const resume = group.add_flag("resume", o.resume, "Go on with the run in --out, with the options it has");
  group.add_flag("overwrite", o.overwrite, "Start anew where --out holds a run already")->excludes(resume);
}

}  // namespace

CLI::App* declare(CLI::App& program, TrainOptions& options) {
  auto* const command = program.add_subcommand("train", "Train the two networks; writes grids, a log and the weights");
  const Group general(command, "Options");
  general.add("data", options.data, "FOLDER|drawn",
              "MNIST's IDX files, plain or in gzip, or digits drawn by this program\n",
              "$AGON_MNIST_DIR, else data/mnist, else drawn");
  general.add("threads", options.threads, "N", "The weights do not depend on it", "all processors")
      ->check(thread_count());
  declare_networks(Group(command, "Networks"), options.networks);
  declare_objective(Group(command, "Objective"), options);
  declare_optimisation(Group(command, "Optimisation"), options);
  declare_output(Group(command, "Output"), options);
  command->footer(R"(
A run writes into its folder
  samples/step_000250.png   digits from fixed noise, one row a digit, by the averaged generator
  log.csv                   losses, logits, gradient norms, learning rates, memory
  weights.safetensors       the averaged generator, for `sample` and `info`
  checkpoint.safetensors    all that --resume needs
  run.json                  every option
Ctrl-C finishes the step, saves and stops. --resume goes on from there to the very same weights;
with another --steps it goes on to that step.

Examples
  mnist_sagan train
  mnist_sagan train --data drawn --size tiny --steps 500 --out runs/quick
  mnist_sagan train --resume --out runs/quick --steps 1000
  mnist_sagan train --loss relativistic --penalty r1r2 --epochs 5)");
  return command;
}

CLI::App* declare(CLI::App& program, SampleOptions& options) {
  auto* const command = program.add_subcommand("sample", "Draw digits with a trained generator");
  const Group group(command, "Options");
  group.add("weights", options.weights, "FILE", "weights.safetensors of a run", "required")->required();
  group.add("per-digit", options.per_digit, "N", "Images of each digit")->check(CLI::Range(1, 100000));
  group.add("digits", options.digits, "D,D,...", "Which digits, in which order", "0,1,2,3,4,5,6,7,8,9")
      ->delimiter(',')
      ->expected(1, 10)
      ->check(CLI::Range(0, 9));
  group.add("seed", options.seed, "N", "The same seed gives the same images")->check(seed());
  group.add("out", options.out, "FOLDER", "Where to write");
  group.add("threads", options.threads, "N", "The images do not depend on it", "all processors")->check(thread_count());
  command->footer(R"(
Writes
  grid.png      one row a digit, 20 images of it at most
  samples.npy   uint8 [images, 28, 28], digit after digit
  labels.npy    int32 [images]

Example
  mnist_sagan sample --weights runs/small-hinge/weights.safetensors --per-digit 100 --out digits)");
  return command;
}

CLI::App* declare(CLI::App& program, InfoOptions& options) {
  auto* const command = program.add_subcommand("info", "Say what a file of weights holds");
  Group(command, "Options")
      .add("weights", options.weights, "FILE", "weights.safetensors of a run", "required")
      ->required();
  return command;
}

}  // namespace trainer
