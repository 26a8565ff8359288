#!/usr/bin/env python3
"""reference_cases.py must pass a program that prints the recorded numbers, and fail any other."""
import io
import json
import os
import stat
import subprocess
import sys
import tempfile
import unittest
import zipfile

import reference_cases

HERE = os.path.dirname(os.path.abspath(__file__))
OUTPUT = """\
initial parameters (weights and bias):
[[ 0.12 -3.4e-05]
 [ 1.   2.5 ]]

time/loss/accuracy (if enabled):
Finished training it 1/2 of epoch 0, -1.00 ms/it, loss 0.451000
Finished training it 2/2 of epoch 0, -1.00 ms/it, loss 0.250000
 accuracy 75.000 %, best 75.000 %
updated parameters (weights and bias):
[0.5 0.25]

AUC 0.9
"""
CASE = {"name": "one", "args": "--debug-mode --x='a b'", "digits": 6, "losses": [0.451, 0.25],
        "accuracies": [75.0], "initial": [0.12, -3.4e-05, 1.0, 2.5], "updated": [0.5, 0.25]}


def npy(descr, shape, data, version=1, by_columns=False):
    header = f"{{'descr': '{descr}', 'fortran_order': {by_columns}, 'shape': {shape}, }}\n".encode()
    length = len(header).to_bytes(2 if version == 1 else 4, "little")
    return b"\x93NUMPY" + bytes([version, 0]) + length + header + data


def npz(path, arrays):
    with zipfile.ZipFile(path, "w") as archive:
        for name, array in arrays.items():
            archive.writestr(name + ".npy", array)


class ReferenceCases(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def run_with(self, output, case=None, status=0, script="", shared=None):
        """Exit status and text of reference_cases.py on a program that prints `output`."""
        binary = os.path.join(self.folder.name, "program")
        with open(binary, "w", encoding="utf-8") as f:
            f.write(f"#!{sys.executable}\nimport os, sys\nassert sys.argv[2:3] in ([], ['--x=a b'])\n"
                    f"{script}\nprint({output!r})\nsys.exit({status})\n")
        os.chmod(binary, os.stat(binary).st_mode | stat.S_IXUSR)
        cases = os.path.join(self.folder.name, "cases.json")
        with open(cases, "w", encoding="utf-8") as f:
            json.dump([case or CASE], f)
        environment = {k: v for k, v in os.environ.items() if k != "HOTROW_SHARED"}
        if shared:
            environment["HOTROW_SHARED"] = shared
        done = subprocess.run([sys.executable, os.path.join(HERE, "reference_cases.py"), binary, "--cases", cases],
                              capture_output=True, text=True, env=environment, check=False)
        return done.returncode, done.stdout + done.stderr

    def expect_failure(self, old, new, want):
        self.assertIn(old, OUTPUT)
        status, text = self.run_with(OUTPUT.replace(old, new))
        self.assertEqual(status, 1, text)
        self.assertIn(want, text)

    def test_recorded_numbers_pass(self):
        status, text = self.run_with(OUTPUT)
        self.assertEqual((status, text), (0, "passed: one\n1 passed, 0 failed, 0 skipped\n"))

    def test_differences_within_rounding_pass(self):
        for old, new in (("0.12 ", "0.120001 "), ("0.451000", "0.451010"), ("75.000 %,", "75.0019 %,"),
                         ("[0.5 ", "[0.500013 ")):
            self.assertEqual(self.run_with(OUTPUT.replace(old, new))[0], 0, new)

    def test_differences_beyond_it_fail(self):
        self.expect_failure("0.12 ", "0.120002 ", "initial: number 0 is 0.120002, expected 0.12")
        self.expect_failure("0.451000", "0.451012", "losses: number 0 is 0.451012")
        self.expect_failure("75.000 %,", "75.003 %,", "accuracies: number 0")
        self.expect_failure("[0.5 ", "[0.500015 ", "updated: number 0")

    def test_nan_never_passes(self):
        self.expect_failure("loss 0.25", "loss nan\n0.25", "losses: number 1 is nan")
        self.expect_failure("2.5 ]]", "nan ]]", "initial: number 3 is nan")

    def test_missing_and_surplus_numbers_fail(self):
        self.expect_failure("2.5 ]]", "]]", "initial: 3 numbers, expected 4")
        self.expect_failure("[0.5 0.25]", "[0.5 0.25 0.1]", "updated: 3 numbers, expected 2")
        self.expect_failure("updated parameters", "parameters", "updated: 0 numbers")
        self.expect_failure(" accuracy", "accuracy", "accuracies: 0 numbers")

    def test_exit_status_counts(self):
        status, text = self.run_with(OUTPUT, status=3)
        self.assertEqual(status, 1)
        self.assertIn("exit status 3", text)

    def test_case_with_files(self):
        case = {**CASE, "files": "raw", "npz": "out.npz"}
        status, text = self.run_with(OUTPUT, case)
        self.assertEqual(status, 1)  # nothing passed
        self.assertIn("skipped: one: HOTROW_SHARED is not set", text)
        self.assertIn("no folder reference/raw", self.run_with(OUTPUT, case, shared=self.folder.name)[1])

        raw = os.path.join(self.folder.name, "reference", "raw")
        os.makedirs(raw)
        want = npy("<i4", (2,), b"\1\0\0\0\2\0\0\0")
        npz(os.path.join(raw, "expected.npz"), {"ids": want})
        self.assertIn("out.npz was not written", self.run_with(OUTPUT, case, shared=self.folder.name)[1])
        for array, passes in ((want, True), (npy("<i4", (2,), b"\1\0\0\0\2\0\0\0", version=2), True),
                              (npy("<i8", (1,), b"\1\0\0\0\2\0\0\0"), False),
                              (npy("<i4", (2,), b"\1\0\0\0\3\0\0\0"), False), (b"foreign", False)):
            archive = io.BytesIO()
            npz(archive, {"ids": array, "more": want})
            script = f"open('out.npz', 'wb').write({archive.getvalue()!r})"
            status, text = self.run_with(OUTPUT, case, script=script, shared=self.folder.name)
            self.assertEqual(status, 0 if passes else 1, text)


    def test_column_order_compares_by_value(self):
        rows = os.path.join(self.folder.name, "rows.npz")
        columns = os.path.join(self.folder.name, "columns.npz")
        npz(rows, {"x": npy("<u2", (2, 3), b"a1b1c1a2b2c2")})
        npz(columns, {"x": npy("<u2", (2, 3), b"a1a2b1b2c1c2", by_columns=True)})
        self.assertEqual(reference_cases.npz_differences(rows, columns), [])
        npz(columns, {"x": npy("<u2", (2, 3), b"a1b1c1a2b2c2", by_columns=True)})
        self.assertEqual(reference_cases.npz_differences(rows, columns), ["x.npy differs in rows.npz"])


if __name__ == "__main__":
    unittest.main()
