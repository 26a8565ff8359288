#!/usr/bin/env python3
"""Compares what every kernel takes on a GPU with tests/golden/cuda_registers.json.

  cuda_resources.py BUILD            compiles each kernels/*.cu as the build in BUILD does, for sm_80 and sm_90a
  cuda_resources.py BUILD --update   and makes the golden file anew

No kernel may spill registers, keep variables in memory or take more registers than the golden file
says. Prints one line a finding and exits 1; exits 77 where the golden file is of another nvcc, whose
numbers differ for no fault of ours.
"""
import argparse
import concurrent.futures
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile

GOLDEN = "tests/golden/cuda_registers.json"
ARCHITECTURES = ("80", "90a")
SKIPPED = 77
HINT = "find out why, or accept it with tests/cuda_resources.py BUILD --update"

ENTRY = re.compile(r"Compiling entry function '(.+)' for '(.+)'")
FUNCTION = re.compile(r"Function properties for (.+)")
MEMORY = re.compile(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads")
REGISTERS = re.compile(r"Used (\d+) registers")


def parse(text):
    """ptxas -v's report as {architecture: {mangled name: (registers, stack, stores, loads)}}.

    Functions that kernels call have no registers of their own: None.
    """
    found, entry, function, architecture = {}, None, None, None
    for line in text.splitlines():
        if m := ENTRY.search(line):
            entry, architecture = m.groups()
        elif m := FUNCTION.search(line):
            function = m.group(1)
        elif m := MEMORY.search(line):
            found.setdefault(architecture, {})[function] = (None, *map(int, m.groups()))
        elif m := REGISTERS.search(line):
            memory = found.setdefault(architecture, {}).get(entry, (None, 0, 0, 0))[1:]
            found[architecture][entry] = (int(m.group(1)), *memory)
    return found


def demangle(names):
    """Readable names; what all of them share, namespace hotrow and the nameless one, is left out."""
    done = subprocess.run(["c++filt"], input="\n".join(names), capture_output=True, text=True, check=True)
    shorten = re.compile(r"\bhotrow::|\(anonymous namespace\)::")
    return dict(zip(names, (shorten.sub("", name) for name in done.stdout.split("\n"))))


def read_commands(build):
    """(path, words of its compiler's command, folder) of every file of kernels/ that nvcc compiles."""
    with open(os.path.join(build, "compile_commands.json"), encoding="utf-8") as f:
        for entry in json.load(f):
            path = os.path.relpath(entry["file"])
            if path.startswith("kernels/") and " -x cu " in entry["command"]:
                yield path, shlex.split(entry["command"]), entry["directory"]


def nvcc_version(words):
    nvcc = next(word for word in words if os.path.basename(word) == "nvcc")
    text = subprocess.run([nvcc, "--version"], capture_output=True, text=True, check=True).stdout
    return re.search(r"release (\d+\.\d+)", text).group(1)


def report(words, folder):
    """What ptxas says of one file, compiled as the build does but for ARCHITECTURES."""
    launcher = [path for path in (shutil.which("ccache"),) if path]
    words = launcher + [word for word in words if not word.startswith("--generate-code")]
    words += [f"--generate-code=arch=compute_{a},code=[sm_{a}]" for a in ARCHITECTURES]
    with tempfile.TemporaryDirectory() as out:
        words[words.index("-o") + 1] = os.path.join(out, "object.o")
        done = subprocess.run(words + ["-Xptxas=-v"], cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"[cuda_resources] nvcc failed: got exit code {done.returncode}, expected 0\n"
                 f"{' '.join(words)}\n{done.stdout}{done.stderr}")
    return parse(done.stdout + done.stderr)


def measure(commands):
    """{path: {architecture: {name: (registers, stack, stores, loads)}}}, compiled on all cores."""
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        reports = list(pool.map(lambda command: report(*command[1:]), commands))
    measured = {}
    for (path, _, _), found in zip(commands, reports):
        for architecture, functions in found.items():
            names = demangle(list(functions))
            measured.setdefault(path, {})[architecture] = {
                names[name]: values for name, values in functions.items()}
    return measured


def kernels_of(measured):
    """What the golden file keeps: registers of kernels."""
    return {path: {architecture: {name: values[0] for name, values in sorted(functions.items())
                                  if values[0] is not None}
                   for architecture, functions in sorted(architectures.items())}
            for path, architectures in sorted(measured.items())}


def rows(tree):
    """The leaves of {path: {architecture: {name: leaf}}} by (path, architecture, name)."""
    return {(path, architecture, name): leaf for path, architectures in tree.items()
            for architecture, names in architectures.items() for name, leaf in names.items()}


def compare(measured, golden):
    """One sentence a finding."""
    for (path, architecture, name), (_, stack, stores, loads) in rows(measured).items():
        where = f"[{path} {architecture} {name}]"
        if stores or loads:
            yield f"{where} registers are spilled: got {stores} bytes stored and {loads} loaded, expected none"
        elif stack:
            yield f"{where} variables lie in memory: got a frame of {stack} bytes, expected none"
    got, expected = rows(kernels_of(measured)), rows(golden)
    for key in sorted(got.keys() | expected.keys()):
        where = "[{} {} {}]".format(*key)
        if key not in expected:
            yield f"{where} is new: got {got[key]} registers, expected a line in {GOLDEN} ({HINT})"
        elif key not in got:
            yield f"{where} is gone: got no such kernel, expected {expected[key]} registers ({HINT})"
        elif got[key] > expected[key]:
            yield f"{where} takes more registers: got {got[key]}, expected at most {expected[key]} ({HINT})"


def check(measured, version):
    with open(GOLDEN, encoding="utf-8") as f:
        golden = json.load(f)
    if golden["nvcc"] != version:
        print(f"skipped: {GOLDEN} is of nvcc {golden['nvcc']}, this is {version}")
        return SKIPPED
    found = list(compare(measured, golden["kernels"]))
    for finding in found:
        print(finding)
    if not found:
        got, expected = rows(kernels_of(measured)), rows(golden["kernels"])
        fewer = sum(got[key] < expected[key] for key in got)
        print(f"cuda resources ok: {len(got)} kernels, none spills, {fewer} with fewer registers than {GOLDEN} says")
    return 1 if found else 0


def main(arguments):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("build")
    parser.add_argument("--update", action="store_true")
    options = parser.parse_args(arguments)
    commands = list(read_commands(options.build))
    if not commands:
        sys.exit(f"[cuda_resources] nothing for nvcc: got no .cu in {options.build}, expected a build with HOTROW_CUDA=ON")
    version = nvcc_version(commands[0][1])
    measured = measure(commands)
    if options.update:
        with open(GOLDEN, "w", encoding="utf-8") as f:
            json.dump({"nvcc": version, "kernels": kernels_of(measured)}, f, indent=1)
            f.write("\n")
    return check(measured, version)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
