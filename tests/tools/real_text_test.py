#!/usr/bin/env python3
"""Trains on real data sets by the schema files of docs/examples, as docs/schema.md shows it.

  real_text_test.py DLRM_TRAIN DLRM_DATA

The files are those of the folder data/ in the environment variable HOTROW_SHARED; without it this prints a line that
says so and passes.

  MovieLens 100K  rating >= 4, the latest fifth of the ratings for the test: AUC at least 0.70. Most of its users and
                  some of its films are new then.
  Avazu           9,999 clicks of one hour, the last fifth in the file's order for the test: AUC at least 0.72. Only 335
                  clicks are in it, so that the AUC itself is known to 0.016; settings were chosen by it.
  Taobao ads      two columns are lists: trains and tests.
  Taobao          the file's last line is cut: refused by its place, or left out.
"""
import os
import re
import subprocess
import sys
import tempfile

FLAGS = ("--data-set=tsv", "--loss-function=bce", "--optimizer=adagrad", "--learning-rate=0.02", "--mini-batch-size=128",
         "--test-mini-batch-size=1024", "--print-freq=1000", "--arch-sparse-feature-size=8", "--arch-mlp-bot=1-8")
SEEDS = (1, 2, 3)
failed = 0


def check(ok, what):
    global failed
    failed += not ok
    print("ok  " if ok else "FAIL", what, flush=True)


def run(*words):
    done = subprocess.run([*map(str, words)], capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout, done.stderr


def auc(train, files, seed, *more):
    code, out, err = run(train, *FLAGS, f"--train-file={files[0]}", f"--test-file={files[1]}", f"--numpy-rand-seed={seed}", *more)
    found = re.findall(r"^ AUC ([0-9.]+)", out, re.M)
    return float(found[-1]) if code == 0 and found else float("nan")


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    train, data = map(os.path.abspath, sys.argv[1:])
    shared = os.path.join(os.environ.get("HOTROW_SHARED", ""), "data")
    if "HOTROW_SHARED" not in os.environ or not os.path.exists(os.path.join(shared, "avazu_10k.csv.gz")):
        print("skipped: HOTROW_SHARED names no folder with data/avazu_10k.csv.gz")
        return
    examples = os.path.abspath("docs/examples")
    with tempfile.TemporaryDirectory(prefix="real_text_test_") as folder:

        def split(name, source, *how):
            files = [os.path.join(folder, f"{name}.{part}") for part in ("train", "test")]
            code, _, err = run(data, "split", os.path.join(shared, source), f"--schema-file={examples}/{name}.yaml",
                               f"--train={files[0]}", f"--test={files[1]}", *how)
            check(code == 0, f"{name} splits {err}")
            return files

        for name, source, how, more, least in (
            ("movielens", "movielens_100k.tsv.gz", "--by=time", ("--arch-mlp-top=16-1", "--nepochs=3"), 0.70),
            ("avazu", "avazu_10k.csv.gz", "--by=row", ("--arch-mlp-top=32-1", "--nepochs=2"), 0.72),
            ("taobao_ads", "taobao_ads_multihot_10k.csv.gz", "--by=time", ("--arch-mlp-top=32-1",), 0),
        ):
            files = split(name, source, how)
            for seed in SEEDS:
                got = auc(train, files, seed, f"--schema-file={examples}/{name}.yaml", *more)
                check(got >= least, f"{name}, seed {seed}: AUC {got:.4f}, expected at least {least}")

        cut = (data, "check", os.path.join(shared, "taobao_behavior_84k.csv.gz"), f"--schema-file={examples}/taobao_behavior.yaml")
        code, out, _ = run(*cut)
        check(code == 1 and ":84476:26] wrong number of fields: got 4, expected 5" in out and "84,475 rows" in out and "1 problem" in out,
              f"a line that is cut is named: {out}")
        code, out, _ = run(data, "inspect", *cut[2:], "--on-error=skip", "--max-errors=1")
        check(code == 0 and "84,475 rows" in out and "left out 1 bad line" in out, f"it can be left out: {out[:200]}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
