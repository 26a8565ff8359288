#!/usr/bin/env python3
"""Runs gpu_check.py with programs that print what was recorded, or hang."""
import contextlib
import io
import json
import os
import sys
import tempfile
import time
import unittest
from unittest import mock

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "scripts"))
import gpu_check  # noqa: E402
import gpu_passed  # noqa: E402

SUITE = {"benchmarks": [
    {"name": "loss/bench/real_time", "floor_s": 2e-6, "percent_of_floor": 50.0, "bytes": 3.0},
    {"name": "dense_update/bench/sgd/real_time", "floor_s": 0.0, "percent_of_floor": 0.0}]}
JUNIT = '<testsuite name="x" tests="5" failures="{}" disabled="0" skipped="{}"/>'
BENCH = """
for word; do
  case $word in
    --help) echo "  --strict-fp32  --amp BOOL"; exit 0 ;;
    --json=*) echo '%s' > "${word#--json=}"; exit 0 ;;
    --batch=8192) echo 'it broke' >&2; exit 3 ;;
  esac
done
echo 'a line before'
echo '{"samples_per_s": 7, "machine": {"copy_gb_s": 4000.0}}'
""" % json.dumps(SUITE)
TRAIN = """
for word; do
  case $word in
    --help) echo "flags"; exit 0 ;;
    --json-log=*) printf '{"event": "memory"}\\n{"event": "inference_benchmark", "batch": 64}\\n' > "${word#--json-log=}" ;;
  esac
done
"""
SANITIZER = "echo '========= ERROR SUMMARY: 0 errors'; echo '========= RACECHECK SUMMARY: 0 hazards displayed'"


def ctest(failures, skipped):
    return f"""
while [ "$1" != --output-junit ]; do shift; done
echo '{JUNIT.format(failures, skipped)}' > "$2"
exit {1 if failures else 0}
"""


PROGRAMS = {"bin/bash": "", "bin/nvcc": "echo V13", "bin/nvidia-smi": "echo 'NVIDIA X, 580, 81559, 1, 2, 3'",
            "bin/ctest": ctest(0, 0), "bin/compute-sanitizer": SANITIZER, "tools/dlrm_bench": BENCH, "tools/dlrm_train": TRAIN}


class Folder:
    """A folder with programs by their paths."""

    def __init__(self, programs):
        self.programs = programs

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory()
        for path, text in self.programs.items():
            path = os.path.join(self.folder.name, path)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8") as f:
                f.write("#!/bin/sh\n" + text)
            os.chmod(path, 0o755)
        return self.folder.name

    def __exit__(self, *_):
        self.folder.cleanup()


def check(*words, record=None, path="", **programs):
    """Exit code, gpu.json and gpu.log of a run; `programs` replace some, by name."""
    chosen = {p: programs.get(os.path.basename(p).replace("-", "_"), text) for p, text in PROGRAMS.items()}
    with Folder({p: text for p, text in chosen.items() if text is not None}) as folder:
        out = os.path.join(folder, "out")
        if record is not None:
            os.makedirs(out)
            gpu_check.write_record(os.path.join(out, "gpu.json"), record)
        with mock.patch.object(gpu_check, "BUILD", folder), mock.patch.object(sys, "argv", ["x", f"--out={out}", *words]), \
             mock.patch.dict(os.environ, {"PATH": os.path.join(folder, "bin") + path}), contextlib.redirect_stdout(io.StringIO()):
            here = os.getcwd()
            code = gpu_check.main()
            os.chdir(here)
        with open(os.path.join(out, "gpu.json"), encoding="utf-8") as f, \
             open(os.path.join(out, "gpu.log"), encoding="utf-8") as log:
            return code, json.load(f), log.read()


