#!/usr/bin/env bash
# usage: mnist_sagan_test.sh TRAINER: the trainer as its users call it, on drawn digits and the smallest network: help,
# nonsense, a short run, the same weights at any number of threads, an interrupted run, sampling, damaged weights.
set -euo pipefail

if [ $# -lt 1 ]; then
  echo "skipped: mnist_sagan was not built"
  exit 77
fi
trainer=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

# run ARGUMENT...: the exit status in $status, what was printed in the files out and err
run() {
  status=0
  timeout 300 "$trainer" "$@" >out 2>err </dev/null || status=$?
}
train() { run train --data drawn --size tiny --batch 8 --seed 7 "$@"; }

failures=0
# expect WHAT CONDITION...: the condition is a command
expect() {
  local what=$1
  shift
  if ! "$@"; then
    echo "FAILED: $what (status $status)"
    head -n 20 out err
    failures=$((failures + 1))
  fi
}
succeeds() { [ "$status" = 0 ]; }
# One line on stderr, and neither success nor a crash.
refuses() { [ "$status" != 0 ] && [ "$status" -lt 124 ] && [ "$(grep -c . err)" = 1 ]; }
absent() { ! compgen -G "$1" >/dev/null; }
present() { compgen -G "$1" >/dev/null; }
without_carriage_returns() { ! grep -q $'\r' out err; }
lists_flags() {
  local flag
  for flag in data size loss penalty attention steps epochs batch lr-g lr-d seed threads out; do
    grep -q -e "--$flag" out || { echo "  --$flag is not in the help"; return 1; }
  done
}

run --help
expect "--help succeeds" succeeds
run train --help
expect "train --help succeeds" succeeds
expect "and lists the flags" lists_flags

for nonsense in "" "fly" "train --no-such-flag" "train --size enormous" "train --loss none" "train --attention maybe" \
  "train --steps many" "train --batch 0" "train --steps -1" "train --data $work/no/such/folder" "sample" \
  "sample --weights $work/none.safetensors --out $work/refused"; do
  read -ra arguments <<<"$nonsense"
  if [ "${arguments[0]:-}" = train ]; then arguments+=(--out "$work/refused"); fi
  run "${arguments[@]}"
  expect "'$nonsense' is refused in one line" refuses
  expect "'$nonsense' leaves nothing behind" absent "refused/*"
done

train --steps 3 --threads 1 --out one
expect "a run of three steps succeeds" succeeds
expect "its log has lines, no bar" without_carriage_returns
for file in csv png safetensors; do expect "it writes a .$file" present "one/*.$file"; done

train --steps 3 --threads 2 --out two
weights=$(cd one && ls ./*.safetensors)
for name in $weights; do
  expect "two threads give the same $name" cmp "one/$name" "two/$name"
done
name=$(head -n 1 <<<"$weights")

status=0
timeout --preserve-status --signal INT --kill-after 60 10 \
  "$trainer" train --data drawn --size tiny --batch 8 --steps 100000000 --out stopped >out 2>err </dev/null || status=$?
expect "Ctrl-C ends a run" [ "$status" -lt 137 ]
expect "and saves the weights" present "stopped/*.safetensors"

run sample --weights "one/$name" --per-digit 2 --seed 1 --out first
expect "sampling succeeds" succeeds
expect "it draws a grid" present "first/*.png"
run sample --weights "one/$name" --per-digit 2 --seed 1 --out second
expect "the same seed gives the same digits" cmp first/samples.npy second/samples.npy
expect "20 digits of 28 x 28 bytes" [ "$(($(wc -c <first/samples.npy) - 20 * 28 * 28))" -le 256 ]
expect "and their labels" present first/labels.npy

head -c 1000 "one/$name" >cut.safetensors
run sample --weights cut.safetensors --per-digit 2 --out refused
expect "damaged weights are refused in one line" refuses
expect "and leave nothing behind" absent "refused/*"

[ "$failures" = 0 ] && echo "mnist_sagan: all cases passed"
exit $((failures > 0))
