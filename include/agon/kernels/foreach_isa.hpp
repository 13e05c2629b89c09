// Includes the file AGON_KERNEL_BODY once per instruction set, each time inside a compiler target region and with
// AGON_ISA (the namespace to open) and AGON_VECTOR_BYTES set. No include guard: every kernel header includes it again.
// A [[target]] attribute on a function would not reach the templates and lambdas in it; a region does. Bodies include
// nothing: standard headers come before the region, so that no std:: function is compiled for a CPU that lacks it.

#include <agon/core/isa.hpp>

#define AGON_ISA generic
#if defined(__GNUC__) || defined(__clang__)
#define AGON_VECTOR_BYTES 16
#else
#define AGON_VECTOR_BYTES 0
#endif
#include AGON_KERNEL_BODY
#undef AGON_ISA
#undef AGON_VECTOR_BYTES

#if AGON_X86

#define AGON_ISA avx2
#define AGON_VECTOR_BYTES 32
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx,avx2,fma"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx,avx2,fma")
#endif
#include AGON_KERNEL_BODY
#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#undef AGON_ISA
#undef AGON_VECTOR_BYTES

#define AGON_ISA avx512
#define AGON_VECTOR_BYTES 64
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx,avx2,fma,avx512f,avx512dq,avx512bw,avx512vl"))), \
                             apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx,avx2,fma,avx512f,avx512dq,avx512bw,avx512vl,prefer-vector-width=512")
#endif
#include AGON_KERNEL_BODY
#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#undef AGON_ISA
#undef AGON_VECTOR_BYTES

#endif
#undef AGON_KERNEL_BODY
