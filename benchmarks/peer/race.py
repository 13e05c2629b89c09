#!/usr/bin/env python3
"""Races agon against PyTorch on this machine, side by side: race.py AGON_WORKER [--races NAME ...] [--pairs N]
[--threads N].

Both sides are processes that wait for commands; each pair of runs asks one and then the other, in turns about who is
first. A line of the table is the median time of either side, the median of the paired ratios (theirs / ours; above 1
agon is faster) and its 95% interval by the order statistics of the pairs. PyTorch runs eager, with channels_last
memory and with torch.compile; the fastest of a short trial races. Networks have identical weights, exchanged by file,
and what they make of the same input is compared before anything is timed."""

import argparse
import math
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
SIZES = ("reference", "tiny", "small", "base")
ATTENTION = ((64, 196, 8, 64), (64, 196, 64, 64), (256, 196, 16, 16), (8, 1024, 64, 64), (8, 4096, 64, 64))
LONG_ATTENTION = (1, 16384, 64, 64)
TOLERANCE = 2e-3  # of outputs relative to the largest, float and different orders of summation


class Side:
    """A worker process."""

    def __init__(self, command, threads):
        env = dict(os.environ, OMP_NUM_THREADS=str(threads))
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env, cwd=HERE
        )
        self.ask(f"threads {threads}")

    def ask(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().strip()
        if not answer or answer.startswith(("error", "unknown")):
            raise RuntimeError(f"{self.process.args[0]}: {line!r} answered {answer!r}")
        return answer

    def times(self, line):
        return [float(word) for word in self.ask(line).split()]

    def close(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Race:
    def __init__(self, options):
        self.options = options
        self.agon_command = [str(Path(options.worker).resolve())]
        try:
            import torch

            self.torch_version = torch.__version__
            self.compile = options.compile and hasattr(torch, "compile")  # not before 2.0
        except ImportError:
            self.torch_version = None

    def torch_command(self, variant):
        return [sys.executable, str(HERE / "torch_worker.py"), variant]

    def agon(self):
        return Side(self.agon_command, self.options.threads)

    def torch(self, variant):
        return Side(self.torch_command(variant), self.options.threads)

    def pairs(self, name, ours, theirs, line, runs, note="", warm=1):
        """Times `line` on both sides in turn: every turn is `warm` runs to wake the threads, then the median of `runs`."""
        ratios, mine, their_times = [], [], []
        deadline = time.monotonic() + self.options.seconds
        while len(ratios) < self.options.pairs or (len(ratios) < 3 * self.options.pairs and time.monotonic() < deadline):
            order = (ours, theirs) if len(ratios) % 2 == 0 else (theirs, ours)
            result = {}
            for side in order:
                time.sleep(0.02)  # the other side's threads stop spinning
                result[side] = statistics.median(side.times(f"{line} {runs + warm}")[warm:])
            mine.append(result[ours])
            their_times.append(result[theirs])
            ratios.append(result[theirs] / result[ours])
        low, high = interval(ratios)
        print(
            f"{name:34} {statistics.median(mine):10.2f} {statistics.median(their_times):10.2f}"
            f"   {statistics.median(ratios):5.2f}  [{low:.2f}, {high:.2f}]  n={len(ratios)}  {note}",
            flush=True,
        )

    def gan(self, size, batch, r1=0.0, r2=0.0):
        variants = ["eager", "channels_last"] + (["compile"] if self.compile and not (r1 or r2) else [])
        request, runs = f"gan {size} {batch} {r1} {r2}", 3 if batch <= 64 else 1
        with tempfile.TemporaryDirectory() as folder, self.agon() as ours:
            file = Path(folder) / "networks"
            ours.ask(request)
            ours.ask(f"save {file}")
            sides, trial = {}, {}
            for variant in variants:
                sides[variant] = self.torch(variant)
                sides[variant].ask(request)
                gap = float(sides[variant].ask(f"load {file}"))
                if not gap < TOLERANCE:
                    raise RuntimeError(f"{size}, batch {batch}: outputs differ by {gap} with {variant}")
                trial[variant] = statistics.median(sides[variant].times("step 12")[6:])
            best = min(trial, key=trial.get)
            ours.ask("step 6")
            penalty = ", R1+R2" if r1 or r2 else ""
            self.pairs(f"step {size}{penalty}, batch {batch}", ours, sides[best], "step", runs, best)
            for side in sides.values():
                side.close()

    def race_step(self):
        for size in self.options.sizes:
            for batch in self.options.batches:
                self.gan(size, batch)

    def race_penalty(self):
        for size in self.options.sizes:
            if size in ("reference", "small"):
                self.gan(size, 64, 1.0, 1.0)

    def race_attention(self):
        for shape in ATTENTION:
            for variant in ("fused", "materialised"):
                with self.agon() as ours, self.torch(variant) as theirs:
                    request = "attention " + " ".join(map(str, shape))
                    ours.ask(request)
                    theirs.ask(request)
                    n, length, dk, dv = shape
                    name = f"attention {n}, {length}, {dk}/{dv}"
                    self.pairs(name, ours, theirs, "attend", 1 if length > 1024 else 3, variant)

    def race_sample(self):
        with self.agon() as ours, self.torch("eager") as theirs:
            for side in (ours, theirs):
                side.ask("gan small 64 0 0")
                side.times("sample 1")
            self.pairs("10,000 images, small", ours, theirs, "sample", 1, warm=0)

    def race_threads(self):
        """The reference step with one thread against all of them: the ratio is the speed-up."""
        with self.agon() as ours, Side(self.agon_command, 1) as one:
            for side in (ours, one):
                side.ask("gan reference 64 0 0")
                side.ask("step 6")
            self.pairs("step reference, one thread", ours, one, "step", 3)

    def race_native(self):
        """The reference step with agon as it is against the worker of --native, say built with -O3 -march=native."""
        if not self.options.native:
            print("native: left out, it needs --native WORKER", flush=True)
            return
        with self.agon() as ours, Side([str(Path(self.options.native).resolve())], self.options.threads) as theirs:
            for side in (ours, theirs):
                side.ask("gan reference 64 0 0")
                side.ask("step 6")
            self.pairs("step reference, native build", ours, theirs, "step", 3)

    def race_start(self):
        """From starting the process to the end of the first step, seconds."""

        def first_step(command):
            start = time.perf_counter()
            with Side(command, self.options.threads) as side:
                side.ask("gan reference 64 0 0")
                side.ask("step 1")
                return time.perf_counter() - start

        for name, command in (("agon", self.agon_command), ("torch", self.torch_command("eager"))):
            times = [first_step(command) for _ in range(5)]
            print(f"start to first step, {name}: {statistics.median(times):.3f} s", flush=True)

    def race_memory(self):
        """Peak resident memory of 40 steps of the reference network, and page faults of a step after the first 20; and
        what attention over a long sequence, forward and backward, takes on top of its operands, with the time."""
        for name, command in (("agon", self.agon_command), ("torch", self.torch_command("eager"))):
            with Side(command, self.options.threads) as side:
                side.ask("gan reference 64 0 0")
                side.ask("step 20")
                faults = []
                for _ in range(20):
                    before = int(side.ask("status").split()[1])
                    side.ask("step 1")
                    faults.append(int(side.ask("status").split()[1]) - before)
                peak = int(side.ask("status").split()[0]) / 1024
                print(f"peak memory, {name}: {peak:.0f} MB; page faults a step: median {statistics.median(faults)}", flush=True)
        for name, command in (("agon", self.agon_command), *((v, self.torch_command(v)) for v in ("fused", "materialised"))):
            shape = "attention " + " ".join(map(str, LONG_ATTENTION))
            with Side(command, self.options.threads) as side:
                side.ask(shape)
                before = int(side.ask("status").split()[2])
                try:
                    time_ms = statistics.median(side.times("attend 6")[1:])
                except (RuntimeError, OSError) as error:
                    print(f"{shape}, {name}: {error}", flush=True)
                    continue
                grown = (int(side.ask("status").split()[0]) - before) / 1024
                print(f"{shape}, {name}: {grown:.0f} MB on top of its operands, {time_ms:.0f} ms", flush=True)

    def race_size(self):
        with tempfile.TemporaryDirectory() as folder:
            stripped = Path(folder) / "worker"
            shutil.copy(self.agon_command[0], stripped)
            subprocess.run(["strip", str(stripped)], check=False)
            print(f"installed size, agon: {stripped.stat().st_size / 1e6:.1f} MB (the worker, stripped)")
        import torch

        root = Path(torch.__file__).parent
        size = sum(file.stat().st_size for file in root.rglob("*") if file.is_file())
        print(f"installed size, torch: {size / 1e6:.0f} MB", flush=True)


def interval(values):
    """The 95% interval of the median: order statistics of a binomial."""
    ordered, n = sorted(values), len(values)
    reach = 1.96 * math.sqrt(n) / 2
    return ordered[max(0, math.floor(n / 2 - reach))], ordered[min(n - 1, math.ceil(n / 2 + reach))]


def main():
    races = [name.removeprefix("race_") for name in vars(Race) if name.startswith("race_")]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("worker", help="the program agon_worker")
    parser.add_argument("--races", nargs="+", choices=races, default=races)
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=SIZES, help="of the races of steps")
    parser.add_argument("--batches", nargs="+", type=int, default=(64, 1, 16, 256), help="of the race of steps")
    parser.add_argument("--pairs", type=int, default=30)
    parser.add_argument("--seconds", type=float, default=10, help="more pairs, up to three times as many, until then")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--native", metavar="WORKER", help="another build of agon_worker for the race of that name")
    parser.add_argument("--no-compile", dest="compile", action="store_false", help="leave torch.compile out")
    race = Race(parser.parse_args())
    if race.torch_version is None and set(race.options.races) - {"threads", "native"}:
        sys.exit("race.py: PyTorch is not installed (pip install torch, or apt-get install python3-torch)")
    print(f"agon against torch {race.torch_version}, {race.options.threads} threads; times in ms, ratio = torch / agon")
    print(f"{'':34} {'agon':>10} {'torch':>10}   ratio  95% interval", flush=True)
    for name in race.options.races:
        getattr(race, "race_" + name)()


main()
