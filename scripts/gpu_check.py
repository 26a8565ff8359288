#!/usr/bin/env python3
"""Checks and measures the engine on the first GPU of this machine; scripts/gpu_check.sh calls it.

  gpu_check.py [--list] [--dry-run] [--only REGEX] [--out DIR] [--peer FILE --python PYTHON]

Parts run one after the other, each for as long as its budget and the ten minutes of all allow: a program that
hangs is ended, and what it had printed stays. Needs no network. Writes DIR/gpu.json and DIR/gpu.log, the raw
output of every command (DIR is docs/benchmarks). gpu.json holds, under "passed", the SHA-256 of each file behind
the engine on a GPU if all parts that check ran, every test passed, none was skipped and no sanitizer found
anything; else "passed" stays what it was. Exits 1 where a part that ran has failed or was not through in time.

--peer names a PyTorch script for scripts/compare_with_torch.py, which is called where PYTHON has a torch with CUDA.
"""
import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree
from collections import namedtuple

import gpu_passed

TOTAL_S = 570  # the rest is for what comes before and after
BUILD = "build/release"
TARGETS = ["dlrm_bench", "gpu_tests"]
SANITIZERS = ("memcheck", "racecheck", "initcheck", "synccheck")
# Most rows of a table of the model "mlperf", by the GiB that a GPU has for it.
MAX_ROWS = ((120, 40_000_000), (70, 20_000_000), (35, 8_000_000), (0, 1_000_000))
# Every kernel of a step of a model, and every shape of its layers.
KERNELS = ("^((linear|interaction)_[a-z]+|loss|dense_update|embedding_[a-z_]+)/{}/"
           "([0-9]|real|sgd/(real|uni)|rwsadagrad/uni|uni)")
PROBE = "--probe-side=4096"  # fp32 products of 8192 take seconds
INFERENCE = ["--use-gpu", "--inference-only", "--inference-benchmark-batch-sizes=1,64,4096,65536",
             "--arch-sparse-feature-size=128", "--arch-mlp-bot=13-512-256-128", "--arch-mlp-top=1024-1024-512-256-1",
             "--arch-embedding-size=" + "-".join(["50000"] * 26), "--num-indices-per-lookup=1",
             "--mini-batch-size=65536", "--num-batches=1", "--prefetch-batches=0", "--loss-function=bce"]
SMALL = ["--use-gpu", "--probe-side=64", "--batch=37", "--max-rows=50", "--iters=3", "--warmup=3"]

Outcome = namedtuple("Outcome", "code output seconds")  # code: None where time was up


class Session:
    """Runs commands under a deadline, or only prints them."""

    def __init__(self, log, dry=False, total_s=TOTAL_S):
        self.log, self.dry = log, dry
        self.end = self.part_end = time.monotonic() + total_s

    def begin_part(self, budget_s):
        self.part_end = min(self.end, time.monotonic() + budget_s)

    def run(self, command, limit_s):
        limit_s = min(limit_s, self.part_end - time.monotonic())
        words = " ".join(command)
        if self.dry:
            print(f"  {limit_s:4.0f} s  {words}")
            return Outcome(0, "", 0.0)
        self.log.write(f"$ {words}\n")
        self.log.flush()
        if limit_s <= 0:
            self.log.write("not started: no time left\n")
            return Outcome(None, "", 0.0)
        start = time.monotonic()
        # A group of its own, so that what it has started ends with it.
        try:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                       stderr=subprocess.STDOUT, text=True, errors="replace", start_new_session=True)
        except OSError as error:
            self.log.write(f"{error}\n\n")
            return Outcome(127, f"cannot run {command[0]}: {error.strerror}", 0.0)
        try:
            output, _ = process.communicate(timeout=limit_s)
            code = process.returncode
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            output, _ = process.communicate()
            code = None
        seconds = time.monotonic() - start
        said = "time is up" if code is None else f"exit {code}"
        self.log.write(f"{output}\n[{said} after {seconds:.1f} s]\n\n")
        self.log.flush()
        return Outcome(code, output, seconds)


def program(name):
    return os.path.join(BUILD, "tools", name)


