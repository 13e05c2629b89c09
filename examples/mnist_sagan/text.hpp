#pragma once

#include <algorithm>
#include <string>

namespace trainer {

/// A text that may come from a file as a terminal may see it, in one line: control characters become spaces.
inline std::string printable(std::string text) {
  std::ranges::replace_if(
      text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, ' ');
  return text;
}

}  // namespace trainer
