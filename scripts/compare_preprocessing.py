#!/usr/bin/env python3
"""Times `dlrm_data encode` beside what users of Python write, on the same generated Criteo file.

  scripts/compare_preprocessing.py [--rows=N] [--rounds=N] [--threads=N] [--reference=CHECKOUT] [--keep=FOLDER]

rows of the table, each with the lines that it gets and its time a million lines:
  encode     dlrm_data encode IN OUT --convention=reference --to=FORMAT, --dense=log1p unless FORMAT
             holds integers only (kaggle, mlperf-bin)
  pandas     read_csv, log(x + 1), factorize a column, values and counts, one .npy a part
  python     a loop over lines with a dictionary a column, without any library's parser
  reference  data_utils.getCriteoAdData of a checkout of facebookresearch/dlrm (a folder with its
             data_utils.py will do), Kaggle's steps

`encode` and `pandas` run by turns, --rounds times each, once the files before are on the disk; the medians
and the median of the rounds' ratios are shown. Slow ones run once and get fewer lines of the same file. Ids of `encode` and `pandas` are compared before anything
is reported. Needs NumPy and pandas in the Python that runs it.
"""
import argparse
import itertools
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np
import pandas as pd

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
DENSE, CATEGORICAL = 13, 26
PANDAS_BAR, REFERENCE_BAR = 10, 30  # times faster than these


def timed(work):
    os.sync()  # what was written before is not this one's load
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def encode(program, text, out, to, threads):
    dense = "none" if to in ("kaggle", "mlperf-bin") else "log1p"
    subprocess.run([program, "encode", text, out, f"--to={to}", "--convention=reference", f"--dense={dense}",
                    f"--num-threads={threads}"], check=True, stdout=subprocess.DEVNULL)


def with_pandas(text, folder):
    dense = [f"I{j}" for j in range(1, DENSE + 1)]
    categorical = [f"C{t}" for t in range(1, CATEGORICAL + 1)]
    table = pd.read_csv(text, sep="\t", header=None, names=["label"] + dense + categorical,
                        dtype={name: "str" for name in categorical})
    counts = table[dense].fillna(0).clip(lower=0).to_numpy(np.float32)
    np.save(os.path.join(folder, "dense.npy"), np.log(counts + 1))
    np.save(os.path.join(folder, "labels.npy"), table["label"].to_numpy(np.int32))
    ids = np.empty((len(table), CATEGORICAL), np.int32)
    vocabulary = {}
    for t, name in enumerate(categorical):
        ids[:, t], values = pd.factorize(table[name].fillna("0"))
        vocabulary[name] = np.array([int(value, 16) for value in values], np.uint64)
        vocabulary[name + "_counts"] = np.bincount(ids[:, t])
    np.save(os.path.join(folder, "sparse.npy"), ids)
    np.savez(os.path.join(folder, "vocabulary.npz"), **vocabulary)
    return ids


def with_loops(text, lines, folder):
    labels = np.zeros(lines, np.int32)
    dense = np.zeros((lines, DENSE), np.int32)
    sparse = np.zeros((lines, CATEGORICAL), np.int32)
    ids = [{} for _ in range(CATEGORICAL)]
    with open(text) as file:
        for b, line in enumerate(file):
            fields = [field or "0" for field in line.rstrip("\n").split("\t")]
            labels[b] = int(fields[0])
            dense[b] = [max(int(field), 0) for field in fields[1:1 + DENSE]]
            for t, field in enumerate(fields[1 + DENSE:]):
                sparse[b, t] = ids[t].setdefault(int(field, 16), len(ids[t]))
    np.savez_compressed(os.path.join(folder, "loops.npz"), X_int=dense, X_cat=sparse, y=labels)