def last_json(output):
    """The last line that is a JSON object, or None."""
    for line in reversed(output.splitlines()):
        if line.startswith("{"):
            try:
                return json.loads(line)
            except ValueError:
                return None
    return None


def failure(outcome):
    """None, or in a few words what went wrong."""
    if outcome.code == 0:
        return None
    last = (outcome.output.strip().splitlines() or ["no output"])[-1]
    return "time is up" if outcome.code is None else f"exit {outcome.code}: {last[-200:]}"


# ---- Parts: each takes a session and what earlier parts found, and gives a dictionary; "failed" in it says why. ----

def build(session, _):
    script = (f". scripts/lib.sh; use_cmake; use_cuda; configure release release -DHOTROW_CUDA=ON; "
              f"build release {' '.join(TARGETS)}")
    outcome = session.run(["bash", "-euo", "pipefail", "-c", script], 240)
    return {"seconds": round(outcome.seconds, 1), "failed": failure(outcome)}


def machine(session, _):
    query = "name,driver_version,memory.total,clocks.max.sm,clocks.max.memory,power.limit"
    outcome = session.run(["nvidia-smi", f"--query-gpu={query}", "--format=csv,noheader,nounits"], 10)
    values = [v.strip() for v in outcome.output.splitlines()[0].split(",")] if outcome.output else []
    found = dict(zip(query.split(","), values)) if outcome.code == 0 else {}
    nvcc = session.run(["nvcc", "--version"], 10).output.strip().splitlines()
    return {**found, "nvcc": nvcc[-1] if nvcc else None, "failed": failure(outcome)}


def tests(session, _):
    with tempfile.TemporaryDirectory() as folder:
        junit = os.path.join(folder, "tests.xml")
        outcome = session.run(["ctest", "--test-dir", BUILD, "-L", "^gpu$", "--no-tests=error", "--output-on-failure",
                               "-j", "3", "--timeout", "110", "--output-junit", junit], 130)
        counts = read_junit(junit) if os.path.exists(junit) else {}
    failed = failure(outcome)
    if not failed and not session.dry and counts.get("skipped", 1):
        failed = f"{counts.get('skipped', 'all')} skipped"
    return {**counts, "seconds": round(outcome.seconds, 1), "failed": failed}


def read_junit(path):
    suite = xml.etree.ElementTree.parse(path).getroot()
    return {"tests": int(suite.get("tests")), "failures": int(suite.get("failures")),
            "skipped": int(suite.get("skipped")) + int(suite.get("disabled"))}


def sanitizers(session, _):
    tool = shutil.which("compute-sanitizer")
    if tool is None and not session.dry:
        return {"not_installed": "no compute-sanitizer in PATH", "failed": None}
    found = {}
    for name in SANITIZERS:
        for config in ("kaggle", "gaudi-cat"):
            step = [program("dlrm_bench"), f"--config={config}", *SMALL]
            found[f"{name} {config}"] = sanitize(session, tool or "compute-sanitizer", name, step, 20)
    # The tests of the kernels have the odd shapes; they are long under a sanitizer.
    kernels = [os.path.join(BUILD, "tests/gpu/cuda_kernels_gpu_test"), "--gtest_brief=1"]
    found["memcheck tests"] = sanitize(session, tool or "compute-sanitizer", "memcheck", kernels, 60)
    wrong = [name for name, result in found.items() if result["errors"] or result["failed"] not in (None, "time is up")]
    return {"runs": found, "failed": f"see {', '.join(wrong)}" if wrong else None}


def sanitize(session, tool, name, command, limit_s):
    outcome = session.run([tool, "--tool", name, "--error-exitcode", "9", *command], limit_s)
    summary = re.findall(r"(?:ERROR SUMMARY: (\d+) error|RACECHECK SUMMARY: (\d+) hazard)", outcome.output)
    errors = sum(int(a or b) for a, b in summary)
    return {"errors": errors, "seconds": round(outcome.seconds, 1), "failed": failure(outcome)}


