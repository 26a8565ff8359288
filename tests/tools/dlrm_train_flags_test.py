#!/usr/bin/env python3
"""Flags of dlrm_train: their forms, and every kind that it refuses, with the words and the exit code.

  dlrm_train_flags_test.py DLRM_TRAIN

Prints a line for each check that failed and one for each group of checks; exits 1 if any failed.
"""
import os
import re
import subprocess

import program
from program import TSV, USAGE, WORLD, check, losses, main, refused, trains

OUT_OF_RANGE = [
    ("--mini-batch-size", "0"), ("--mini-batch-size", "-3"), ("--nepochs", "0"), ("--data-size", "0"),
    ("--num-batches", "-1"), ("--num-threads", "0"), ("--print-freq", "0"), ("--numpy-rand-seed", "-1"),
    ("--numpy-rand-seed", "4294967296"), ("--learning-rate", "-0.1"), ("--learning-rate", "inf"),
    ("--learning-rate", "nan"), ("--learning-rate", "1e999"), ("--loss-threshold", "0.5"), ("--loss-threshold", "-0.1"),
    ("--test-freq", "-2"), ("--test-mini-batch-size", "0"), ("--num-indices-per-lookup", "0"),
    ("--arch-sparse-feature-size", "0"), ("--data-size", "9223372036854775808"), ("--mlperf-acc-threshold", "1.5"),
    ("--mlperf-auc-threshold", "-0.1"), ("--lr-num-warmup-steps", "-1"), ("--lr-num-decay-steps", "-1"),
    ("--lr-decay-start-step", "-1"), ("--qr-collisions", "0"), ("--qr-threshold", "-1"), ("--md-threshold", "-1"),
    ("--md-temperature", "-1"), ("--rand-data-sigma", "-1"), ("--print-precision", "-1"), ("--max-ind-range", "0"),
    ("--data-sub-sample-rate", "1.1"), ("--num-workers", "-1"), ("--mlperf-grad-accum-iter", "0"),
    ("--prefetch-batches", "-2"),
]

WRONG_KIND = [
    ("--mini-batch-size", "two"), ("--mini-batch-size", "2.5"), ("--mini-batch-size", "0x10"),
    ("--learning-rate", "fast"), ("--learning-rate", "0,1"), ("--learning-rate", "0.1f"), ("--nepochs", "1e3"),
    ("--arch-mlp-bot", "4-x-2"), ("--arch-mlp-bot", "4--2"), ("--arch-mlp-bot", "4-0-2"), ("--arch-mlp-bot", "4"),
    ("--arch-embedding-size", "4,3,2"), ("--arch-embedding-size", "4-3-"), ("--arch-mlp-top", "1.5-1"),
    ("--loss-function", "hinge"), ("--optimizer", "lamb"), ("--arch-interaction-op", "sum"),
    ("--data-generation", "magic"), ("--data-set", "movielens"), ("--rand-data-dist", "cauchy"),
    ("--weighted-pooling", "maybe"), ("--qr-operation", "xor"), ("--rng-order", "first"),
    ("--data-randomize", "some"), ("--loss-weights", "1.0"), ("--loss-weights", "a-b"),
    ("--round-targets", "perhaps"), ("--activation-function", "gelu"), ("--table-dtype", "int8"),
    ("--dtype", "fp16"),
]

REFUSED = ["--local_rank=0", "--dist-backend=nccl", "--save-model=m.pt", "--load-model=m.pt", "--save-onnx",
           "--quantize-mlp-with-bit=8", "--quantize-emb-with-bit=4", "--dataset-multiprocessing", "--mlperf-logging", "--enable-profiling",
           "--plot-compute-graph", "--tensor-board-filename=x"]


def test_flags_out_of_range():
    for flag, value in OUT_OF_RANGE + WRONG_KIND:
        refused(USAGE, (flag, value), f"{flag}={value}")


