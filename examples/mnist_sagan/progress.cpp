#include "progress.hpp"

#include <algorithm>
#include <iomanip>
#include <iostream>
#include <sstream>

#if defined(_WIN32)
#include <io.h>
#else
#include <unistd.h>
#endif

namespace trainer {

namespace {

bool stderr_is_terminal() {
#if defined(_WIN32)
  return _isatty(2) != 0;
#else
  return isatty(STDERR_FILENO) == 1;
#endif
}

std::string duration(double seconds) {
  const auto total = static_cast<std::int64_t>(std::max(seconds, 0.0) + 0.5);
  std::ostringstream out;
  out << std::setfill('0');
  if (total >= 3600) out << total / 3600 << ':' << std::setw(2);
  out << total / 60 % 60 << ':' << std::setw(2) << total % 60;
  return out.str();
}

}  // namespace

Progress::Progress(std::int64_t first_step, std::int64_t steps, std::int64_t batch)
    : bar_(stderr_is_terminal()), first_step_(first_step), steps_(steps), batch_(batch) {}

Progress::~Progress() { clear(); }

std::string Progress::figures(std::int64_t step, const Means& recent) const {
  const std::chrono::duration<double> since = Clock::now() - start_;
  const auto done = static_cast<double>(std::max<std::int64_t>(step - first_step_, 1));
  const auto left = since.count() / done * static_cast<double>(steps_ - step);
  const auto mean = recent.report();
  const double ms = recent.ms_per_step();
  std::ostringstream out;
  out << std::fixed << std::setprecision(3) << "D " << mean.d_loss << "  G " << mean.g_loss << std::setprecision(1)
      << "  " << ms << " ms/step  " << std::setprecision(0) << (ms > 0 ? 1000 * static_cast<double>(batch_) / ms : 0)
      << " images/s  " << (step < steps_ ? duration(left) + " left" : "took " + duration(since.count()));
  return out.str();
}

void Progress::step(std::int64_t step, const Means& recent) {
  if (!bar_ || Clock::now() - drawn_ < std::chrono::milliseconds(100)) return;
  drawn_ = Clock::now();
  constexpr std::int64_t width = 20;
  const auto full = width * step / steps_;
  std::string bar(static_cast<std::size_t>(full), '=');
  if (full < width) bar += '>' + std::string(static_cast<std::size_t>(width - full - 1), ' ');
  std::cerr << "\r[" << bar << "] " << step << '/' << steps_ << "  " << figures(step, recent) << "\x1b[K" << std::flush;
}

void Progress::line(std::int64_t step, const Means& recent, bool last) {
  if (bar_ && !last) return;
  clear();
  std::cout << "step " << step << '/' << steps_ << "  " << figures(step, recent) << std::endl;
}

void Progress::clear() {
  if (drawn_ == Clock::time_point{}) return;
  std::cerr << "\r\x1b[K" << std::flush;
  drawn_ = {};
}

}  // namespace trainer
