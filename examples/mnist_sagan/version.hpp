#pragma once

#include <agon/core/version.hpp>

#include <string>

namespace trainer {

/// "0.1.0"
inline std::string version() {
  return std::to_string(AGON_VERSION_MAJOR) + '.' + std::to_string(AGON_VERSION_MINOR) + '.' +
         std::to_string(AGON_VERSION_PATCH);
}

}  // namespace trainer
