#!/usr/bin/env python3
"""Says which files behind the engine on a GPU have not passed on one as they stand.

  gpu_passed.py [ROOT]          ROOT is the project's root; by default the one above this script

docs/benchmarks/gpu.json, which scripts/gpu_check.sh writes, holds under "passed" the SHA-256 of each file with
which every test labelled gpu passed on a GPU. Prints what differs; it is a debt, no failure: exits 0.

What counts: the kernels, all of the engine but what stands in where CUDA is absent, the headers of kernels/ and
engine/ that those include, and how nvcc compiles it. Not the kernels of the CPU, nor a model, which is the same
on both.
"""
import hashlib
import json
import os
import pathlib
import re
import sys

RECORD = "docs/benchmarks/gpu.json"
FILES = ("kernels/**/*.cu", "kernels/**/*.cuh", "kernels/**/*cublaslt*.cpp", "engine/**/*.cpp", "cmake/cuda.cmake")
ABSENT = "_absent.cpp"
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*"((?:kernels|engine)/[^"]+)"', re.M)


def what_counts(root):
    """The files, and all that they include from the root."""
    root = pathlib.Path(root)
    found = {file for pattern in FILES for file in root.glob(pattern) if not file.name.endswith(ABSENT)}
    new = set(found)
    while new:
        included = {root / path for file in new for path in INCLUDE.findall(file.read_text(encoding="utf-8"))}
        new = {file for file in included - found if file.is_file()}
        found |= new
    return sorted(found)


def hashes(root):
    """SHA-256 of each file that counts, by its path below `root`."""
    return {file.relative_to(root).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
            for file in what_counts(root)}


def read_passed(root):
    try:
        with open(os.path.join(root, RECORD), encoding="utf-8") as f:
            return json.load(f)["passed"]
    except FileNotFoundError:
        return {}


def main(arguments):
    root = arguments[0] if arguments else os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    now, passed = hashes(root), read_passed(root)
    never = [path for path in now if path not in passed]
    changed = [path for path in now if path in passed and passed[path] != now[path]]
    if never:
        print("never passed on a GPU: " + (f"all {len(now)} files" if never == list(now) else " ".join(never)))
    if changed:
        print(f"changed since they passed on a GPU: {' '.join(changed)}")
    if not never and not changed:
        print(f"passed on a GPU as they stand: all {len(now)} files behind the engine on one")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
