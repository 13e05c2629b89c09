#pragma once

#include <initializer_list>
#include <ostream>
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

/// One part of a message without its type, so that there is one function to compile for each error and not one for each
/// sequence of parts.
class MessagePart {
 public:
  template <class T>
  MessagePart(const T& value)
      : value_(&value), print_([](std::ostream& to, const void* from) { to << *static_cast<const T*>(from); }) {}
  MessagePart(const char* text)
      : value_(text), print_([](std::ostream& to, const void* from) { to << static_cast<const char*>(from); }) {}

  friend std::ostream& operator<<(std::ostream& to, const MessagePart& part) {
    part.print_(to, part.value_);
    return to;
  }

 private:
  const void* value_;
  void (*print_)(std::ostream&, const void*);
};

template <class E>
[[noreturn, gnu::cold, gnu::noinline]] void raise(std::initializer_list<MessagePart> parts) {
  std::ostringstream message;
  for (const auto& part : parts) message << part;
  throw E(message.str());
}

}  // namespace detail

/// Throws `E` with the concatenated parts as its message unless `condition` holds. The parts name the operation, what
/// is wrong with both values, and what was expected: `check<ShapeError>(a == b, "matmul: ...", a, " x ", b)`.
template <class E = Error, class... Parts>
void check(bool condition, const Parts&... parts) {
  if (!condition) [[unlikely]]
    detail::raise<E>({detail::MessagePart(parts)...});
}

}  // namespace agon
