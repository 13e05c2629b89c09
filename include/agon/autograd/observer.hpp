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
  std::vector<Shape> shapes;         ///< of the results; gradients may have those of earlier rules added (take_sum)
  std::int64_t bytes = 0;            ///< of the results
  double seconds = 0;                ///< forward: since the event before on this thread; backward: the rule itself
  std::function<bool()> all_finite;  ///< looks at every result; valid during the call only
};

/// What an ObserverScope calls.
using Observer = std::function<void(const OpEvent&)>;

namespace detail {

struct ObserverLink {
  Observer observer;
  ObserverLink* outer = nullptr;
};

/// The observers of a thread, the innermost scope's first, and when they were called last.
struct ObserverState {
  ObserverLink* innermost = nullptr;
  std::chrono::steady_clock::time_point last{};
};

inline ObserverState& observer_state() {
  thread_local ObserverState state;
  return state;
}

/// Takes a thread's observers away while it lives: what an observer computes is not observed.
class ObserverPause {
 public:
  ObserverPause() : innermost(std::exchange(observer_state().innermost, nullptr)) {}
  ~ObserverPause() { observer_state() = {innermost, std::chrono::steady_clock::now()}; }
  ObserverPause(const ObserverPause&) = delete;
  ObserverPause& operator=(const ObserverPause&) = delete;

  ObserverLink* const innermost;
};

inline void call_observers(const OpEvent& event) {
  const ObserverPause pause;
  for (auto* link = pause.innermost; link; link = link->outer) link->observer(event);
}

}  // namespace detail

/// While it lives, `observer` is called after every operation and every rule on this thread, for profiling, memory
/// accounting or checks; those of the scopes around it are called after it. Operations of the observer itself are not
/// observed. What it throws ends the operation.
class ObserverScope {
 public:
  explicit ObserverScope(Observer observer) : link_{std::move(observer), detail::observer_state().innermost} {
    if (!link_.outer) detail::observer_state().last = std::chrono::steady_clock::now();
    detail::observer_state().innermost = &link_;
  }
  ~ObserverScope() { detail::observer_state().innermost = link_.outer; }
  ObserverScope(const ObserverScope&) = delete;
  ObserverScope& operator=(const ObserverScope&) = delete;

 private:
  detail::ObserverLink link_;
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
