#!/usr/bin/env bash
# Downloads MNIST, four files of 11.6 MB in all, into FOLDER (data/mnist). Files that are there and right stay as they
# are; a file takes its name only after its SHA-256 was checked.
#
#   scripts/get_mnist.sh [FOLDER]
#
# AGON_MNIST_MIRRORS       addresses to try in turn, separated by spaces
# AGON_MNIST_SHA256SUMS    a file of lines "SHA-256 NAME" in place of the list below
set -euo pipefail
. "$(dirname "$0")/lib.sh"

mirrors='https://ossci-datasets.s3.amazonaws.com/mnist https://storage.googleapis.com/cvdf-datasets/mnist'
mirrors=${AGON_MNIST_MIRRORS:-$mirrors}
max_bytes=16777216
sums='
440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609 train-images-idx3-ubyte.gz
3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c train-labels-idx1-ubyte.gz
8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6 t10k-images-idx3-ubyte.gz
f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6 t10k-labels-idx1-ubyte.gz
'

has_sum() { [ "$(sha256sum <"$1" | cut -d ' ' -f 1)" = "$2" ]; }

# download URL FILE SHA256: says in one line why not.
download() {
  local url=$1 file=$2 sum=$3 why status=0
  # curl's own limit does not hold where a server gives no length, so head cuts; one byte more than allowed tells.
  why=$({ curl --fail --silent --show-error --location --proto '=http,https' --connect-timeout 15 --max-time 300 \
    --speed-limit 1000 --speed-time 30 "$url" | head -c $((max_bytes + 1)) >"$file"; } 2>&1) || status=$?
  if [ "$(wc -c <"$file")" -gt "$max_bytes" ]; then
    say "$url: more than $max_bytes bytes" >&2
  elif [ "$status" != 0 ]; then
    say "$url: ${why//$'\n'/ }" >&2
  elif ! has_sum "$file" "$sum"; then
    say "$url: wrong SHA-256 ($(wc -c <"$file") bytes)" >&2
  else
    return 0
  fi
  return 1
}

get() {
  local sum=$1 name=$2 mirror
  if [ -f "$folder/$name" ] && has_sum "$folder/$name" "$sum"; then
    say "$folder/$name is there"
    return
  fi
  for mirror in $mirrors; do
    if download "${mirror%/}/$name" "$temporary/$name" "$sum"; then
      mv "$temporary/$name" "$folder/$name"
      say "$folder/$name downloaded"
      return
    fi
  done
  fail "$name: no mirror gave the right file"
}

if [[ ${1:-} == -h || ${1:-} == --help ]]; then
  help
  exit
fi
[ $# -le 1 ] && [[ ${1:-} != -* ]] || fail "usage: get_mnist.sh [FOLDER]"
command -v curl >/dev/null || fail "curl is needed and was not found (apt-get install curl)"
if [ -n "${AGON_MNIST_SHA256SUMS:-}" ]; then
  [ -r "$AGON_MNIST_SHA256SUMS" ] || fail "AGON_MNIST_SHA256SUMS=$AGON_MNIST_SHA256SUMS cannot be read"
  sums=$(<"$AGON_MNIST_SHA256SUMS")
fi

folder=${1:-$root/data/mnist}
mkdir -p "$folder" 2>/dev/null || fail "$folder: cannot be made"
temporary=$(mktemp -d "$folder/.download.XXXXXX" 2>/dev/null) || fail "$folder: cannot be written to"
trap 'rm -rf "$temporary"' EXIT

while read -r sum name; do
  [ -z "$sum" ] || get "$sum" "$name"
done <<<"$sums"
