#pragma once

namespace agon {

namespace detail {

inline bool& grad_mode() {
  thread_local bool enabled = true;
  return enabled;
}

}  // namespace detail

/// Whether operations on this thread are recorded for differentiation.
inline bool grad_enabled() { return detail::grad_mode(); }

/// While it lives, sets whether this thread records.
class GradMode {
 public:
  explicit GradMode(bool enabled) : before_(detail::grad_mode()) { detail::grad_mode() = enabled; }
  ~GradMode() { detail::grad_mode() = before_; }
  GradMode(const GradMode&) = delete;
  GradMode& operator=(const GradMode&) = delete;

 private:
  bool before_;
};

/// While it lives, nothing on this thread is recorded, and parameters may be written: `NoGrad guard;`.
class NoGrad : GradMode {
 public:
  NoGrad() : GradMode(false) {}
};

}  // namespace agon