class GpuCheck(unittest.TestCase):
    def test_record(self):
        code, record, log = check()
        self.assertEqual(code, 1)  # one of the steps failed
        self.assertEqual(record["passed"], gpu_passed.hashes("."))
        self.assertEqual(record["machine"]["name"], "NVIDIA X")
        self.assertEqual(record["tests"]["tests"], 5)
        self.assertEqual(record["kernels"]["bench"], {"loss/bench": {"us": 4.0, "floor_us": 2.0, "percent_of_floor": 50.0}})
        self.assertEqual(record["ceilings"]["fp32"], {"copy_gb_s": 4000.0})
        runs = record["steps"]["runs"]
        self.assertEqual(runs["mlperf 65536 train amp"]["samples_per_s"], 7)
        self.assertEqual(runs["mlperf 8192 train tf32"], {"failed": "exit 3: it broke"})
        self.assertEqual(record["inference"]["tf32"], [{"batch": 64}])
        self.assertIn("--max-rows=20000000", log)
        self.assertIn("a line before", log)

    def test_what_keeps_files_from_counting(self):
        old = {"passed": {"kernels/a_cuda.cu": "1"}}
        for programs in ({"ctest": ctest(1, 0)}, {"ctest": ctest(0, 5)}, {"ctest": "exit 0"}, {"bash": "exit 1"},
                         {"compute_sanitizer": "echo 'ERROR SUMMARY: 2 errors'"},
                         {"compute_sanitizer": "echo 'RACECHECK SUMMARY: 1 hazard displayed'"},
                         {"compute_sanitizer": "exit 9"}):
            code, record, _ = check("--only=build|tests|sanitizers", record=old, **programs)
            self.assertEqual((code, record["passed"]), (1, old["passed"]), programs)
        code, record, _ = check("--only=tests|sanitizers", record=old)
        self.assertEqual((code, record["passed"]), (0, old["passed"]))
        code, record, _ = check("--only=build|tests|sanitizers", record=old)
        self.assertEqual((code, record["passed"]), (0, gpu_passed.hashes(".")))

    def test_without_a_sanitizer(self):
        code, record, _ = check("--only=sanitizers", compute_sanitizer=None)
        self.assertEqual((code, record["sanitizers"]["not_installed"]), (0, "no compute-sanitizer in PATH"))

    def test_programs_that_are_missing_or_print_something_else(self):
        code, record, _ = check("--only=machine|tests|ceilings", nvidia_smi=None, nvcc=None, ctest=None)
        self.assertEqual(code, 1)
        for part, program in (("machine", "nvidia-smi"), ("tests", "ctest")):
            self.assertEqual(record[part]["failed"], f"exit 127: cannot run {program}: No such file or directory")
        self.assertEqual(record["ceilings"]["fp32"], {"copy_gb_s": 4000.0})
        code, record, _ = check("--only=inference|torch", dlrm_train=TRAIN.replace('"event": "memory"}', '"event": '))
        self.assertEqual(code, 1)
        self.assertTrue(record["inference"]["failed"].startswith("JSONDecodeError: "), record)
        self.assertEqual(record["torch"]["left_out"], "no --peer")

    def test_what_hangs_is_ended(self):
        with tempfile.TemporaryFile("w+") as log:
            session, start = gpu_check.Session(log), time.monotonic()
            outcome = session.run(["sh", "-c", "echo begun; sleep 60 & sleep 60"], 0.5)
            self.assertEqual((outcome.code, outcome.output), (None, "begun\n"))
            self.assertEqual(gpu_check.failure(outcome), "time is up")
            session.begin_part(0.3)
            session.run(["sleep", "60"], 60)
            self.assertEqual(session.run(["echo"], 60).code, None)  # the part's time is over
            session.begin_part(5)
            self.assertEqual(session.run(["echo", "next"], 60).output, "next\n")
            self.assertLess(time.monotonic() - start, 20)
            log.seek(0)
            self.assertIn("not started: no time left", log.read())

    def test_usage(self):
        with mock.patch.object(sys, "argv", ["x", "--only=nothing"]), contextlib.redirect_stderr(io.StringIO()) as err:
            self.assertRaises(SystemExit, gpu_check.main)
        self.assertIn("--only matches no part: got 'nothing', expected one of build, machine", err.getvalue())


if __name__ == "__main__":
    unittest.main()
