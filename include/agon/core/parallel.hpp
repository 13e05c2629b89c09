#pragma once

#include <agon/core/build.hpp>

#include <algorithm>
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

/// Calls `body(chunk)` for every chunk in [0, chunks), several at a time. What a chunk is must follow from the problem
/// alone, never from the number of threads: then results do not depend on it. Workers run in the caller's
/// floating-point mode. If chunks throw, the exception of the lowest one is rethrown after all have ended.
template <class Body>
void parallel_chunks(std::int64_t chunks, const Body& body) {
  const auto threads = static_cast<int>(std::min<std::int64_t>(num_threads(), chunks));
  if (threads <= 1) {
    for (std::int64_t chunk = 0; chunk < chunks; ++chunk) body(chunk);
    return;
  }
#if defined(_OPENMP)
  std::exception_ptr error;
  std::int64_t failed = std::numeric_limits<std::int64_t>::max();
  const unsigned mode = detail::float_mode();
#pragma omp parallel num_threads(threads)
  {
    const unsigned own_mode = detail::float_mode();
    detail::set_float_mode(mode);
#pragma omp for schedule(dynamic, 1) nowait
    for (std::int64_t chunk = 0; chunk < chunks; ++chunk) {
      try {
        body(chunk);
      } catch (...) {
#pragma omp critical(agon_parallel_error)
        if (chunk < failed) {
          failed = chunk;
          error = std::current_exception();
        }
      }
    }
    detail::set_float_mode(own_mode);
  }
  if (error) std::rethrow_exception(error);
#endif
}

/// Calls `body(first, last)` for consecutive pieces of [0, n), each of `grain` elements (the last may be shorter).
template <class Body>
void parallel_for(std::int64_t n, std::int64_t grain, const Body& body) {
  grain = std::max<std::int64_t>(grain, 1);
  if (n <= grain) {
    if (n > 0) body(std::int64_t{0}, n);
    return;
  }
  parallel_chunks((n + grain - 1) / grain, [&](std::int64_t chunk) {
    const auto first = chunk * grain;
    body(first, std::min(first + grain, n));
  });
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
