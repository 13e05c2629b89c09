#pragma once

/// Version of agon, the one place where it is written; CMake reads it from here.
#define AGON_VERSION_MAJOR 0
#define AGON_VERSION_MINOR 1
#define AGON_VERSION_PATCH 0
