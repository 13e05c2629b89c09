#pragma once

#include <agon/core/rng.hpp>

namespace agon {

/// How a forward pass runs. Without update_buffers a forward pass changes nothing in the module, so that any number of
/// threads may run one model at a time.
struct Context {
  bool training = false;        ///< batch statistics instead of running ones; dropout is on
  bool update_buffers = false;  ///< running statistics and the vectors of spectral norm advance
  Rng* rng = nullptr;           ///< where dropout draws; required when it is on
};

/// The default: running statistics, no dropout, nothing changes.
inline constexpr Context inference{};

}  // namespace agon