def test_flags_unknown_and_refused():
    refused(USAGE, "--batch-size", "--batch-size=3")
    refused(USAGE, "--learning-rat", "--learning-rat", "0.1")
    refused(USAGE, "word", "4-3-2")
    refused(USAGE, "--mini-batch-size", "--mini-batch-size=")
    refused(USAGE, "--mini-batch-size", "--mini-batch-size")
    for flag in REFUSED:
        refused(USAGE, flag.split("=")[0], flag)


def test_flags_that_do_not_fit():
    refused(USAGE, "ERROR: arch-sparse-feature-size 3 does not match last dim of bottom mlp 2",
            "--arch-sparse-feature-size=3")
    refused(USAGE, ("--arch-mlp-top", "2"), "--arch-mlp-top=4-2")
    refused(USAGE, "does not match first dim of bottom mlp 4", *TSV, "--train-file=x", "--arch-mlp-bot=4-2")
    refused(USAGE, "quotient remainder with weighted pooling", "--qr-flag", "--weighted-pooling=fixed")
    refused(USAGE, "mixed dimensions with weighted pooling", "--md-flag", "--weighted-pooling=learned")
    refused(USAGE, ("--qr-flag", "--md-flag"), "--qr-flag", "--md-flag")
    refused(USAGE, "2 arch-sparse-feature-size 4 does not match last dim of bottom mlp 2", "--qr-flag",
            "--qr-operation=concat")
    refused(USAGE, ("--qr-threshold", "got table 0 of 4 rows"), "--qr-flag", "--qr-operation=concat",
            "--arch-mlp-bot=4-3-4")
    refused(USAGE, "warmup must finish before the decay", "--lr-num-warmup-steps=10", "--lr-decay-start-step=5",
            "--lr-num-decay-steps=5")
    refused(USAGE, ("--mlperf-grad-accum-iter", "got 3 times 1000000000 samples", "2147483647"),
            "--mlperf-grad-accum-iter=3", "--mini-batch-size=1000000000")
    refused(USAGE, "--train-file", *TSV)
    refused(USAGE, "--train-file", "--train-file=x")
    refused(USAGE, "--raw-data-file", "--data-generation=dataset")
    refused(USAGE, "--test-file", *TSV, "--train-file=x", "--test-freq=5")
    refused(USAGE, ("--hash-size", "--min-frequency"), *TSV, "--train-file=x", "--hash-size=5", "--min-frequency=2")
    refused(USAGE, ("--json-log", "overwrite"), *TSV, "--train-file=./x", "--json-log=./x")
    refused(USAGE, "--rand-data-min", "--rand-data-min=3", "--rand-data-max=2")


def test_no_gpu():
    """A build without CUDA, or a machine that shows it no GPU, says so before it reads anything."""
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
    refused(WORLD, "[device] ", "--use-gpu", *TSV, "--train-file=missing.tsv")
    refused(USAGE, ("--strict-fp32", "--use-gpu"), "--strict-fp32")


def test_forms_of_flags():
    plain = ["--mini-batch-size", "2", "--data-size", "6", "--learning-rate", "0.1"]
    output = trains(*plain)
    check(losses(output) == losses(trains(*[f"{a}={b}" for a, b in zip(plain[::2], plain[1::2])])),
          "--flag value and --flag=value differ")
    check(len(losses(output)) == 3, f"expected 3 lines of losses: {output}")
    help_text = trains("--help")
    for flag, _ in OUT_OF_RANGE + WRONG_KIND:
        check(flag in help_text, f"--help does not name {flag}")
    check(re.fullmatch(r"dlrm_train .*\d+\.\d+\.\d+\n", trains("--version")) is not None, "--version")


def test_that_starting_takes_no_library_of_a_gpu():
    child = subprocess.Popen([program.binary, "--version"], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    check(status == 0 and usage.ru_maxrss < 100_000, f"--version: status {status}, {usage.ru_maxrss} KB at its peak, "
          "expected less than 100,000: cuBLASLt would take 200,000")


if __name__ == "__main__":
    main(globals(), __doc__)
