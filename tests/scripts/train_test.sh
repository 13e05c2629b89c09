#!/usr/bin/env bash
# train.sh and lib.sh with stand-ins for cmake, apt-get and the like: what is installed, configured and handed on.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# stub NAME: makes a command of standard input that writes its arguments into the file calls first
mkdir "$work/bin"
stub() {
  { printf '#!/bin/sh\necho "%s $*" >>"%s/calls"\n' "$1" "$work" && cat; } >"$work/bin/$1"
  chmod +x "$work/bin/$1"
}
stub id <<<'echo 0'
stub dpkg-query <<<'echo installed'
stub apt-get <<<'true'
stub curl <<<'true'
stub make <<<'true'
stub c++ <<<'true'
# A build gives a trainer that prints its arguments.
stub cmake <<'CMAKE'
case $1 in
  --version) echo "cmake version ${FAKE_CMAKE_VERSION-3.25.1}"; [ -n "${FAKE_CMAKE_VERSION-3.25.1}" ] ;;
  -S) mkdir -p "$4" && : >"$4/CMakeCache.txt" && [ -z "${FAKE_CMAKE_FAILS:-}" ] ;;
  --build) mkdir -p "$2/examples" && printf '#!/bin/sh\necho "trainer: $*"\n' >"$2/examples/mnist_sagan" &&
    chmod +x "$2/examples/mnist_sagan" ;;
esac
CMAKE
mkdir "$work/mnist"
for name in train-images-idx3 train-labels-idx1 t10k-images-idx3 t10k-labels-idx1; do : >"$work/mnist/$name-ubyte"; done

# run ARGUMENT...: train.sh; the exit status in $status, what was printed in $output, the stand-ins' calls in $calls
run() {
  status=0
  : >"$work/calls"
  output=$(PATH="$work/bin:$PATH" CXX='' AGON_MNIST_DIR="$work/mnist" AGON_BUILD_DIR="$work/build" \
    "$root/scripts/train.sh" "$@" 2>&1) || status=$?
  calls=$(<"$work/calls")
}
. "$here/expect.sh"
called() { [[ $calls == *"$1"* ]]; }

FAKE_CMAKE_FAILS=1 run
expect "a configuration that fails ends it" [ "$status" != 0 ]
run --steps 5
expect "and is made again" called "cmake -S $root"
expect "the data's folder is handed on, with all arguments" says "trainer: train --data $work/mnist --steps 5"
run --data drawn
expect "data that was given stays" says "trainer: train --data drawn"
run --resume --out there
expect "a run to resume knows its data" says "trainer: train --resume --out there"

stub dpkg-query <<<'echo not-installed'
stub apt-get <<<'case $* in *update*) echo "E: a repository of others" && exit 100 ;; esac'
run
expect "what is missing is installed although an update fails" called "install --no-install-recommends zlib1g-dev"
expect "without a word about it" [ "$status" = 0 ]

stub apt-get <<<'echo "E: no such package" && exit 100'
FAKE_CMAKE_VERSION='' run
expect "without cmake it ends" [ "$status" = 1 ]
expect "and says that cmake is missing" says "cmake 3.23 or newer is needed and was not found"
expect "and what apt-get had to say" says "E: no such package"
FAKE_CMAKE_VERSION=3.16.3 run
expect "with an old cmake as well" says "cmake 3.23 or newer is needed, found 3.16.3"

[ "$failures" = 0 ] && echo "train.sh: all cases passed"
exit $((failures > 0))
