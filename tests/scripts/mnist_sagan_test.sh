#!/usr/bin/env bash
# usage: mnist_sagan_test.sh TRAINER: mnist_sagan as its users call it, on drawn digits and the smallest networks: help,
# wrong usage, damaged files, folders with other files, short runs of every objective, the same weights at any number
# of threads and after an interrupt, a kill and a resumption, and sampling. Exits with 77 (skipped) without a trainer.
set -euo pipefail

if [ $# -lt 1 ] || [ ! -x "$1" ]; then
  echo "skipped: mnist_sagan was not built"
  exit 77
fi
trainer=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
unset AGON_MNIST_DIR

# run ARGUMENT...: the exit status in $status, what was printed in the files out and err
run() {
  status=0
  timeout "${limit:-300}" "$trainer" "$@" >out 2>err </dev/null || status=$?
}
tiny=(--data drawn --size tiny --batch 8 --seed 7)
train() { run train "${tiny[@]}" "$@"; }

failures=0
# expect WHAT COMMAND...: the command must succeed
expect() {
  local what=$1
  shift
  if ! "$@"; then
    echo "FAILED: $what (status $status)"
    head -n 20 out err
    failures=$((failures + 1))
  fi
}
exits() { [ "$status" = "$1" ]; }
silent() { [ ! -s err ]; }
one_line() { [ "$(wc -l <err)" = 1 ] && [ "$(grep -c . err)" = 1 ]; }
says() { grep -qe "$1" out err; }
absent() { [ ! -e "$1" ]; }
same_run() { cmp "$1/weights.safetensors" "$2/weights.safetensors" && cmp "$1/checkpoint.safetensors" "$2/checkpoint.safetensors"; }
# shape FILE TEXT: the header of an npy file has this shape
shape() { head -c 128 "$1" | grep -qaF "'shape': $2"; }
# refused STATUS WHAT ARGUMENT...: that status, one line on stderr, no folder `refused`
refused() {
  local wanted=$1 what=$2
  shift 2
  limit=30 run "$@"
  expect "$what: exit status $wanted" exits "$wanted"
  expect "$what: one line on stderr" one_line
  expect "$what: leaves nothing behind" absent refused
}

# --- help
for arguments in --help "train --help" "sample --help" "info --help" --version; do
  read -ra words <<<"$arguments"
  run "${words[@]}"
  expect "$arguments succeeds" exits 0
  expect "$arguments prints no error" silent
done
run train --help
for flag in data size loss penalty gamma attention norm spectral-norm steps epochs batch lr-g lr-d beta1 beta2 ema seed \
  threads out log-every sample-every save-every resume overwrite; do
  expect "the help has --$flag" says "--$flag "
done

# --- wrong usage
refused 2 "no subcommand"
refused 2 "unknown subcommand" fly
for wrong in "--no-such-flag" "--size enormous" "--loss none" "--penalty l2" "--gamma 3" "--penalty r1 --gamma -1" \
  "--attention maybe" "--attention-at 9" "--norm yes" "--steps many" "--steps 0" "--steps -1" "--steps 5 --epochs 1" \
  "--batch 0" "--lr-g nan" "--lr-d 0" "--beta1 1" "--ema 2" "--decay nan" "--seed -1" "--threads 0" "--resume --overwrite"; do
  read -ra words <<<"$wrong"
  refused 2 "train $wrong" train --data drawn --out refused "${words[@]}"
done
refused 2 "sample without weights" sample --out refused
refused 2 "a digit that is none" sample --weights w --digits 3,10 --out refused
refused 2 "no images" sample --weights w --per-digit 0 --out refused

# --- data that is not there or damaged
refused 1 "missing folder" train --data no/such/folder --out refused
mkdir mnist
refused 1 "folder without MNIST" train --data mnist --out refused
printf '\0\0\10\3\0\0\0\2\0\0\0\34\0\0\0\34too short' >mnist/train-images-idx3-ubyte
printf '\0\0\10\1\0\0\0\2\1\2' >mnist/train-labels-idx1-ubyte
refused 1 "truncated images" train --data mnist --out refused
AGON_MNIST_DIR=mnist refused 1 "truncated images by AGON_MNIST_DIR" train --out refused
refused 1 "batch larger than the data" train --data drawn --size tiny --batch 1000000 --out refused
: >file
refused 1 "out is a file" train "${tiny[@]}" --steps 1 --out file
refused 1 "out is below a file" train "${tiny[@]}" --steps 1 --out file/run
expect "the file is as it was" [ ! -s file ]
if [ "$(id -u)" != 0 ]; then
  mkdir locked && chmod 555 locked
  refused 1 "folder without permission" train "${tiny[@]}" --steps 1 --out locked/run
  refused 1 "folder that cannot be written" train "${tiny[@]}" --steps 1 --out locked
fi
refused 1 "nothing to resume" train --data drawn --resume --out refused

# --- the same weights at any number of threads
for threads in 1 2 4; do
  train --steps 50 --log-every 20 --sample-every 25 --threads "$threads" --out "threads$threads"
  expect "50 steps on $threads threads" exits 0
  expect "no error" silent
  expect "no bar where there is no terminal" [ "$(tr -dc '\r\033' <out | wc -c)" = 0 ]
done
expect "2 threads give the weights of 1" same_run threads1 threads2
expect "4 threads give the weights of 1" same_run threads1 threads4
for file in run.json log.csv samples/step_000025.png samples/step_000050.png; do
  expect "there is $file" [ -s "threads1/$file" ]
done
expect "nothing else is left" [ "$(find threads1 -type f | wc -l)" = 6 ]
expect "log.csv has rows for steps 20, 40 and 50" [ "$(cut -d, -f1 threads1/log.csv | paste -sd' ')" = "step 20 40 50" ]
expect "its rows are whole" [ "$(tr -dc ',\n' <threads1/log.csv | sort -u | wc -l)" = 1 ]

train --steps 3 --out threads1
expect "a folder with a run is refused" exits 1
expect "in one line" one_line
run train --data drawn --size tiny --batch 8 --seed 8 --steps 3 --overwrite --out threads4
expect "unless it may be overwritten" exits 0
expect "which removes what was there" absent threads4/samples/step_000025.png
expect "another seed gives other weights" [ "$(cmp -s threads1/weights.safetensors threads4/weights.safetensors; echo $?)" = 1 ]

# --- files that are not of a run of ours, and writes that fail
for file in weights.safetensors checkpoint.safetensors log.csv run.json samples/step_000001.png; do
  mkdir -p theirs/samples
  echo mine >"theirs/$file"
  train --steps 1 --out theirs
  expect "a folder with $file is refused" exits 1
  expect "in one line" one_line
  expect "and $file stays" [ "$(cat "theirs/$file")" = mine ]
  rm -r theirs
done
mkdir -p theirs/samples
for file in notes.txt samples/mine.png; do echo mine >"theirs/$file"; done
for file in log.csv.tmp-1-2 samples/step_000009.png.tmp-3-4; do : >"theirs/$file"; done
train --steps 1 --overwrite --out theirs
expect "--overwrite takes a folder with other files" exits 0
expect "keeps those" [ "$(cat theirs/notes.txt theirs/samples/mine.png)" = "$(printf 'mine\nmine')" ]
expect "and removes what cut off writes left" [ -z "$(find theirs -name '*.tmp-*')" ]

mkdir nosamples && : >nosamples/samples
refused 1 "samples is a file" train "${tiny[@]}" --steps 1 --out nosamples
expect "before anything is written" [ "$(ls nosamples)" = samples ]
mkdir -p blocked/samples/step_000003.png/full
train --steps 6 --sample-every 3 --save-every 0 --overwrite --out blocked
expect "a grid that cannot be written ends the run" exits 1
expect "in one line" one_line
expect "and the weights are saved" [ -s blocked/weights.safetensors ]
rm -r blocked/samples
run train --resume --out blocked
expect "from where it goes on" says "goes on after  step 3"
expect "to its end" exits 0
train --steps 6 --sample-every 3 --save-every 0 --out unblocked
expect "with the weights of a run that was not blocked" same_run blocked unblocked

# --- interrupted, killed, resumed
long=(--steps 300 --log-every 10 --sample-every 0 --save-every 7)
train "${long[@]}" --out straight
expect "a straight run" exits 0
# stopped SIGNAL FOLDER: sends the signal as soon as a first checkpoint is there
stopped() {
  "$trainer" train "${tiny[@]}" "${long[@]}" --out "$2" >out 2>err </dev/null &
  local pid=$!
  until [ -e "$2/checkpoint.safetensors" ] || ! kill -0 "$pid" 2>/dev/null; do sleep 0.02; done
  kill -s "$1" "$pid"
  status=0
  wait "$pid" 2>/dev/null || status=$?
}
stopped INT interrupted
expect "Ctrl-C ends a run with 130" exits 130
expect "and says that it is saved" says "Stopped after step"
expect "and has saved the weights" [ -s interrupted/weights.safetensors ]
stopped TERM terminated
expect "SIGTERM ends a run with 143" exits 143
stopped KILL killed
expect "kill ends a run at once" exits 137
printf '299,12,' >>killed/log.csv
: >killed/checkpoint.safetensors.tmp-1-2
for folder in interrupted terminated killed; do
  run train --resume --threads 1 --out "$folder"
  expect "$folder: resumes with the options it had" exits 0
  expect "$folder: ends with the weights of the straight run" same_run straight "$folder"
done
expect "what the killed write left is gone" [ -z "$(find killed -name '*.tmp-*')" ]
expect "the log of a killed run has every row once" [ "$(cut -d, -f1 killed/log.csv)" = "$(cut -d, -f1 straight/log.csv)" ]

run train --resume --out straight
expect "resuming a run that is done" exits 0
run train --resume --size small --out straight
expect "contradicting a run is wrong usage" exits 2
expect "in one line" one_line
run train --resume --lr-g 0.0010 --steps 305 --out straight
expect "--steps goes on further" exits 0
expect "to that step" says "step 305/305"
sed -i '1s/step/steps/' straight/log.csv && cp straight/log.csv log.before
run train --resume --steps 307 --out straight
expect "a log with other columns does not keep a run from going on" exits 0
expect "and is kept" cmp log.before straight/log.csv.until-305
expect "beside a new one" [ "$(cut -d, -f1 straight/log.csv | paste -sd' ')" = "step 307" ]
head -c 5000 straight/checkpoint.safetensors >cut
cp -r straight damaged && mv cut damaged/checkpoint.safetensors
run train --resume --steps 310 --out damaged
expect "a damaged checkpoint is refused" exits 1
expect "in one line" one_line
expect "and changes nothing" cmp straight/weights.safetensors damaged/weights.safetensors

# --- a run goes on with its own data alone
# digits FOLDER LABEL: 16 black images in MNIST's form
digits() {
  mkdir "$1"
  { printf '\0\0\10\3\0\0\0\20\0\0\0\34\0\0\0\34' && head -c 12544 /dev/zero; } >"$1/train-images-idx3-ubyte"
  { printf '\0\0\10\1\0\0\0\20' && printf "\\$2%.0s" {1..16}; } >"$1/train-labels-idx1-ubyte"
}
digits ones 1
digits twos 2
run train --data ones --size tiny --batch 8 --steps 2 --out own
expect "a run on files" exits 0
AGON_MNIST_DIR=twos run train --resume --steps 3 --out own
expect "goes on with its files" says "^data  *ones, 16 images"
for other in twos drawn; do
  run train --resume --steps 4 --data "$other" --out own
  expect "is refused with $other" exits 1
  expect "in one line" one_line
  expect "that says why" says "data set 'ones' of 16 images"
done
mv ones moved
run train --resume --steps 4 --out own
expect "cannot go on without its files" exits 1
run train --resume --steps 4 --data moved --out own
expect "and can wherever they are" exits 0

# --- every objective and kind of network
while read -ra words; do
  train --steps 2 --overwrite --out variant "${words[@]}"
  expect "train ${words[*]}" exits 0
  run sample --weights variant/weights.safetensors --per-digit 1 --out variant
  expect "sample after ${words[*]}" exits 0
done <<'VARIANTS'
--loss minimax --attention off
--loss non_saturating --penalty r1 --gamma 0.5
--loss least_squares --attention-at 7 --norm plain
--loss wasserstein --penalty wgan-gp --critic-steps 2
--loss relativistic --penalty r1r2
--loss hinge --penalty r2 --translation 0.1 --spectral-norm on --ema 0 --decay 0
VARIANTS

train --steps 200 --spectral-norm off --loss least_squares --lr-d 1e6 --lr-g 1e6 --save-every 0 --out diverged
expect "a run that diverges fails" exits 1
expect "in one line" one_line
expect "and saves nothing bad" absent diverged/weights.safetensors

# --- sampling
weights=threads1/weights.safetensors
run sample --weights "$weights" --per-digit 30 --seed 5 --threads 1 --out first
expect "sampling" exits 0
expect "images of every digit" shape first/samples.npy "(300, 28, 28)"
expect "of bytes" says "300 images"
expect "in a file of the right size" [ "$(wc -c <first/samples.npy)" = $((128 + 300 * 28 * 28)) ]
expect "their labels" shape first/labels.npy "(300,)"
expect "a grid" [ -s first/grid.png ]
run sample --weights "$weights" --per-digit 30 --seed 5 --threads 4 --out second
expect "the same seed gives the same images" cmp first/samples.npy second/samples.npy
run sample --weights "$weights" --per-digit 30 --seed 6 --out third
expect "another seed gives others" [ "$(cmp -s first/samples.npy third/samples.npy; echo $?)" = 1 ]
run sample --weights "$weights" --per-digit 2 --digits 7,1 --out some
expect "some digits" shape some/samples.npy "(4, 28, 28)"
run info --weights "$weights"
expect "info" exits 0
expect "says how long it was trained" says "50 training steps"
expect "and what is in it" says "attention.query.weight"

# Names and values in a file, of the same length as before, that would steer a terminal.
LC_ALL=C sed -e 's/"drawn digits"/"\\u001b[31mxy"/' -e 's/"settings\.critic-steps"/"settings.\\u001b[2Jabc"/' \
  "$weights" >coloured
run info --weights coloured
expect "info of a file with control characters" exits 0
expect "shows them" says "31mxy"
expect "both" says "2Jabc"
expect "without what steers a terminal" [ "$(tr -dc '\033' <out | wc -c)" = 0 ]

head -c 1000 "$weights" >cut.safetensors
head -c 4000 /dev/urandom >noise.safetensors
for file in none.safetensors cut.safetensors noise.safetensors file . threads1/checkpoint.safetensors; do
  refused 1 "sample from $file" sample --weights "$file" --out refused
  refused 1 "info of $file" info --weights "$file"
done

[ "$failures" = 0 ] && echo "mnist_sagan: all cases passed"
exit $((failures > 0))
