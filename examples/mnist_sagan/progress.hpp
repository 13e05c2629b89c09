#pragma once

#include "log.hpp"

#include <chrono>
#include <cstdint>
#include <string>

namespace trainer {

/// Tells people how a run gets on: a bar on stderr where that is a terminal, lines on stdout elsewhere.
class Progress {
 public:
  Progress(std::int64_t first_step, std::int64_t steps, std::int64_t batch);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// After every step: redraws the bar, ten times a second at most.
  void step(std::int64_t step, const Means& recent);
  /// After every row of the log: prints a line where there is no bar, and the last one always.
  void line(std::int64_t step, const Means& recent, bool last);

 private:
  void clear();
  using Clock = std::chrono::steady_clock;
  std::string figures(std::int64_t step, const Means& recent) const;

  bool bar_;
  std::int64_t first_step_, steps_, batch_;
  Clock::time_point start_ = Clock::now(), drawn_{};
};

}  // namespace trainer