def ceilings(session, _):
    found, failed = {}, None
    for name, words in (("tf32, bf16", ["--dtype=bf16"]), ("fp32", ["--strict-fp32", PROBE])):
        outcome = session.run([program("dlrm_bench"), "--use-gpu", "--config=kaggle", "--mode=inference", *words], 40)
        failed = failed or failure(outcome)
        found[name] = (last_json(outcome.output) or {}).get("machine")
    return {**found, "failed": failed}


def max_rows(earlier):
    """What fits of the tables of the model "mlperf" into the memory that the part machine has found."""
    gib = float(earlier.get("machine", {}).get("memory.total") or 0) / 1024
    return next(rows for least, rows in MAX_ROWS if gib >= least)


def kernels(session, earlier):
    found, failed = {}, None
    for config in ("mlperf", "bench"):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "suite.json")
            outcome = session.run([program("dlrm_bench"), "--use-gpu", f"--max-rows={max_rows(earlier)}",
                                   f"--benchmark_filter={KERNELS.format(config)}", "--benchmark_min_time=0.05",
                                   f"--json={path}"], 60)
            found[config] = read_suite(path) if os.path.exists(path) else {}
        failed = failed or failure(outcome)
    return {**found, "failed": failed}


def read_suite(path):
    """Microseconds, floor and share of it for each kernel."""
    with open(path, encoding="utf-8") as f:
        suite = json.load(f)
    return {b["name"].removesuffix("/real_time"): {"us": round(1e8 * b["floor_s"] / b["percent_of_floor"], 2),
                                                   "floor_us": round(1e6 * b["floor_s"], 2),
                                                   "percent_of_floor": round(b["percent_of_floor"], 1)}
            for b in suite["benchmarks"] if b["percent_of_floor"] > 0}


def step_runs(amp):
    """(name, flags) of whole steps: A is mlperf, B is bench."""
    arithmetic = [("tf32", []), ("fp32", ["--strict-fp32"]), ("bf16 factors", ["--dtype=bf16"])]
    arithmetic += [("amp", ["--amp"])] if amp else []
    runs = []
    for config, batches in (("mlperf", (65536, 8192, 2048)), ("bench", (2048,))):
        for batch in batches:
            model = [f"--config={config}", f"--batch={batch}"]
            runs += [(f"{config} {batch} train {name}", [*model, *words]) for name, words in arithmetic
                     if batch != 8192 or name in ("tf32", "amp")]
        large = [f"--config={config}", f"--batch={batches[0]}", "--mode=inference"]
        runs += [(f"{config} {batches[0]} inference {name}", [*large, *words]) for name, words in arithmetic
                 if name in ("tf32", "amp")]
    return runs


def steps(session, earlier):
    amp = "--amp" in session.run([program("dlrm_bench"), "--help"], 10).output
    found, failed = {}, None
    for name, words in step_runs(amp):
        outcome = session.run([program("dlrm_bench"), "--use-gpu", PROBE, f"--max-rows={max_rows(earlier)}",
                               "--iters=50", "--warmup=10", *words], 30)
        failed = failed or failure(outcome)
        found[name] = last_json(outcome.output) or {"failed": failure(outcome)}
    return {"runs": found, "failed": failed}


def inference(session, _):
    amp = "--amp" in session.run([program("dlrm_train"), "--help"], 10).output
    found, failed = {}, None
    for name, words in (("tf32", []), *([("amp", ["--amp"])] if amp else [])):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "log.json")
            outcome = session.run([program("dlrm_train"), *INFERENCE, *words, f"--json-log={path}"], 45)
            found[name] = read_inference(path) if os.path.exists(path) else []
        failed = failed or failure(outcome)
    return {**found, "failed": failed}


def read_inference(path):
    with open(path, encoding="utf-8") as f:
        events = [json.loads(line) for line in f]
    return [{key: value for key, value in e.items() if key != "event"} for e in events
            if e["event"] == "inference_benchmark"]


