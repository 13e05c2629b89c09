#pragma once

#include <agon/core/build.hpp>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <exception>
#include <limits>

#if defined(_OPENMP)
#include <omp.h>
#endif
#if defined(__SSE__)
#include <xmmintrin.h>
#endif

namespace agon {

namespace detail {

inline int& thread_limit() {
  thread_local int limit = 0;
  return limit;
}

#if defined(__SSE__)
inline unsigned float_mode() { return _mm_getcsr(); }
inline void set_float_mode(unsigned mode) { _mm_setcsr(mode); }
#else
inline unsigned float_mode() { return 0; }
inline void set_float_mode(unsigned) {}
#endif

}  // namespace detail

inline namespace AGON_BUILD {

/// How many threads the calling thread's parallel loops use: the innermost ThreadScope's number, else OpenMP's default,
/// 1 without OpenMP and inside a parallel region.
inline int num_threads() {
#if defined(_OPENMP)
  if (omp_in_parallel()) return 1;
  return detail::thread_limit() > 0 ? detail::thread_limit() : omp_get_max_threads();
#else
  return 1;
#endif
}

}  // namespace AGON_BUILD

namespace detail {
inline namespace AGON_BUILD {

/// A loop body without its type, so that there is one parallel loop to compile and not one for every body.
template <class... Arguments>
struct BodyRef {
  const void* body;
  void (*call)(const void*, Arguments...);
};

template <class... Arguments, class Body>
BodyRef<Arguments...> body_ref(const Body& body) {
  return {&body, [](const void* b, Arguments... arguments) { (*static_cast<const Body*>(b))(arguments...); }};
}

/// The chunks [next, end) of a parallel loop that one thread takes first. Thread by thread they are the same in every
/// loop of as many chunks, so that a thread finds in its caches what it wrote before; who is done early helps the
/// others.
struct alignas(64) Share {
  static constexpr int most = 64;
  std::atomic<std::int64_t> next{0};
  std::int64_t end = 0;
};

inline void run_chunks(std::int64_t chunks, const BodyRef<std::int64_t>& body) {
  const auto threads = static_cast<int>(std::min<std::int64_t>(num_threads(), chunks));
  if (threads <= 1) {
    for (std::int64_t chunk = 0; chunk < chunks; ++chunk) body.call(body.body, chunk);
    return;
  }
#if defined(_OPENMP)
  std::exception_ptr error;
  std::int64_t failed = std::numeric_limits<std::int64_t>::max();
  const unsigned mode = float_mode();
  Share shares[Share::most];
  const int count = std::min(threads, Share::most);
  for (int s = 0; s < count; ++s) {
    shares[s].next = chunks * s / count;
    shares[s].end = chunks * (s + 1) / count;
  }
#pragma omp parallel num_threads(threads)
  {
    const unsigned own_mode = float_mode();
    set_float_mode(mode);
    for (int s = 0, own = omp_get_thread_num(); s < count; ++s) {
      Share& share = shares[(own + s) % count];
      for (std::int64_t chunk; (chunk = share.next.fetch_add(1, std::memory_order_relaxed)) < share.end;) {
        try {
          body.call(body.body, chunk);
        } catch (...) {
#pragma omp critical(agon_parallel_error)
          if (chunk < failed) {
            failed = chunk;
            error = std::current_exception();
          }
        }
      }
    }
    set_float_mode(own_mode);
  }
  if (error) std::rethrow_exception(error);
#endif
}

inline void run_pieces(std::int64_t n, std::int64_t grain, const BodyRef<std::int64_t, std::int64_t>& body) {
  grain = std::max<std::int64_t>(grain, 1);
  if (n <= grain) {
    if (n > 0) body.call(body.body, 0, n);
    return;
  }
  const auto piece = [&](std::int64_t chunk) {
    const auto first = chunk * grain;
    body.call(body.body, first, std::min(first + grain, n));
  };
  run_chunks((n + grain - 1) / grain, body_ref<std::int64_t>(piece));
}

}  // namespace AGON_BUILD
}  // namespace detail

inline namespace AGON_BUILD {

/// Calls `body(chunk)` for every chunk in [0, chunks), several at a time. What a chunk is must follow from the problem
/// alone, never from the number of threads: then results do not depend on it. Workers run in the caller's
/// floating-point mode. If chunks throw, the exception of the lowest one is rethrown after all have ended.
template <class Body>
void parallel_chunks(std::int64_t chunks, const Body& body) {
  detail::run_chunks(chunks, detail::body_ref<std::int64_t>(body));
}

/// Calls `body(first, last)` for consecutive pieces of [0, n), each of `grain` elements (the last may be shorter).
template <class Body>
void parallel_for(std::int64_t n, std::int64_t grain, const Body& body) {
  detail::run_pieces(n, grain, detail::body_ref<std::int64_t, std::int64_t>(body));
}

}  // namespace AGON_BUILD

/// While it lives, parallel loops started by this thread use `threads` threads. OpenMP's own settings stay untouched.
class ThreadScope {
 public:
  explicit ThreadScope(int threads) : before_(detail::thread_limit()) { detail::thread_limit() = std::max(threads, 1); }
  ~ThreadScope() { detail::thread_limit() = before_; }
  ThreadScope(const ThreadScope&) = delete;
  ThreadScope& operator=(const ThreadScope&) = delete;

 private:
  int before_;
};

/// While it lives, this thread and the workers of its parallel loops treat subnormal numbers as zero (FTZ and DAZ):
/// they are many times slower and appear when optimiser moments decay. Changes results in the last bits. Does nothing
/// where the compiler does not target SSE.
class FlushDenormals {
 public:
  FlushDenormals() : before_(detail::float_mode()) { detail::set_float_mode(before_ | 0x8040u); }
  ~FlushDenormals() { detail::set_float_mode(before_); }
  FlushDenormals(const FlushDenormals&) = delete;
  FlushDenormals& operator=(const FlushDenormals&) = delete;

 private:
  unsigned before_;
};

}  // namespace agon
