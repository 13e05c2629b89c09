#!/usr/bin/env bash
# Trains the conditional self-attention GAN on MNIST. Installs what is missing (Debian, as root or with sudo), builds
# the trainer, finds or downloads the data, and hands its arguments on to `mnist_sagan train`:
#
#   scripts/train.sh [ARGUMENT OF mnist_sagan train...]     scripts/train.sh --help lists them
#
# The data: --data if given, else that of the run with --resume, else AGON_MNIST_DIR, else data/mnist, else a download
# into data/mnist, else drawn digits.
#
# AGON_BUILD_DIR        where to build (build/release)
set -euo pipefail
. "$(dirname "$0")/lib.sh"

wants_data() {
  local argument
  for argument in "$@"; do
    case $argument in --data | --data=* | --resume | -h | --help) return 1 ;; esac
  done
}

# All four files, packed or not, in either of the spellings in use.
has_mnist() {
  local name
  for name in train-images?idx3 train-labels?idx1 t10k-images?idx3 t10k-labels?idx1; do
    compgen -G "$1/$name-ubyte*" >/dev/null || return 1
  done
}

find_data() {
  if [ -n "${AGON_MNIST_DIR:-}" ]; then
    has_mnist "$AGON_MNIST_DIR" || fail "AGON_MNIST_DIR=$AGON_MNIST_DIR has not all of MNIST's four files"
    data=$AGON_MNIST_DIR
  elif has_mnist "$root/data/mnist" || "$root/scripts/get_mnist.sh" "$root/data/mnist"; then
    data=$root/data/mnist
  else
    say "MNIST could not be downloaded (see above). Training on drawn digits instead: --data drawn." >&2
    say "To train on MNIST, put its four files into a folder and pass --data FOLDER." >&2
    data=drawn
  fi
}

build=${AGON_BUILD_DIR:-$root/build/release}
install_build_tools libcli11-dev curl=curl ca-certificates

cmake -S "$root" -B "$build" -DCMAKE_BUILD_TYPE=Release -DAGON_IO=ON -DAGON_BUILD_TESTS=OFF -DAGON_BUILD_BENCHMARKS=OFF
cmake --build "$build" --target mnist_sagan --parallel "$(build_jobs)"
trainer=$build/examples/mnist_sagan

if wants_data "$@"; then
  find_data
  set -- --data "$data" "$@"
fi
exec "$trainer" train "$@"
