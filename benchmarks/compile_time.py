#!/usr/bin/env python3
"""What it costs to compile agon: compile_time.py [--compilers g++ clang++] [--runs 5] [--flags "-O2 -fopenmp"].

A line for each source, compiler and way of use: user CPU seconds (median of the runs), peak memory of the compiler and size
of the object file. Sources are the first program of README.md, the umbrella header, and each header of agon/io and
agon/interop, by itself; "compiled" means with agon::compiled, where kernels and operations are compiled once for all."""

import argparse
import os
import re
import shutil
import statistics
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def readme_program():
    blocks = re.findall(r"```cpp\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    return next(block for block in blocks if "int main" in block)


def sources():
    yield "README program", readme_program()
    yield "agon/agon.hpp", "#include <agon/agon.hpp>\n"
    for folder in ("io", "interop"):
        for header in sorted((ROOT / "include/agon" / folder).glob("*.hpp")):
            name = header.relative_to(ROOT / "include").as_posix()
            yield name, f"#include <{name}>\n"


def compile_once(command):
    """User CPU seconds and peak memory in MB of a compiler and its children, or None where it fails."""
    pid = os.posix_spawnp(command[0], command, os.environ, file_actions=[(os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0)])
    _, status, usage = os.wait4(pid, 0)
    return None if status else (usage.ru_utime, usage.ru_maxrss / 1024)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--compilers", nargs="+", default=["g++", "clang++"])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--flags", default="-O2 -fopenmp")
    parser.add_argument("--only", default="", help="sources whose name contains this")
    options = parser.parse_args()
    compilers = [name for name in options.compilers if shutil.which(name)]
    if not compilers:
        sys.exit(f"compile_time.py: none of {' '.join(options.compilers)} is installed")
    print(f"{'source':34} {'compiler':10} {'kernels':9} {'CPU s':>6} {'MB':>6} {'object kB':>10}")
    with tempfile.TemporaryDirectory() as folder:
        source, result = Path(folder) / "source.cpp", Path(folder) / "source.o"
        for name, text in sources():
            if options.only not in name:
                continue
            source.write_text(text)
            for compiler in compilers:
                for way, more in (("inline", []), ("compiled", ["-DAGON_COMPILED"])):
                    command = [compiler, "-std=c++20", *options.flags.split(), *more, "-isystem", "/usr/include/eigen3"]
                    command += ["-I", str(ROOT / "include"), "-c", str(source), "-o", str(result)]
                    runs = [compile_once(command) for _ in range(options.runs)]
                    if None in runs:
                        print(f"{name:34} {compiler:10} {way:9} does not compile (are its libraries installed?)", flush=True)
                        continue
                    seconds, memory = (statistics.median(column) for column in zip(*runs))
                    size = result.stat().st_size / 1000
                    print(f"{name:34} {compiler:10} {way:9} {seconds:6.1f} {memory:6.0f} {size:10.0f}", flush=True)


main()
