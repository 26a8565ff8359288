#!/usr/bin/env python3
"""Runs the program dlrm_data, whose path is the first argument, as a person would."""
import json
import signal
import subprocess
import time

import data_program
from data_program import FolderTest, run, start


class DlrmData(FolderTest):
    def setUp(self):
        super().setUp()
        self.folder /= "out"

    def test_generates(self):
        code, out, err = run("generate", "--rows=500", "--test-rows=200", "--seed=3", f"--out={self.folder}")
        self.assertEqual((code, err), (0, ""))
        self.assertEqual(sorted(f.name for f in self.folder.iterdir()), ["planted.json", "test.tsv", "train.tsv"])
        for name, rows in (("train.tsv", 500), ("test.tsv", 200)):
            lines = (self.folder / name).read_text().splitlines()
            self.assertEqual([line.count("\t") for line in lines], [39] * rows)
        facts = json.loads((self.folder / "planted.json").read_text())
        self.assertIn(f"best AUC {facts['best_auc']:.4f}", out)
        labels = [line[0] == "1" for line in (self.folder / "test.tsv").read_text().splitlines()]
        self.assertAlmostEqual(facts["base_rate"], sum(labels) / 200, places=6)

    def test_gzip(self):
        self.assertEqual(run("generate", "--rows=5", "--test-rows=50", "--gz", f"--out={self.folder}")[0], 0)
        self.assertEqual((self.folder / "train.tsv.gz").read_bytes()[:2], b"\x1f\x8b")

    def test_help(self):
        self.assertEqual(run("--help")[0], 0)
        code, out, _ = run("generate", "--help")
        self.assertEqual(code, 0)
        self.assertIn("dlrm_data generate", out)

    def test_usage_errors(self):
        for words, text in (
            ([], "[command] got none, expected one of "),
            (["frobnicate"], "[command] got 'frobnicate', expected one of "),
            (["generate"], "[--out] is missing"),
            (["generate", "--out=x", "--rows=0"], "[--rows] is out of range: got 0"),
            (["generate", "--out=x", "--test-rows=1"], "[--test-rows] is out of range: got 1"),
            (["generate", "--out=x", "--seed=-1"], "[--seed] is out of range: got -1"),
        ):
            code, out, err = run(*words)
            self.assertEqual((code, out, err.count("\n")), (2, "", 1), words)
            self.assertIn("dlrm_data: " + text, err)

    def test_folder_that_is_none(self):
        code, _, err = run("generate", "--out=/dev/null/x")
        self.assertEqual((code, err.count("\n")), (1, 1))
        self.assertIn("cannot be used as the output folder", err)

    def test_full_standard_output(self):
        with open("/dev/full", "w") as full:
            done = subprocess.run([data_program.program, "--help"], stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
        self.assertEqual((done.returncode, done.stderr.count("\n")), (1, 1))
        self.assertIn("[standard output] cannot be written: got 'No space left on device'", done.stderr)

    def test_interrupt_leaves_nothing(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            process = start("generate", "--rows=100000000", f"--out={self.folder}", stderr=subprocess.PIPE)
            while not self.folder.exists() or not list(self.folder.iterdir()):
                time.sleep(0.01)
            process.send_signal(number)
            _, err = process.communicate(timeout=60)
            self.assertEqual((process.returncode, err), (130, "dlrm_data: interrupted, nothing written\n"))
            self.assertFalse(self.folder.exists())  # nor the folder that was made for them


if __name__ == "__main__":
    data_program.main(__doc__)
