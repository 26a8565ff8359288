#!/usr/bin/env python3
"""Says which files of the kernels for a GPU have not passed on one as they stand.

  gpu_passed.py [ROOT]          ROOT is the project's root; by default the one above this script

docs/benchmarks/gpu.json holds, under "passed", the SHA-256 of each file with which every test labelled
gpu passed on a GPU. Prints what differs; it is a debt, no failure: exits 0.
"""
import hashlib
import json
import os
import pathlib
import sys

RECORD = "docs/benchmarks/gpu.json"
FILES = ("**/*.cu", "**/*.cuh", "**/*_cublaslt.cpp")  # below kernels/


def hashes(root):
    """SHA-256 of each file of the kernels by its path below `root`."""
    files = sorted(file for pattern in FILES for file in pathlib.Path(root, "kernels").glob(pattern))
    return {file.relative_to(root).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


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
        print(f"never passed on a GPU: {' '.join(never)}")
    if changed:
        print(f"changed since they passed on a GPU: {' '.join(changed)}")
    if not never and not changed:
        print(f"passed on a GPU as they stand: all {len(now)} files of the kernels for one")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
