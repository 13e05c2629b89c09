#!/usr/bin/env bash
# get_mnist.sh against a server on loopback: the right file, a wrong checksum, 404, a connection cut off, a file without
# end, the fallback to the second mirror, and a second run that downloads nothing.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
script=$here/../../scripts/get_mnist.sh

for tool in python3 curl; do
  if ! command -v "$tool" >/dev/null; then
    echo "skipped: get_mnist.sh against a loopback server needs $tool"
    exit 77
  fi
done

work=$(mktemp -d)
server=
stop() {
  [ -z "$server" ] || kill "$server" 2>/dev/null || true
  rm -rf "$work"
}
trap stop EXIT

mkdir "$work/files"
for name in train-images-idx3 train-labels-idx1 t10k-images-idx3 t10k-labels-idx1; do
  printf 'the file %s\n' "$name" >"$work/files/$name-ubyte.gz"
done
(cd "$work/files" && sha256sum ./*.gz | sed 's|\./||') >"$work/sums"

timeout 120 python3 "$here/server.py" "$work/files" "$work/port" &
server=$!
for _ in $(seq 100); do
  [ -s "$work/port" ] && break
  sleep 0.1
done
[ -s "$work/port" ] || { echo "the server did not start"; exit 1; }
address=http://127.0.0.1:$(<"$work/port")

# run FOLDER MIRROR...: the exit status in $status, what was printed in $output
run() {
  local folder=$1 mirrors=
  shift
  for mirror in "$@"; do mirrors+="$address/$mirror "; done
  status=0
  output=$(env -u http_proxy -u all_proxy no_proxy=127.0.0.1 AGON_MNIST_SHA256SUMS="$work/sums" \
    AGON_MNIST_MIRRORS="$mirrors" timeout 60 "$script" "$work/$folder" 2>&1) || status=$?
}

. "$here/expect.sh"
refused() { [ "$status" != 0 ] && [ -z "$(ls -A "$work/$1")" ]; }

umask 022
run right good
expect "the right files are taken" [ "$status" = 0 ]
expect "they may be read by all" [ -z "$(find "$work/right" -type f ! -perm 644)" ]
expect "they have the server's bytes" diff -r "$work/files" "$work/right"

run right missing
expect "a second run needs no server" [ "$status" = 0 ]
expect "and says so" says "is there"

printf 'spoilt\n' >"$work/right/t10k-labels-idx1-ubyte.gz"
run right good
expect "a spoilt file is downloaded again" diff -r "$work/files" "$work/right"

run wrong wrong
expect "a wrong checksum is refused and leaves nothing behind" refused wrong
expect "and named" says "wrong SHA-256"

run missing missing
expect "404 is refused and leaves nothing behind" refused missing
expect "and named" says "404"

run cut cut
expect "a connection cut off is refused and leaves nothing behind" refused cut
expect "and named" says "curl: (18)"

run endless endless
expect "a file without end is refused and leaves nothing behind" refused endless
expect "and named" says "more than 16777216 bytes"

run fallback missing wrong good
expect "the next mirror is tried" [ "$status" = 0 ]
expect "and gives the right files" diff -r "$work/files" "$work/fallback"

[ "$failures" = 0 ] && echo "get_mnist.sh: all cases passed"
exit $((failures > 0))
