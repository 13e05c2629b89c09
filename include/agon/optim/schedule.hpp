#pragma once

#include <agon/core/error.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>

namespace agon {

/// A learning-rate factor as a pure function of the step, so that a resumed run needs no state:
/// `optimizer.set_lr(base_lr * schedule.factor(step))`.
struct Schedule {
  enum class Decay { constant, linear, cosine };
  Decay decay = Decay::constant;
  std::int64_t warmup = 0;  ///< steps over which the factor rises linearly from 1 / warmup to 1
  std::int64_t start = 0;   ///< step at which the decay begins
  std::int64_t end = 0;     ///< step at which it has reached `floor`; required unless constant
  double floor = 0;         ///< factor at the end

  /// Factor of step `step`, counted from 0. Throws Error when end <= start for a decay.
  double factor(std::int64_t step) const {
    const double rise = warmup > 0 ? std::min(1.0, static_cast<double>(step + 1) / static_cast<double>(warmup)) : 1.0;
    if (decay == Decay::constant) return rise;
    check(end > start, "Schedule: decay from step ", start, " to ", end, "; expected the end after the start");
    const double part = std::clamp(static_cast<double>(step - start) / static_cast<double>(end - start), 0.0, 1.0);
    const double shape = decay == Decay::linear ? 1 - part : (1 + std::cos(std::numbers::pi * part)) / 2;
    return rise * (floor + (1 - floor) * shape);
  }
};

}  // namespace agon
