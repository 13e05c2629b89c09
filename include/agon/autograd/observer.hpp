#pragma once

#include <agon/core/error.hpp>
#include <agon/core/shape.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <string_view>
#include <utility>
#include <vector>

namespace agon {

/// One operation that ran on this thread.
struct OpEvent {
  std::string_view op;
  bool backward = false;             ///< the operation's rule ran, rather than its forward
  std::vector<Shape> shapes;         ///< of the results
  std::int64_t bytes = 0;            ///< of the results
  double seconds = 0;                ///< forward: since the event before on this thread; backward: the rule itself
  std::function<bool()> all_finite;  ///< looks at every result; valid during the call only
};

using Observer = std::function<void(const OpEvent&)>;

namespace detail {

struct ObserverState {
  Observer observer;
  std::chrono::steady_clock::time_point last = std::chrono::steady_clock::now();
  ObserverState* before = nullptr;
};

inline ObserverState*& observer_state() {
  thread_local ObserverState* state = nullptr;
  return state;
}

}  // namespace detail

/// While it lives, `observer` is called after every operation and every rule on this thread, for profiling, memory
/// accounting or checks. What it throws ends the operation.
class ObserverScope {
 public:
  explicit ObserverScope(Observer observer) {
    state_.observer = std::move(observer);
    state_.before = std::exchange(detail::observer_state(), &state_);
  }
  ~ObserverScope() { detail::observer_state() = state_.before; }
  ObserverScope(const ObserverScope&) = delete;
  ObserverScope& operator=(const ObserverScope&) = delete;

 private:
  detail::ObserverState state_;
};

/// While it lives, the first operation or rule on this thread that yields an infinity or NaN throws GraphError with its
/// name and the shape of its result.
class AnomalyMode : ObserverScope {
 public:
  AnomalyMode()
      : ObserverScope([](const OpEvent& event) {
          check<GraphError>(event.all_finite(), event.op, event.backward ? " (backward)" : "", ": result of shape ",
                            event.shapes.empty() ? Shape{} : event.shapes.front(),
                            " holds an infinity or NaN; expected finite values");
        }) {}
};

}  // namespace agon
