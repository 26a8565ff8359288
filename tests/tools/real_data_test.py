#!/usr/bin/env python3
"""Trains on 64,000 rows of real clicks and tests on the next 16,000, as README.md shows it.

  real_data_test.py DLRM_TRAIN

The rows are data/criteo_80k.tsv.gz of the folder in the environment variable HOTROW_SHARED; without it
this prints a line that says so and passes. Each seed must reach an AUC of 0.765: PyTorch's DLRM of the same shape,
with Adagrad at 0.02, came to 0.7674 and 0.7685. With layers or tables of bf16 the mean of the seeds must be within
0.001 of that (over twelve seeds one run deviates by 0.0008 from the same with fp32, the mean by 0.0003).
"""
import gzip
import itertools
import os
import re
import statistics
import subprocess
import sys
import tempfile

TRAIN_ROWS = 64_000
MIN_AUC = 0.765
MAX_LOSS_OF_BF16 = 0.001
SEEDS = range(1, 7)
FLAGS = ("--data-generation=dataset", "--data-set=tsv", "--min-frequency=3", "--arch-sparse-feature-size=16",
         "--arch-mlp-bot=13-128-64-16", "--arch-mlp-top=128-64-1", "--loss-function=bce", "--optimizer=adagrad",
         "--learning-rate=0.015", "--mini-batch-size=128", "--test-mini-batch-size=1024", "--print-freq=100")


def split(source, folder):
    """The first rows to train on, the rest to test on, in the file's order."""
    with gzip.open(source, "rb") as f:
        for name, lines in (("train.tsv", itertools.islice(f, TRAIN_ROWS)), ("test.tsv", f)):
            with open(os.path.join(folder, name), "wb") as out:
                out.writelines(lines)


def auc(binary, folder, seed, *more):
    result = subprocess.run(
        [binary, *FLAGS, *more, f"--train-file={folder}/train.tsv", f"--test-file={folder}/test.tsv", f"--numpy-rand-seed={seed}"],
        stdout=subprocess.PIPE, text=True, timeout=600, check=True)
    return float(re.findall(r"^ AUC ([0-9.]+)", result.stdout, re.M)[-1])


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    shared = os.environ.get("HOTROW_SHARED", "")
    source = os.path.join(shared, "data", "criteo_80k.tsv.gz")
    if not shared or not os.path.exists(source):
        print("skipped: HOTROW_SHARED names no folder with data/criteo_80k.tsv.gz")
        return
    binary, failed = os.path.abspath(sys.argv[1]), 0

    def check(ok, what):
        nonlocal failed
        failed += not ok
        print("ok  " if ok else "FAIL", what, flush=True)

    with tempfile.TemporaryDirectory(prefix="real_data_test_") as folder:
        split(source, folder)
        plain = {seed: auc(binary, folder, seed) for seed in SEEDS}
        for seed, got in plain.items():
            check(got >= MIN_AUC, f"seed {seed}: AUC {got:.4f}, expected at least {MIN_AUC}")
        for flag in ("--dtype=bf16", "--table-dtype=bf16"):
            lost = statistics.mean(plain[seed] - auc(binary, folder, seed, flag) for seed in SEEDS)
            check(abs(lost) <= MAX_LOSS_OF_BF16, f"{flag}: AUC {lost:.5f} lower, expected at most {MAX_LOSS_OF_BF16}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
