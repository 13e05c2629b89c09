#pragma once

/// Everything of agon::io.

#include <agon/io/file.hpp>
#include <agon/io/grid.hpp>
#include <agon/io/gzip.hpp>
#include <agon/io/idx.hpp>
#include <agon/io/mnist.hpp>
#include <agon/io/npy.hpp>
#include <agon/io/png.hpp>
#include <agon/io/safetensors.hpp>
