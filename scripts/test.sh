#!/usr/bin/env bash
# Builds agon and runs its tests. Installs what is missing (Debian, as root or with sudo).
#
#   scripts/test.sh [ARGUMENT OF CTEST...]     for example: scripts/test.sh -R ops, scripts/test.sh -LE slow
#
# AGON_MNIST_DIR        folder of MNIST's files, for the tests that want the real data
# AGON_BUILD_DIR        where to build (build/test)
# AGON_CMAKE_OPTIONS    more options for cmake, separated by spaces
set -euo pipefail
. "$(dirname "$0")/lib.sh"
cd "$root"

build=${AGON_BUILD_DIR:-build/test}
read -ra options <<<"${AGON_CMAKE_OPTIONS:-}"

install_build_tools catch2 libeigen3-dev libcli11-dev pkg-config=pkg-config curl=curl python3=python3

cmake -S . -B "$build" -DAGON_IO=ON -DAGON_COMPILED=ON -DAGON_BUILD_TESTS=ON -DAGON_BUILD_EXAMPLES=ON \
  -DAGON_BUILD_BENCHMARKS=OFF "${options[@]}"
cmake --build "$build" --parallel "$(build_jobs)"
cd "$build"
exec ctest --output-on-failure --no-tests=error "$@"
