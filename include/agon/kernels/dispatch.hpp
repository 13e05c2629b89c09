#pragma once

#include <agon/core/build.hpp>
#include <agon/core/isa.hpp>

/// Returns the call `...` of the instruction set's namespace: AGON_DISPATCH_ON(isa, exp_map(x, y, n)) calls
/// avx512::exp_map, avx2::exp_map or generic::exp_map.
#if AGON_X86
#define AGON_DISPATCH_ON(isa, ...)   \
  do {                               \
    switch (isa) {                   \
      case ::agon::Isa::avx512:      \
        return avx512::__VA_ARGS__;  \
      case ::agon::Isa::avx2:        \
        return avx2::__VA_ARGS__;    \
      default:                       \
        return generic::__VA_ARGS__; \
    }                                \
  } while (false)
#else
#define AGON_DISPATCH_ON(isa, ...) return generic::__VA_ARGS__
#endif

/// The same for the active instruction set.
#define AGON_DISPATCH(...) AGON_DISPATCH_ON(::agon::active_isa(), __VA_ARGS__)

#if defined(__GNUC__) || defined(__clang__)
#define AGON_INLINE inline __attribute__((always_inline))
#else
#define AGON_INLINE inline
#endif
