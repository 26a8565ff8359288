#!/usr/bin/env python3
"""Runs the program dlrm_bench, whose path is the first argument, on small tables.

Bytes and flops are counted again here, layer by layer, from the sizes of the model alone.
"""
import json
import pathlib
import resource
import signal
import subprocess
import sys
import tempfile
import time
import unittest

PROGRAM = None
TABLES, DIM, DENSE = 26, 16, 13  # of the model "kaggle"
BOTTOM, TOP = [13, 512, 256, 64, 16], [16 + 27 * 26 // 2, 512, 256, 1]
FAST = ["--threads=2", "--max-rows=1"]


def run(*words):
    done = subprocess.run([PROGRAM, *words], capture_output=True, text=True, timeout=240)
    return done.returncode, done.stdout, done.stderr


def layers(sizes):
    return list(zip(sizes, sizes[1:]))


def count_flops(batch, train):
    """One id a bag, so that a sum of rows has one flop an element, as has its gradient."""
    pairs, features = TOP[0] - DIM, TABLES + 1
    products = [2 * batch * k * n for k, n in layers(BOTTOM) + layers(TOP)]
    flops = sum(products) + batch * TABLES * DIM + 2 * batch * pairs * DIM
    if train:
        flops += 2 * sum(products) - products[0]  # the dense input has no gradient
        flops += batch * TABLES * DIM + 2 * batch * features**2 * DIM
        flops += 2 * sum((k + 1) * n for k, n in layers(BOTTOM) + layers(TOP))
    return flops


def count_bytes(batch, train, state_values, state_row_bytes, read_bytes=4, stored_bytes=4):
    """Every table has one row, which the first bag reads and all others read again."""
    values, ids = 0, batch * TABLES + (batch + 1) * TABLES  # ids with their offsets
    forward = [batch * k + n * (k + 1) + batch * n for k, n in layers(BOTTOM) + layers(TOP)]
    values += sum(forward) + batch * TABLES * DIM  # sums of rows
    values += batch * (TABLES + 1) * DIM + batch * TOP[0]
    values += 2 * batch * (DENSE + 1)
    total = 12 * ids + 4 * ids + read_bytes * batch * TABLES * DIM
    if train:
        for i, (k, n) in enumerate(layers(BOTTOM) + layers(TOP)):
            values += batch * n + batch * k + n * (k + 1)
            if i > 0:
                values += n * k + batch * k
        values += 3 * batch  # loss
        values += 2 * batch * (TABLES + 1) * DIM + batch * TOP[0]
        parameters = sum((k + 1) * n for k, n in layers(BOTTOM) + layers(TOP))
        values += (3 + 2 * state_values) * parameters
        values += batch * TABLES * DIM
        total += 4 * ids + 2 * TABLES * (state_row_bytes + stored_bytes * DIM)
    return total + 4 * values


class SingleRun(unittest.TestCase):
    def run_one(self, *words):
        code, out, err = run("--config=kaggle", "--batch=32", "--iters=3", "--warmup=1", *words)
        self.assertEqual((code, err, out.count("\n")), (0, "", 1))
        return json.loads(out)

    def test_line(self):
        line = self.run_one(*FAST)
        self.assertTrue(line["engine"].startswith("hotrow "))
        for key, value in {"config": "kaggle", "dtype": "fp32", "mode": "train", "optimizer": "sgd", "zipf": 0.0, "batch": 32,
                           "threads": 2}.items():
            self.assertEqual(line[key], value)
        self.assertGreater(line["ms_min"], 0)
        self.assertGreaterEqual(line["ms_per_iter"], line["ms_min"])
        self.assertAlmostEqual(line["samples_per_s"] * line["ms_per_iter"] / 32e3, 1, delta=0.01)
        self.assertAlmostEqual(line["percent_of_floor"], 100 * line["floor_ms"] / line["ms_per_iter"], delta=0.6)
        self.assertTrue(10 < line["machine"]["line_round_trip_ns"] < 1e7)  # two threads on one CPU: as long as a switch
        self.assertGreater(line["percent_of_floor"], 0)
        self.assertEqual(len(line["machine"]), 12)
        self.assertTrue(all(rate > 0 for rate in line["machine"].values()))

    def test_floor_is_from_rates(self):
        line = self.run_one(*FAST)
        least = 1e3 * line["flops"] / (line["machine"]["gemm_gflop_s"] * 1e9)
        self.assertGreater(line["floor_ms"], 0.97 * least)

    def test_bf16(self):
        fp32, bf16 = self.run_one(*FAST), self.run_one("--dtype=bf16", *FAST)
        self.assertEqual(bf16["dtype"], "bf16")
        self.assertEqual(set(bf16["machine"]) - set(fp32["machine"]), {"gemm_bf16_gflop_s"})
        self.assertTrue(all(rate > 0 for rate in bf16["machine"].values()))
        self.assertEqual((bf16["flops"], bf16["bytes"]), (fp32["flops"], fp32["bytes"]))

    def test_bytes_and_flops(self):
        for words, train, values, row_bytes in (
            (["--mode=inference"], False, 0, 0),
            (["--optimizer=sgd"], True, 0, 0),
            (["--optimizer=adagrad"], True, 1, 4 * DIM),
            (["--optimizer=rwsadagrad"], True, 1, 64),
        ):
            line = self.run_one(*FAST, *words)
            self.assertEqual(line["flops"], count_flops(32, train), words)
            self.assertEqual(line["bytes"], count_bytes(32, train, values, row_bytes), words)

    def test_table_dtypes(self):
        for dtype, read, stored in (("fp32", 4, 4), ("split-bf16", 2, 4), ("bf16", 2, 2), ("fp16", 2, 2)):
            line = self.run_one(*FAST, f"--table-dtype={dtype}", "--optimizer=adagrad")
            self.assertEqual(line["table_dtype"], dtype)
            self.assertEqual(line["bytes"], count_bytes(32, True, 1, 4 * DIM, read, stored), dtype)
            self.assertEqual(line["flops"], count_flops(32, True), dtype)

    def test_skewed_ids_meet_fewer_rows(self):
        uniform = self.run_one("--max-rows=100000")
        skewed = self.run_one("--max-rows=100000", "--zipf=1.5")
        self.assertLess(skewed["bytes"], uniform["bytes"])
        self.assertEqual(skewed["flops"], uniform["flops"])

    def test_every_config_runs(self):
        for name, batch in (("terabyte", 2048), ("multihot", 1024)):
            code, out, err = run(f"--config={name}", "--iters=1", "--warmup=0", "--mode=inference", *FAST)
            self.assertEqual((code, err), (0, ""), name)
            self.assertEqual(json.loads(out)["batch"], batch)
        for name in ("kaggle-2k", "bench", "gaudi-cat"):
            code, out, err = run(f"--config={name}", "--batch=3", "--iters=1", "--warmup=0", "--zipf=1", *FAST)
            self.assertEqual((code, err), (0, ""), name)

    def test_file(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "line.json"
            line = self.run_one(*FAST, f"--json={path}")
            self.assertEqual(json.loads(path.read_text()), line)
            self.assertEqual(list(pathlib.Path(folder).iterdir()), [path])


class Suite(unittest.TestCase):
    def run_suite(self, pattern, *words):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "suite.json"
            code, _, err = run(f"--benchmark_filter={pattern}", "--benchmark_min_time=0.001", f"--json={path}",
                               *FAST, *words)
            self.assertEqual(code, 0, err)
            self.assertEqual(list(pathlib.Path(folder).iterdir()), [path])
            return json.loads(path.read_text())

    def test_every_op(self):
        found = self.run_suite("/kaggle/")
        self.assertIn("gemm_gflop_s", found["context"])
        names = [b["name"].removesuffix("/real_time") for b in found["benchmarks"]]
        self.assertEqual(len(names), len(set(names)))
        for name in ("linear_forward/kaggle/128x367x512", "linear_backward/kaggle/128x13x512/no_dx",
                     "interaction_forward/kaggle", "interaction_backward/kaggle", "loss/kaggle",
                     "dense_update/kaggle/adagrad", "copy_ids/kaggle/uniform",
                     "embedding_bag_forward/kaggle/zipf1.05", "embedding_update/kaggle/rwsadagrad/uniform",
                     "step/kaggle/train/sgd/zipf1.05", "step/kaggle/inference/uniform"):
            self.assertIn(name, names)
        for b in found["benchmarks"]:
            self.assertGreater(b["bytes"], 0, b["name"])
            self.assertGreater(b["percent_of_floor"], 0, b["name"])
            milliseconds = 1e5 * b["floor_s"] / b["percent_of_floor"]
            # Two clocks, between which a neighbour's time slice may lie: only their units must agree.
            self.assertLess(milliseconds, 20 * b["real_time"], b["name"])
            self.assertGreater(milliseconds, b["real_time"] / 20, b["name"])
            if b["name"].startswith("step/"):
                self.assertAlmostEqual(b["samples_per_s"] * milliseconds / 128e3, 1, delta=1e-6)
        by_name = dict(zip(names, found["benchmarks"]))
        self.assertEqual(by_name["linear_forward/kaggle/128x367x512"]["flops"], 2 * 128 * 367 * 512)
        self.assertEqual(by_name["linear_backward/kaggle/128x13x512/no_dx"]["flops"], 2 * 128 * 13 * 512)
        self.assertEqual(by_name["step/kaggle/train/sgd/uniform"]["flops"], count_flops(128, True))
        self.assertEqual(by_name["step/kaggle/inference/uniform"]["bytes"], count_bytes(128, False, 0, 0))

    def test_floors_of_products(self):
        """Of a shape with so many flops a byte that no machine's memory decides."""
        for dtype, name in (("fp32", "gemm_gflop_s"), ("bf16", "gemm_bf16_gflop_s")):
            found = self.run_suite("linear_.*ward/kaggle-2k/2048x512x256", f"--dtype={dtype}")
            self.assertEqual(found["context"]["dtype"], dtype)
            self.assertEqual(len(found["benchmarks"]), 2)
            for b in found["benchmarks"]:
                self.assertAlmostEqual(b["flops"] / b["floor_s"] / 1e9 / float(found["context"][name]), 1, delta=0.01)

    def test_table_dtype(self):
        found = self.run_suite("embedding_.*/kaggle/.*uniform", "--table-dtype=fp16")
        self.assertEqual(found["context"]["table_dtype"], "fp16")
        rows = {b["name"].split("/")[0]: b["bytes"] for b in found["benchmarks"] if "adagrad" not in b["name"]}
        ids = 128 * TABLES + 129 * TABLES
        self.assertEqual(rows, {"embedding_bag_forward": 4 * ids + 6 * 128 * TABLES * DIM,
                                "embedding_update": 4 * ids + 4 * 128 * TABLES * DIM + 4 * TABLES * DIM})

    def test_batch(self):
        found = self.run_suite("linear_forward/kaggle/", "--batch=7")
        self.assertTrue(all("/7x" in b["name"] for b in found["benchmarks"]), found)
        self.assertGreater(len(found["benchmarks"]), 3)

    def test_what_needs_a_gpu_is_left_out(self):
        code, out, err = run("--benchmark_list_tests", *FAST)
        self.assertEqual((code, "mlperf/" in out, "step/terabyte" in out), (0, False, True), err)

    def test_cat(self):
        found = self.run_suite("interaction.*gaudi-cat")
        self.assertEqual([b["bytes"] for b in found["benchmarks"]], [2 * 4 * 512 * 2 * 64] * 2)

    def test_read(self):
        found = self.run_suite("^read.*/native")
        self.assertEqual([b["name"] for b in found["benchmarks"]],
                         ["read/native/real_time", "read_shuffled/native/real_time"])
        for b in found["benchmarks"]:
            self.assertGreater(b["bytes"] / 500_000, 20)  # a row
            self.assertAlmostEqual(b["gb_per_s"] * 1e9 / b["bytes"], b["samples_per_s"] / 500_000, places=3)


class BadInput(unittest.TestCase):
    def test_usage_errors(self):
        one = ["--config=kaggle"]
        for words, text in (
            (["--config=criteo"], "[--config] is not known: got 'criteo', expected one of kaggle, "),
            ([*one, "--mode=serve"], "ERROR: --mode=serve is not supported"),
            ([*one, "--optimizer=adam"], "ERROR: --optimizer=adam is not supported"),
            ([*one, "--dtype=fp16"],
             "ERROR: --dtype=fp16 is not supported: got 'fp16', expected fp32 or bf16"),
            ([*one, "--table-dtype=half"], "ERROR: --table-dtype=half is not supported"),
            ([*one, "--batch=0"], "[--batch] is out of range: got 0"),
            ([*one, "--iters=0"], "[--iters] is out of range: got 0"),
            ([*one, "--warmup=-1"], "[--warmup] is out of range: got -1"),
            ([*one, "--threads=0"], "[--threads] is out of range: got 0"),
            ([*one, "--max-rows=0"], "[--max-rows] is out of range: got 0"),
            ([*one, "--zipf=-1"], "[--zipf] is out of range: got -1"),
            ([*one, "--zipf=nan"], "[--zipf] "),
            ([*one, "--frobnicate"], "[--frobnicate] is not a flag of this program"),
            ([*one, "--benchmark_filter=x"], "[--benchmark_filter=x] is for the suite: got --config too"),
            (["--mode=train"], "[--mode] is for one model: got no --config"),
            (["--zipf=1"], "[--zipf] is for one model: got no --config"),
            (["--benchmark_frobnicate=1"], "[--benchmark_frobnicate=1] is not a flag of Google Benchmark"),
        ):
            code, out, err = run(*words)
            self.assertEqual((code, out, err.count("\n")), (2, "", 1), (words, err))
            self.assertIn("dlrm_bench: " + text, err)

    def test_pattern_without_match(self):
        with tempfile.TemporaryDirectory() as folder:
            code, _, err = run("--benchmark_filter=frobnicate", f"--json={folder}/x.json", *FAST)
            self.assertEqual(code, 2)
            self.assertIn("[--benchmark_filter] matches no benchmark", err)
            self.assertEqual(list(pathlib.Path(folder).iterdir()), [])

    def test_file_that_cannot_be(self):
        for words in (["--config=kaggle"], ["--benchmark_filter=loss/"]):
            code, out, err = run(*words, "--json=/dev/null/x", *FAST)
            self.assertEqual((code, out, err.count("\n")), (1, "", 1))
            self.assertIn("[/dev/null/x] cannot be written: got 'Not a directory', expected", err)
            with tempfile.TemporaryDirectory() as folder:
                code, out, err = run(*words, f"--json={folder}", *FAST)
                self.assertEqual((code, out, err.count("\n")), (1, "", 1))
                self.assertIn("cannot be replaced: got a folder, expected a file", err)

    def test_full_disk(self):
        """What stood there stays, and nothing else."""
        def full():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))

        for words in (["--config=kaggle"], ["--benchmark_filter=^loss/kaggle/", "--benchmark_min_time=0.001"]):
            with tempfile.TemporaryDirectory() as folder:
                path = pathlib.Path(folder) / "x.json"
                path.write_text("old")
                done = subprocess.run([PROGRAM, *words, f"--json={path}", *FAST], capture_output=True, text=True,
                                      timeout=240, preexec_fn=full)
                self.assertEqual(done.returncode, 1, (words, done.stderr))
                self.assertIn("x.json] cannot be written: got '", done.stderr)
                self.assertEqual([f.name for f in pathlib.Path(folder).iterdir()], ["x.json"])
                self.assertEqual(path.read_text(), "old")

    def test_interrupt_leaves_nothing(self):
        with tempfile.TemporaryDirectory() as folder:
            begun = subprocess.Popen([PROGRAM, "--config=kaggle", "--iters=1000000", f"--json={folder}/x.json", *FAST],
                                     stdout=subprocess.DEVNULL)
            while not list(pathlib.Path(folder).iterdir()):
                self.assertIsNone(begun.poll())
                time.sleep(0.01)
            begun.send_signal(signal.SIGINT)
            self.assertEqual(begun.wait(60), -signal.SIGINT)
            self.assertEqual(list(pathlib.Path(folder).iterdir()), [])

    def test_help(self):
        code, out, _ = run("--help")
        self.assertEqual(code, 0)
        self.assertIn("--zipf", out)
        self.assertIn("terabyte", out)


if __name__ == "__main__":
    PROGRAM = sys.argv.pop(1)
    unittest.main()