def torch(session, earlier, peer=None, python=sys.executable):
    """The same models on the same GPU in the same run, by scripts/compare_with_torch.py."""
    if peer is None:
        return {"left_out": "no --peer", "failed": None}
    has_cuda = "import sys, torch; sys.exit(0 if torch.cuda.is_available() else 1)"
    if session.run([python, "-c", has_cuda], 30).code != 0:
        return {"left_out": f"{python} has no torch with CUDA", "failed": None}
    with tempfile.TemporaryDirectory() as folder:
        outcome = session.run([sys.executable, "scripts/compare_with_torch.py", "--gpu", f"--peer={peer}",
                               f"--python={python}", "--rounds=1", f"--max-rows={max_rows(earlier)}",
                               f"--out={folder}"], 120)
        path = os.path.join(folder, "gpu_torch.json")
        found = json.load(open(path, encoding="utf-8")) if os.path.exists(path) else {}
    # Compiling takes PyTorch long: the cases that there was time for count.
    return {**found, "cut_short": outcome.code is None, "failed": None if found else failure(outcome)}


# With the seconds of each, what checks before what measures. All budgets together are more than there is: a build
# that the compiler's cache knows, and a clean run, take a fraction of theirs.
PARTS = {build: 240, machine: 15, tests: 130, sanitizers: 90, ceilings: 40, kernels: 70, steps: 100, inference: 40,
         torch: 120}
CHECKS = ("build", "tests", "sanitizers")


def report(results, before, now):
    """What gpu.json holds; `before` is the record that it replaces, `now` the hashes before the build."""
    passed = all(name in results and not results[name]["failed"] for name in CHECKS)
    return {"command": "scripts/gpu_check.sh", "date": time.strftime("%Y-%m-%d", time.gmtime()),
            "passed": now if passed else before.get("passed", {}), **results}


def read_record(path):
    try:
        with open(path, encoding="utf-8") as f:
            return json.load(f)
    except FileNotFoundError:
        return {}


def write_record(path, record):
    with open(path + ".part", "w", encoding="utf-8") as f:
        json.dump(record, f, indent=1)
        f.write("\n")
    os.replace(path + ".part", path)


def parse_arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--list", action="store_true", help="print the names of the parts")
    p.add_argument("--dry-run", action="store_true", help="print the commands with their limits, run none")
    p.add_argument("--only", default="", help="a regular expression for the parts to run")
    p.add_argument("--out", default="docs/benchmarks", help="a folder")
    p.add_argument("--peer", help="a PyTorch script to compare with")
    p.add_argument("--python", default=sys.executable, help="a Python that has torch, for --peer")
    a = p.parse_args()
    a.parts = [part for part in PARTS if re.search(a.only, part.__name__)]
    if not a.parts:
        p.error(f"--only matches no part: got '{a.only}', expected one of {', '.join(x.__name__ for x in PARTS)}")
    return a


def run_parts(session, a, done):
    """Calls done(results) after each part: what ends this program leaves what there is."""
    results = {}
    for part in a.parts:
        name = part.__name__
        print(f"== {name}", flush=True)
        session.begin_part(PARTS[part])
        more = {"peer": a.peer, "python": a.python} if part is torch else {}
        try:
            results[name] = part(session, results, **more)
        except (OSError, ValueError, KeyError) as error:  # output of a program that was ended, or is another than we know
            results[name] = {"failed": f"{type(error).__name__}: {error}"}
        done(results)
        if results[name]["failed"]:
            print(f"{name}: {results[name]['failed']}", flush=True)
        if part is build and results[name]["failed"]:
            break
    return results


def main():
    a = parse_arguments()
    if a.list:
        print("\n".join(part.__name__ for part in a.parts))
        return 0
    os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
    if a.dry_run:
        run_parts(Session(None, dry=True), a, lambda results: None)
        return 0
    now = gpu_passed.hashes(".")
    os.makedirs(a.out, exist_ok=True)
    path = os.path.join(a.out, "gpu.json")
    before = read_record(path)
    with open(os.path.join(a.out, "gpu.log"), "w", encoding="utf-8") as log:
        results = run_parts(Session(log), a, lambda found: write_record(path, report(found, before, now)))
    record = read_record(path)
    print(f"wrote {path}; " + ("all files count as passed" if record["passed"] == now else
                               "not all files count as passed"))
    return 1 if any(r["failed"] for r in results.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
