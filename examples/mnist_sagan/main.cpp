// Trains a conditional self-attention GAN on MNIST and draws digits with it.

#include "commands.hpp"
#include "options.hpp"
#include "text.hpp"
#include "version.hpp"

#include <CLI/CLI.hpp>

#include <exception>
#include <iostream>
#include <new>
#include <string>

namespace {

constexpr int runtime_error = 1, usage_error = 2;

int fail(const std::string& message, int status) {
  std::cerr << "mnist_sagan: " << trainer::printable(message) << std::endl;
  return status;
}

int run(int argc, char** argv) {
  using namespace trainer;
  TrainOptions train_options;
  SampleOptions sample_options;
  InfoOptions info_options;

  CLI::App program(
      "Conditional self-attention GAN on MNIST: trains a generator of handwritten digits on the CPU and\n"
      "draws digits with it. `mnist_sagan train` alone does something sensible.",
      "mnist_sagan");
  program.set_version_flag("--version", "mnist_sagan " + version());
  program.require_subcommand(1);
  auto* const train_command = declare(program, train_options);
  auto* const sample_command = declare(program, sample_options);
  auto* const info_command = declare(program, info_options);
  program.footer(
      "\n`mnist_sagan train --help` and so on list the options. Exit status: 0 done, 1 failed, 2 wrong usage,\n"
      "130 stopped by Ctrl-C.");
  program.get_formatter()->column_width(26);

  try {
    program.parse(argc, argv);
    if (train_command->parsed()) return train(*train_command, train_options);
    if (sample_command->parsed()) return sample(sample_options);
    return info_command->parsed() ? info(info_options) : usage_error;
  } catch (const CLI::Success& help_or_version) {
    return program.exit(help_or_version);
  } catch (const CLI::ParseError& error) {
    return fail(std::string(error.what()) + " (--help lists the options)", usage_error);
  }
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::bad_alloc&) {
    return fail("out of memory", runtime_error);
  } catch (const std::exception& error) {
    return fail(error.what(), runtime_error);
  }
}