def with_reference(checkout, text):
    program = ("import sys; sys.path.insert(0, sys.argv[1]); import data_utils; "
               "data_utils.getCriteoAdData(sys.argv[2], '', 2**31 - 1, 0.0, 7, 'train', 'none', True, False, False)")
    subprocess.run([sys.executable, "-c", program, checkout, text], check=True, stdout=subprocess.DEVNULL)


def head(text, lines, path):
    with open(text) as source, open(path, "w") as target:
        target.writelines(itertools.islice(source, lines))
    return path


def single_ids(text, folder, lines):
    """The first lines with one value in each field: what pandas and the reference can read."""
    path = os.path.join(folder, "train.txt")
    with open(text) as source, open(path, "w") as target:
        for line in itertools.islice(source, lines):
            target.write("\t".join(field.partition("|")[0] for field in line.split("\t")).rstrip("\n") + "\n")
    return path


def same_ids(program, text, ids, folder):
    """Whether `encode` gives these ids: its kaggle .npz, read by NumPy."""
    out = os.path.join(folder, "check.npz")
    encode(program, text, out, "kaggle", 2)
    with np.load(out) as data:
        return np.array_equal(data["X_cat"].astype(np.int64), ids)


def report(name, lines, seconds, base):
    per_million = seconds / lines * 1e6
    print(f"{name:10} {lines:10,} lines {seconds:8.2f} s {per_million:8.2f} s a million"
          + (f" {per_million / base:8.1f} x" if base else ""), flush=True)
    return per_million


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1000000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--to", default="native", help="format that encode writes")
    parser.add_argument("--program", default=os.path.join(ROOT, "build/release/tools/dlrm_data"))
    parser.add_argument("--reference", help="a checkout of facebookresearch/dlrm")
    parser.add_argument("--keep", help="folder for the files; default: a temporary one")
    options = parser.parse_args()
    folder = options.keep or tempfile.mkdtemp(prefix="compare_preprocessing_")
    os.makedirs(folder, exist_ok=True)
    try:
        subprocess.run([options.program, "generate", f"--rows={options.rows}", "--test-rows=100", f"--out={folder}"],
                       check=True, stdout=subprocess.DEVNULL)
        text = single_ids(os.path.join(folder, "train.tsv"), folder, options.rows)
        few = max(1000, options.rows // 20)
        sample = os.path.join(folder, "few")
        os.makedirs(sample, exist_ok=True)
        small = head(text, few, os.path.join(sample, "train.txt"))

        ours, theirs = [], []
        for i in range(options.rounds):  # each to a path of its own: what is there already is not written again
            out = os.path.join(folder, f"out{i}")
            seconds, _ = timed(lambda: encode(options.program, text, out, options.to, options.threads))
            ours.append(seconds)
            seconds, ids = timed(lambda: with_pandas(text, folder))
            theirs.append(seconds)
        base = report("encode", options.rows, statistics.median(ours), None)
        report("pandas", options.rows, statistics.median(theirs), base)
        by_round = [pandas / encode for encode, pandas in zip(ours, theirs)]
        print("pandas / encode by rounds: " + " ".join(f"{ratio:.1f}" for ratio in by_round))
        ratios = {f"{PANDAS_BAR} x pandas": statistics.median(by_round) / PANDAS_BAR}
        if not same_ids(options.program, text, ids, folder):
            sys.exit("FAIL: encode and pandas give different ids")
        seconds, _ = timed(lambda: with_loops(small, few, folder))
        report("python", few, seconds, base)
        if options.reference:
            seconds, _ = timed(lambda: with_reference(options.reference, small))
            ratios[f"{REFERENCE_BAR} x the reference"] = report("reference", few, seconds, base) / base / REFERENCE_BAR
        for bar, share in ratios.items():
            print(f"the bar of {bar} is " + ("met" if share >= 1 else "NOT met"))
        sys.exit(0 if all(share >= 1 for share in ratios.values()) else 1)
    finally:
        if not options.keep:
            shutil.rmtree(folder)


if __name__ == "__main__":
    main()
