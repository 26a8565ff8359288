#!/usr/bin/env python3
"""dlrm_train --inference-only --inference-benchmark-batch-sizes as a person runs it.

  inference_benchmark_test.py DLRM_TRAIN [FLAG...]      FLAG: for every run, as --use-gpu
"""
import json
import re
import subprocess
import sys
import time

import program
from program import USAGE, check, main, path, refused, trains

GPU = sys.argv[2:]
del sys.argv[2:]
FLAG = "--inference-benchmark-batch-sizes"
SMALL = ("--arch-embedding-size=100-3-50", "--arch-sparse-feature-size=8", "--arch-mlp-bot=5-16-8", "--arch-mlp-top=9-1",
         "--data-size=30", "--mini-batch-size=20", "--loss-function=bce", "--inference-only", *GPU)
ROW = re.compile(r"^ +([\d,]+) +([\d.]+) +([\d.]+) +([\d.]+) +([\d,]+) +([\d,]+)$", re.M)


def numbers(row):
    return [float(text.replace(",", "")) for text in row]


def test_table_and_log():
    """The largest batch is larger than the data."""
    output = trains(*SMALL, f"{FLAG}=1,7,1500", f"--json-log={path('log.json')}")
    head = "Benchmarking inference\n  batch size     mean ms      p50 ms      p99 ms       samples/s    calls\n"
    check(head in output and "Testing for" not in output, f"no table: {output}")
    rows = [numbers(row) for row in ROW.findall(output.partition(head)[2])]
    check([row[0] for row in rows] == [1, 7, 1500], f"batch sizes: {rows}")
    for size, mean, p50, p99, rate, calls in rows:
        check(0 < p50 <= p99 and 0 < mean, f"times: {rows}")
        check(abs(rate * mean / size / 1e3 - 1) < 0.06, f"samples a second: {rows}")
        check(calls >= 100 or mean * calls >= 9500, f"neither 100 calls nor ten seconds of them: {rows}")
        check(mean * calls >= 900, f"less than a second of calls: {rows}")
    with open(path("log.json")) as f:
        events = [e for e in map(json.loads, f) if e["event"] == "inference_benchmark"]
    check([e["batch"] for e in events] == [1, 7, 1500], f"log: {events}")
    for event, row in zip(events, rows):
        for key, value in (("mean_ms", row[1]), ("p50_ms", row[2]), ("p99_ms", row[3])):
            check(abs(event[key] - value) < 1e-4, f"log and table differ in {key}: {event}, {row}")
        check((event["calls"], round(event["samples_per_second"])) == (row[5], row[4]), f"log: {event}, {row}")
    check("memory by purpose" in output and "batches of 1,500" not in output and "batches of 1500: batch" in output,
          "memory of the largest batch")


def test_bad_lists():
    for text, part in (("0", "'0'"), ("1,,4", "''"), ("1,64,", "''"), ("1-64", "'1-64'"), ("x", "'x'"),
                       ("1.5", "'1.5'"), ("2147483648", "'2147483648'"), ("1, 2", "' 2'")):
        refused(USAGE, (f"[{FLAG}] is not a list of sizes: got {part} as part ", "from 1 to 2147483647 with one comma"),
                *SMALL, f"{FLAG}={text}")
    refused(USAGE, f"[{FLAG}] does not go alone: got no --inference-only, expected both", f"{FLAG}=1")


def test_other_spelling():
    check("Benchmarking inference" in trains(*SMALL, "--inference_benchmark_batch_sizes=3"), "NVIDIA's spelling")


def test_ctrl_c():
    process = subprocess.Popen([program.binary, *SMALL, f"{FLAG}=" + ",".join(["1"] * 30)], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True)
    while "batch size" not in process.stdout.readline() and process.poll() is None:
        pass
    process.send_signal(2)
    start = time.monotonic()
    output, error = process.communicate(timeout=60)
    check(time.monotonic() - start < 5, "Ctrl-C takes long")
    check((process.returncode, error) == (130, "") and "summary (interrupted)" in output,
          f"Ctrl-C: {process.returncode}, {error}, {output[-300:]}")


if __name__ == "__main__":
    main(globals(), __doc__)
