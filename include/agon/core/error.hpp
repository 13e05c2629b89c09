#pragma once

#include <sstream>
#include <stdexcept>
#include <string>

namespace agon {

/// Base of every error of agon's own. Where memory runs out, std::bad_alloc passes through; so does what a user's rule,
/// observer or loop body throws.
struct Error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// A shape, size or index does not fit.
struct ShapeError : Error {
  using Error::Error;
};

/// The autograd graph cannot do what was asked: freed, changed since saved, not differentiable.
struct GraphError : Error {
  using Error::Error;
};

/// A file is missing, damaged, hostile or cannot be written.
struct IoError : Error {
  using Error::Error;
};

namespace detail {

template <class E, class... Parts>
[[noreturn, gnu::cold, gnu::noinline]] void raise(const Parts&... parts) {
  std::ostringstream message;
  (message << ... << parts);
  throw E(message.str());
}

}  // namespace detail

/// Throws `E` with the concatenated parts as its message unless `condition` holds. The parts name the operation, what
/// is wrong with both values, and what was expected: `check<ShapeError>(a == b, "matmul: ...", a, " x ", b)`.
template <class E = Error, class... Parts>
void check(bool condition, const Parts&... parts) {
  if (!condition) [[unlikely]]
    detail::raise<E>(parts...);
}

}  // namespace agon
