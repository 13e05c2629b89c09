#pragma once

/// What agon/agon.hpp includes where AGON_COMPILED is defined, as the target agon::compiled does: kernels and
/// operations for float and double are compiled once, in that target, instead of in every unit. Library and users must
/// be built with the same instruction set, -ffast-math, OpenMP and sanitizer flags: the names of the kernels carry the
/// build's fingerprint, and so does a name that every unit refers to, so that a difference is an error of the linker.

#include <agon/kernels/compiled.hpp>
#include <agon/ops/compiled.hpp>
