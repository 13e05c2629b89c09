#include "log.hpp"

#include <agon/io/file.hpp>

#include <algorithm>
#include <sstream>
#include <string>

#if defined(__unix__) || defined(__APPLE__)
#include <sys/resource.h>
#endif

namespace trainer {

using namespace agon;

namespace {

const std::string header =
    "step,images,seconds,ms_per_step,d_loss,g_loss,real_logit,fake_logit,penalty,d_grad_norm,g_grad_norm,"
    "lr_g,lr_d,attention_g,attention_d,ema_decay,skipped,peak_rss_mb";

bool has_other_columns(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::string line;
  return std::getline(file, line) && line != header;
}

// The rows of an earlier file that belong to steps up to `step`; a row cut short by a crash does not count.
std::string rows_up_to(const std::filesystem::path& path, std::int64_t step, double& seconds) {
  std::ifstream file(path);
  std::string rows, line;
  std::getline(file, line);
  while (std::getline(file, line)) {
    std::istringstream cells(line);
    std::int64_t row_step = 0, images = 0;
    double row_seconds = 0;
    char comma = 0;
    cells >> row_step >> comma >> images >> comma >> row_seconds;
    const bool whole = cells && !file.eof() && std::ranges::count(line, ',') == std::ranges::count(header, ',');
    if (!whole || row_step > step) break;
    rows += line + "\n";
    seconds = row_seconds;
  }
  return rows;
}

}  // namespace

void Means::add(const StepReport& r, bool generator_updated, double seconds) {
  ++steps_;
  seconds_ += seconds;
  sum_.d_loss += r.d_loss;
  sum_.penalty += r.penalty;
  sum_.real_logit += r.real_logit;
  sum_.fake_logit += r.fake_logit;
  sum_.d_grad_norm += r.d_grad_norm;
  if (!generator_updated) return;
  ++generator_steps_;
  sum_.g_loss += r.g_loss;
  sum_.g_grad_norm += r.g_grad_norm;
}

StepReport Means::report() const {
  const double n = static_cast<double>(std::max<std::int64_t>(steps_, 1));
  const double m = static_cast<double>(std::max<std::int64_t>(generator_steps_, 1));
  return {.d_loss = sum_.d_loss / n,
          .g_loss = sum_.g_loss / m,
          .penalty = sum_.penalty / n,
          .real_logit = sum_.real_logit / n,
          .fake_logit = sum_.fake_logit / n,
          .d_grad_norm = sum_.d_grad_norm / n,
          .g_grad_norm = sum_.g_grad_norm / m};
}

CsvLog::CsvLog(std::filesystem::path path, std::int64_t step) : path_(std::move(path)) {
  if (has_other_columns(path_)) std::filesystem::rename(path_, path_.string() + ".until-" + std::to_string(step));
  const auto rows = step > 0 ? rows_up_to(path_, step, seconds_before_) : std::string();
  io::write_file(path_, io::as_bytes(header + "\n" + rows));
  file_.open(path_, std::ios::app);
}

void CsvLog::write(LogRow r) {
  r.seconds += seconds_before_;
  file_ << r.step << ',' << r.images << ',' << r.seconds << ',' << r.ms_per_step << ',' << r.mean.d_loss << ','
        << r.mean.g_loss << ',' << r.mean.real_logit << ',' << r.mean.fake_logit << ',' << r.mean.penalty << ','
        << r.mean.d_grad_norm << ',' << r.mean.g_grad_norm << ',' << r.lr_g << ',' << r.lr_d << ',' << r.attention_g
        << ',' << r.attention_d << ',' << r.ema_decay << ',' << r.skipped << ',' << r.peak_rss_mb << '\n';
  file_.flush();
  check<IoError>(file_.good(), path_.string(), ": cannot write");
}

double peak_rss_mb() {
#if defined(__APPLE__)
  constexpr double unit = 1e6;
#else
  constexpr double unit = 1e3;
#endif
#if defined(__unix__) || defined(__APPLE__)
  rusage usage{};
  if (getrusage(RUSAGE_SELF, &usage) == 0) return static_cast<double>(usage.ru_maxrss) / unit;
#endif
  return 0;
}

}  // namespace trainer
