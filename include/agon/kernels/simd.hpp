#pragma once

#include <agon/kernels/dispatch.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>

#if AGON_X86
#include <immintrin.h>
#endif

#define AGON_KERNEL_BODY <agon/kernels/simd-inl.hpp>
#include <agon/kernels/foreach_isa.hpp>
