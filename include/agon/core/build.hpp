#pragma once

/// The build's fingerprint: code that compiles differently under different compiler flags lives in the inline namespace
/// AGON_BUILD, so that translation units that differ in instruction set, FMA, -ffast-math or -ffinite-math-only,
/// OpenMP, sanitizers or _GLIBCXX_DEBUG do not share a body at link time. Other flags (-O, -fno-signed-zeros, ...) are
/// not told apart.

#if defined(__AVX512F__)
#define AGON_BUILD_ISA avx512
#elif defined(__AVX2__)
#define AGON_BUILD_ISA avx2
#elif defined(__AVX__)
#define AGON_BUILD_ISA avx
#elif defined(__SSE4_2__)
#define AGON_BUILD_ISA sse42
#else
#define AGON_BUILD_ISA base
#endif

#if defined(__FMA__)
#define AGON_BUILD_FMA _fma
#else
#define AGON_BUILD_FMA _nofma
#endif

#if defined(__FAST_MATH__)
#define AGON_BUILD_MATH _fast
#elif defined(__FINITE_MATH_ONLY__) && __FINITE_MATH_ONLY__
#define AGON_BUILD_MATH _finite
#else
#define AGON_BUILD_MATH _strict
#endif

#if defined(_OPENMP)
#define AGON_BUILD_THREADS _omp
#else
#define AGON_BUILD_THREADS _serial
#endif

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define AGON_BUILD_CHECKS _sanitized
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define AGON_BUILD_CHECKS _sanitized
#endif
#endif
#if !defined(AGON_BUILD_CHECKS)
#define AGON_BUILD_CHECKS _plain
#endif

#if defined(_GLIBCXX_DEBUG)
#define AGON_BUILD_LIBRARY _debug
#else
#define AGON_BUILD_LIBRARY
#endif

#define AGON_BUILD_PASTE_(a, b, c, d, e, f) a##b##c##d##e##f
#define AGON_BUILD_PASTE(a, b, c, d, e, f) AGON_BUILD_PASTE_(a, b, c, d, e, f)
#define AGON_BUILD                                                                                         \
  AGON_BUILD_PASTE(AGON_BUILD_ISA, AGON_BUILD_FMA, AGON_BUILD_MATH, AGON_BUILD_THREADS, AGON_BUILD_CHECKS, \
                   AGON_BUILD_LIBRARY)
