#pragma once

#include <agon/kernels/simd.hpp>

#define AGON_KERNEL_BODY <agon/kernels/simd_loop-inl.hpp>
#include <agon/kernels/foreach_isa.hpp>
