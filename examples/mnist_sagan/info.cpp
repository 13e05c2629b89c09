#include "commands.hpp"
#include "files.hpp"
#include "text.hpp"

#include <agon/nn/summary.hpp>

#include <iomanip>
#include <iostream>

namespace trainer {

int info(const InfoOptions& options) {
  const auto trained = load_weights(options.weights);
  std::cout << options.weights << ": averaged generator after " << trained.step << " training steps\n\nTrained with\n";
  for (const auto& [name, value] : trained.settings)
    std::cout << "  " << std::left << std::setw(14) << printable(name) << ' ' << printable(value) << '\n';
  std::cout << '\n' << agon::summary(trained.generator);
  return 0;
}

}  // namespace trainer
