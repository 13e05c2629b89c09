#pragma once

/// What agon/agon.hpp includes where AGON_COMPILED is defined, as the target agon::compiled does: kernels and
/// operations for float and double are compiled once, in that target, instead of in every unit. Library and users must
/// be built alike (agon/core/build.hpp): the names of the kernels carry the build's fingerprint, and so does a name
/// that every unit refers to, so that a difference is an error of the linker or, in a shared library, of the loader.
/// Only a linker that drops unused sections (--gc-sections) may miss it.

#include <agon/kernels/compiled.hpp>
#include <agon/ops/compiled.hpp>
