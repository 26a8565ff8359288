#!/usr/bin/env python3
"""Runs dlrm_train on recorded flag sets and compares what it prints with what the reference printed.

  reference_cases.py DLRM_TRAIN [--cases FILE] [--only NAME] [--skip NAME] [--flags=FLAGS] [--verbose]

A case in tests/golden/dlrm_s_cases.json holds flags and the numbers that facebookresearch/dlrm's
dlrm_s_pytorch.py printed for them: training losses, test accuracies and, in debug mode, every parameter
before and after training. Cases on recorded files, which also compare the preprocessed .npz array by
array, run where the environment variable HOTROW_SHARED names the folder that has them.

Prints one line a case and a line of counts; exits 1 if a case failed or none passed.
"""
import argparse
import ast
import json
import os
import re
import shlex
import shutil
import struct
import subprocess
import sys
import tempfile
import zipfile

HERE = os.path.dirname(os.path.abspath(__file__))
NUMBER = re.compile(r"nan|inf|[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?")
LOSS = re.compile(r"^Finished training it.* loss (\S+)", re.M)
ACCURACY = re.compile(r"^ accuracy (\S+) %", re.M)
TIMEOUT_S = 120


class Skipped(Exception):
    """The case cannot run here; the text says why."""


def block(output, title, end):
    """All numbers between the line `title` and a blank line, the line `end`, or the end of the text."""
    _, found, rest = output.partition(title)
    if not found:
        return []
    return [float(x) for x in NUMBER.findall(re.split(rf"\n\n|{end}", rest, maxsplit=1)[0])]


def numbers_of(output):
    return {
        "losses": [float(x.rstrip(",")) for x in LOSS.findall(output)],
        "accuracies": [float(x) for x in ACCURACY.findall(output)],
        "initial": block(output, "initial parameters (weights and bias):", "time/loss/accuracy"),
        "updated": block(output, "updated parameters (weights and bias):", "DLRM_Net"),
    }


def bounds(case):
    """(what, relative, absolute) for each list of numbers that the case records.

    Parameters are text with `digits` decimals, so an initial one may differ by one unit of the last
    digit; after training a few units and float rounding add up.
    """
    unit = 10.0 ** -case["digits"]
    yield "losses", case.get("loss_rel", 2e-5), 2e-6
    if case["accuracies"] is not None:
        yield "accuracies", 0.0, 2e-3
    if "--debug-mode" in case["args"]:
        yield "initial", 0.0, 1.1 * unit
        yield "updated", 2e-5, 4.0 * unit


def difference(got, want, relative, absolute):
    """Where the lists differ first, in words, or None. Written so that NaN never passes."""
    if len(got) != len(want):
        return f"{len(got)} numbers, expected {len(want)}"
    for i, (g, w) in enumerate(zip(got, want)):
        if not abs(g - w) <= absolute + relative * abs(w):
            return f"number {i} is {g}, expected {w}"
    return None


def row_order(data, shape, size):
    """A column-order array of one or two dimensions, `size` bytes an element, in row order."""
    if len(shape) < 2:
        return data
    rows, columns = shape
    return b"".join(data[k * size:(k + 1) * size]
                    for k in (j * rows + i for i in range(rows) for j in range(columns)))


def read_npz(path):
    """name -> (dtype, shape, bytes in row order); enough of the format for arrays of plain numbers."""
    arrays = {}
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            raw = archive.read(name)
            if raw[:6] != b"\x93NUMPY":
                raise ValueError(f"{name} is not an array")
            wide = raw[6] >= 2  # format 2.0 has a 4-byte header length, 1.0 a 2-byte one
            size = struct.unpack_from("<I" if wide else "<H", raw, 8)[0]
            start = (12 if wide else 10) + size
            header = ast.literal_eval(raw[start - size:start].decode("latin-1"))
            data = raw[start:]
            if header["fortran_order"]:
                data = row_order(data, header["shape"], int(header["descr"][2:]))
            arrays[name] = (header["descr"], header["shape"], data)
    return arrays


def npz_differences(path, expected):
    if not os.path.exists(path):
        return [f"{os.path.basename(path)} was not written"]
    try:
        got = read_npz(path)
    except (ValueError, zipfile.BadZipFile) as error:
        return [f"{os.path.basename(path)}: {error}"]
    return [f"{name} differs in {os.path.basename(path)}"
            for name, array in read_npz(expected).items() if got.get(name) != array]


def prepare(case, work):
    """Copies the case's files, if it has any, into the folder `work`."""
    if "files" not in case:
        return
    shared = os.environ.get("HOTROW_SHARED")
    if not shared:
        raise Skipped("HOTROW_SHARED is not set")
    folder = os.path.join(shared, "reference", case["files"])
    if not os.path.isdir(folder):
        raise Skipped(f"no folder reference/{case['files']} in HOTROW_SHARED")
    for name in os.listdir(folder):
        shutil.copyfile(os.path.join(folder, name), os.path.join(work, name))


def run_case(binary, case, work, flags=""):
    """(differences, output) of one case."""
    prepare(case, work)
    command = [binary, *shlex.split(case["args"].replace("{dir}", shlex.quote(work))), *shlex.split(flags)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, cwd=work,
                              stdin=subprocess.DEVNULL, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return [str(error)], ""
    wrong = []
    if done.returncode != 0:
        wrong.append(f"exit status {done.returncode}: {done.stderr.strip()[-200:]}")
    got = numbers_of(done.stdout)
    for what, relative, absolute in bounds(case):
        found = difference(got[what], case[what], relative, absolute)
        if found:
            wrong.append(f"{what}: {found}")
    if "npz" in case:
        wrong += npz_differences(os.path.join(work, case["npz"]), os.path.join(work, "expected.npz"))
    return wrong, done.stdout + done.stderr


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary")
    parser.add_argument("--cases", default=os.path.join(HERE, "golden", "dlrm_s_cases.json"))
    parser.add_argument("--only", help="run the case of this name")
    parser.add_argument("--skip", help="leave the case of this name out")
    parser.add_argument("--flags", default="", help="more flags for every case")
    parser.add_argument("--verbose", action="store_true", help="show the output of a failed case")
    options = parser.parse_args()

    with open(options.cases, encoding="utf-8") as f:
        cases = [c for c in json.load(f) if options.only in (None, c["name"])]
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    for case in cases:
        with tempfile.TemporaryDirectory() as work:
            try:
                if case["name"] == options.skip:
                    raise Skipped("--skip")
                wrong, output = run_case(os.path.abspath(options.binary), case, work, options.flags)
                result = "failed" if wrong else "passed"
                print(f"{result}: {case['name']}" + (f": {'; '.join(wrong)}" if wrong else ""))
                if wrong and options.verbose:
                    print(output[-4000:])
            except Skipped as reason:
                result = "skipped"
                print(f"skipped: {case['name']}: {reason}")
        counts[result] += 1
    print(", ".join(f"{n} {what}" for what, n in counts.items()))
    return 1 if counts["failed"] or not counts["passed"] else 0


if __name__ == "__main__":
    sys.exit(main())
