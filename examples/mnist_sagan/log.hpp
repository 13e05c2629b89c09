#pragma once

#include "session.hpp"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>

namespace trainer {

/// One row of log.csv. Losses, logits, penalty and gradient norms are means over the steps since the row before.
struct LogRow {
  std::int64_t step = 0, images = 0;
  double seconds = 0, ms_per_step = 0;
  agon::StepReport mean;
  double lr_g = 0, lr_d = 0, attention_g = 0, attention_d = 0, ema_decay = 0;
  std::int64_t skipped = 0;
  double peak_rss_mb = 0;
};

/// Means of step reports; those of the generator count only in steps that updated it.
class Means {
 public:
  void add(const agon::StepReport& report, bool generator_updated, double seconds);
  agon::StepReport report() const;
  double ms_per_step() const { return steps_ > 0 ? 1000 * seconds_ / static_cast<double>(steps_) : 0; }

 private:
  agon::StepReport sum_;
  double seconds_ = 0;
  std::int64_t steps_ = 0, generator_steps_ = 0;
};

/// log.csv: rows are added one by one.
class CsvLog {
 public:
  /// Begins the file, or, from step `step` on, goes on after the rows up to it and drops those beyond, which a run that
  /// was killed may have left. A file with other columns, of another version, is kept as log.csv.until-STEP.
  CsvLog(std::filesystem::path path, std::int64_t step);

  void write(LogRow row);
  /// Time of the last row that was there before.
  double seconds_before() const { return seconds_before_; }

 private:
  std::filesystem::path path_;
  std::ofstream file_;
  double seconds_before_ = 0;
};

/// Most memory the process has had so far, in MB; 0 where the system does not say.
double peak_rss_mb();

}  // namespace trainer
