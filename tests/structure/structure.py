#!/usr/bin/env python3
"""Checks that agon's sources keep to the architecture: structure.py ROOT. A finding is FILE:LINE: what is wrong."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

FLOORS = {"core": 0, "kernels": 1, "tensor": 2, "autograd": 3, "ops": 4, "nn": 5, "optim": 5, "gan": 6}
# A side folder stands beside the tower: it may use what lies below the given floor, and no floor uses it. Only io/, a
# target of its own, may use another one: MNIST is read into a data set.
SIDES = {"data": 5, "io": 5, "interop": 5}
SIDE_USES = {"io": {"data"}}
# Umbrella headers and the folders they bring whole. What else they reach: agon.hpp nothing, io.hpp what it needs.
UMBRELLAS = {"agon.hpp": [*FLOORS, "data", "compiled.hpp"], "io/io.hpp": ["io"]}

MAX_HEADER_LINES = 600
MAX_FILE_BYTES = 1 << 20

INCLUDE = re.compile(r'^\s*#\s*(?:include|define\s+AGON_KERNEL_BODY)\s*([<"])([^>"]+)[>"]')

# What a header may not contain: pattern, the headers (relative to include/agon) that may, and the message.
FORBIDDEN = [
    (r'#\s*pragma\s+omp\b|_Pragma\s*\(\s*"omp|\bomp\.h\b|\bomp_\w+\s*\(', r"core/parallel\.hpp",
     "OpenMP belongs in core/parallel.hpp"),
    (r"#\s*include\s*<(?:unsupported/)?Eigen/", r"interop/.*", "Eigen belongs in interop/"),
    (r"#\s*include\s*<(?:zlib\.h|png\.h|nlohmann/.*)>", r"io/.*", "zlib, libpng and JSON belong in io/"),
    (r"\bstd::w?(?:cout|cerr|clog)\b|\b(?:std::)?(?:f|v|vf)?printf\s*\(|\bf?puts\s*\(|#\s*include\s*<iostream>", None,
     "the library never prints"),
    (r"\bassert\s*\(", None, "no assert: use check() of core/error.hpp"),
]


def is_included_again(path):
    """Kernel bodies and the file that includes them: read several times by design, never alone."""
    return path.name.endswith("-inl.hpp") or path.name == "foreach_isa.hpp"


def without_comments(text):
    """The text with comments blanked, line numbers kept; string literals stay."""
    token = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"', re.S)
    return token.sub(lambda m: m[0] if m[0][0] == '"' else re.sub(r"[^\n]", " ", m[0]), text)


class Tree:
    """The headers below ROOT/include/agon, read once."""

    def __init__(self, root):
        self.root = Path(root)
        self.base = self.root / "include" / "agon"
        self.headers = {p: without_comments(p.read_text()).splitlines() for p in sorted(self.base.rglob("*.hpp"))}

    def name(self, path):
        return path.relative_to(self.base).as_posix()

    def folder(self, path):
        return self.name(path).split("/")[0]

    def at(self, path, line, message):
        return f"{path.relative_to(self.root).as_posix()}:{line}: {message}"

    def includes(self, path):
        """(line number, bracket, what is included) for every include of a header."""
        for number, line in enumerate(self.headers[path], 1):
            if found := INCLUDE.match(line):
                yield number, found[1], found[2]

    def own_includes(self, path):
        """(line number, path) for every include of another header of agon."""
        for number, _, target in self.includes(path):
            if target.startswith("agon/"):
                yield number, self.root / "include" / target


def check_includes(tree):
    for path in tree.headers:
        for number, bracket, target in tree.includes(path):
            if bracket == '"':
                yield tree.at(path, number, f'"{target}": agon\'s headers are included as <agon/...>')
        for number, target in tree.own_includes(path):
            if target not in tree.headers:
                missing = target.relative_to(tree.base.parent).as_posix()
                yield tree.at(path, number, f"includes {missing}, which does not exist")


def check_floors(tree):
    for path in tree.headers:
        folder = tree.folder(path)
        if folder == path.name:  # agon.hpp and its like stand above the tower
            continue
        if folder not in FLOORS and folder not in SIDES:
            yield tree.at(path, 1, f"{folder}/ is no folder of the architecture")
            continue
        roof = FLOORS.get(folder, SIDES.get(folder))
        for number, target in tree.own_includes(path):
            other = tree.folder(target)
            if other != folder and other not in SIDE_USES.get(folder, ()) and FLOORS.get(other, roof) >= roof:
                yield tree.at(path, number, f"{folder}/ may not include {tree.name(target)}: only lower floors")


def reached_from(tree, header):
    reached, waiting = set(), [header]
    while waiting:
        path = waiting.pop()
        if path in tree.headers and path not in reached:
            reached.add(path)
            waiting += [target for _, target in tree.own_includes(path)]
    return reached


def check_umbrellas(tree):
    for name, folders in UMBRELLAS.items():
        umbrella = tree.base / name
        if umbrella not in tree.headers:
            yield tree.at(umbrella, 1, "does not exist")
            continue
        reached = reached_from(tree, umbrella)
        for path in tree.headers:
            inside = tree.folder(path) in folders
            if inside and path not in reached and not is_included_again(path):
                yield tree.at(umbrella, 1, f"does not reach {tree.name(path)}")
            if not inside and path in reached and name == "agon.hpp" and path != umbrella:
                yield tree.at(umbrella, 1, f"reaches {tree.name(path)}, which is not part of it")


def check_forbidden(tree):
    for pattern, allowed, message in FORBIDDEN:
        found = re.compile(pattern)
        for path, lines in tree.headers.items():
            if allowed and re.fullmatch(allowed, tree.name(path)):
                continue
            for number, line in enumerate(lines, 1):
                if found.search(line):
                    yield tree.at(path, number, f"{message}: {line.strip()}")


def check_headers(tree):
    for path, lines in tree.headers.items():
        once = any(re.match(r"\s*#\s*pragma\s+once\b", line) for line in lines)
        if once and is_included_again(path):
            yield tree.at(path, 1, "is included once per instruction set, so #pragma once has no place here")
        if not once and not is_included_again(path):
            yield tree.at(path, 1, "#pragma once is missing")
        if len(lines) > MAX_HEADER_LINES:
            yield tree.at(path, len(lines), f"{len(lines)} lines, at most {MAX_HEADER_LINES}")


def committed_files(root):
    git = ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    repository = (root / ".git").exists() and shutil.which("git")
    listing = subprocess.run(git, capture_output=True, text=True, check=False) if repository else None
    if listing and listing.returncode == 0:
        return [root / name for name in listing.stdout.split("\0") if name]
    skip = re.compile(r"\.git|build|build-.*|data|runs")
    tops = [top for top in root.iterdir() if not skip.fullmatch(top.name)]
    return [path for top in tops for path in (top, *top.rglob("*"))]


def check_sizes(tree):
    for path in committed_files(tree.root):
        if path.is_file() and path.stat().st_size > MAX_FILE_BYTES:
            yield tree.at(path, 1, f"{path.stat().st_size} bytes, at most {MAX_FILE_BYTES} may be committed")


CHECKS = [check_includes, check_floors, check_umbrellas, check_forbidden, check_headers, check_sizes]


def findings(root):
    tree = Tree(root)
    return [line for check in CHECKS for line in check(tree)]


def main(arguments):
    if len(arguments) != 1 or not (Path(arguments[0]) / "include" / "agon").is_dir():
        print("usage: structure.py ROOT (a folder with include/agon)", file=sys.stderr)
        return 2
    found = findings(arguments[0])
    for line in found:
        print(line)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
