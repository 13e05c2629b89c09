#pragma once

#include <agon/core/error.hpp>

#include <atomic>
#include <cstdlib>
#include <string_view>

#if (defined(__x86_64__) || defined(__i386__)) && (defined(__GNUC__) || defined(__clang__))
#define AGON_X86 1
#else
#define AGON_X86 0
#endif

namespace agon {

/// Instruction sets the kernels are built for. `generic` is what the compiler's flags allow anywhere.
enum class Isa { generic, avx2, avx512 };

/// "generic", "avx2" or "avx512", as AGON_ISA takes them.
inline std::string_view name(Isa isa) { return isa == Isa::avx512 ? "avx512" : isa == Isa::avx2 ? "avx2" : "generic"; }

/// Whether this CPU and operating system can run the kernels of `isa`.
inline bool supported(Isa isa) {
#if AGON_X86
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
                      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
  return isa == Isa::generic || (isa == Isa::avx2 ? avx2 : avx512);
#else
  return isa == Isa::generic;
#endif
}

namespace detail {

inline Isa choose_isa() {
  if (const char* wanted = std::getenv("AGON_ISA"); wanted && *wanted) {
    for (Isa isa : {Isa::generic, Isa::avx2, Isa::avx512})
      if (name(isa) == wanted) {
        check(supported(isa), "AGON_ISA=", wanted, ": this CPU lacks it; expected one it has, or no AGON_ISA at all");
        return isa;
      }
    check(false, "AGON_ISA=", wanted, ": unknown instruction set; expected avx512, avx2 or generic");
  }
  return supported(Isa::avx512) ? Isa::avx512 : supported(Isa::avx2) ? Isa::avx2 : Isa::generic;
}

inline std::atomic<Isa>& isa_in_use() {
  static std::atomic<Isa> isa{choose_isa()};
  return isa;
}

}  // namespace detail

/// The instruction set the kernels run on: the best this CPU has, or what the environment variable AGON_ISA names.
inline Isa active_isa() { return detail::isa_in_use().load(std::memory_order_relaxed); }

/// Makes the kernels of the whole process run on `isa`; meant for tests and benchmarks. Throws Error when the CPU
/// lacks it.
inline void use_isa(Isa isa) {
  check(supported(isa), "use_isa: this CPU lacks ", name(isa));
  detail::isa_in_use().store(isa, std::memory_order_relaxed);
}

}  // namespace agon
