#!/usr/bin/env python3
"""Runs dlrm_bench --use-gpu, whose path is the first argument: of a machine with a GPU, or built for the host's stand-in."""
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

PROGRAM = None
SMALL = ["--use-gpu", "--probe-side=32", "--batch=8", "--max-rows=3", "--threads=2"]
RATES = {"gemm_gflop_s", "gemm_bf16_gflop_s", "copy_gb_s", "copy_in_cache_gb_s"}


def run(*words):
    done = subprocess.run([PROGRAM, *words], capture_output=True, text=True, timeout=240)
    return done.returncode, done.stdout, done.stderr


class SingleRun(unittest.TestCase):
    def run_one(self, *words):
        code, out, err = run("--config=kaggle", "--iters=2", "--warmup=2", *SMALL, *words)
        self.assertEqual((code, err, out.count("\n")), (0, "", 1))
        return json.loads(out)

    def test_line(self):
        line = self.run_one()
        self.assertIn("cuda:0", line["device"])
        self.assertEqual({key: line[key] for key in ("config", "dtype", "mode", "batch")},
                         {"config": "kaggle", "dtype": "tf32", "mode": "train", "batch": 8})
        self.assertEqual(set(line["machine"]), RATES)
        self.assertGreater(line["machine"]["copy_gb_s"], 0)
        self.assertGreater(line["percent_of_floor"], 0)
        self.assertAlmostEqual(line["samples_per_s"] * line["ms_per_iter"] / 8e3, 1, delta=0.05)

    def test_arithmetic(self):
        for words, dtype in ((["--strict-fp32"], "fp32"), (["--dtype=bf16"], "bf16")):
            self.assertEqual(self.run_one("--mode=inference", *words)["dtype"], dtype)

    def test_work_is_that_of_the_cpu_less_the_feed(self):
        gpu = self.run_one("--optimizer=adagrad")
        code, out, _ = run("--config=kaggle", "--iters=1", "--warmup=0", "--batch=8", "--max-rows=3",
                           "--optimizer=adagrad")
        cpu = json.loads(out)
        self.assertEqual((code, cpu["flops"]), (0, gpu["flops"]))
        self.assertEqual(cpu["bytes"] - gpu["bytes"], 12 * 26 * (8 + 9) + 8 * 8 * 14)


class Suite(unittest.TestCase):
    def test_every_op(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "suite.json"
            code, _, err = run("--benchmark_filter=/kaggle/8|(loss|interaction.*|embedding.*|dense.*)/kaggle(/|$)",
                               "--benchmark_min_time=0.0001", f"--json={path}", *SMALL)
            self.assertEqual(code, 0, err)
            found = json.loads(path.read_text())
        self.assertEqual(found["context"]["dtype"], "tf32")
        self.assertTrue(RATES <= set(found["context"]))
        names = [b["name"].removesuffix("/real_time") for b in found["benchmarks"]]
        for name in ("linear_forward/kaggle/8x367x512", "linear_backward/kaggle/8x13x512/no_dx",
                     "linear_backward/kaggle/8x256x1", "interaction_forward/kaggle", "interaction_backward/kaggle",
                     "loss/kaggle", "dense_update/kaggle/adagrad", "embedding_bag_forward/kaggle/zipf1.05",
                     "embedding_update_prepare/kaggle/uniform", "embedding_update/kaggle/rwsadagrad/uniform"):
            self.assertIn(name, names)
        for b in found["benchmarks"]:
            self.assertGreater(b["percent_of_floor"], 0, b["name"])
            self.assertGreaterEqual(b["iterations"], 64, b["name"])  # calls of a graph
            milliseconds = 1e5 * b["floor_s"] / b["percent_of_floor"]
            self.assertTrue(b["real_time"] / 20 < milliseconds < 20 * b["real_time"], b["name"])

    def test_names(self):
        """What is the host's is left out, and what is too large for most hosts is there."""
        code, out, err = run("--benchmark_list_tests", *SMALL)
        self.assertEqual(code, 0, err)
        self.assertNotIn("copy_ids", out)
        self.assertNotIn("read", out)
        self.assertIn("step/mlperf/train/sgd/uniform", out)
        self.assertIn("linear_forward/bench/8x512x512", out)
        self.assertIn("interaction_forward/gaudi-cat", out)


class BadInput(unittest.TestCase):
    def test_usage_errors(self):
        for words, text in ((["--strict-fp32"], "[--strict-fp32] is for a GPU: got no --use-gpu, expected both"),
                            (["--probe-side=64"], "[--probe-side] is for a GPU: got no --use-gpu, expected both"),
                            (["--use-gpu", "--probe-side=1"], "[--probe-side] is out of range: got 1"),
                            (["--use-gpu", "--strict-fp32", "--dtype=bf16"], "[--strict-fp32] does not go with")):
            code, out, err = run("--config=kaggle", *words)
            self.assertEqual((code, out, err.count("\n")), (2, "", 1), (words, err))
            self.assertIn("dlrm_bench: " + text, err)


if __name__ == "__main__":
    PROGRAM = sys.argv.pop(1)
    unittest.main(verbosity=2)
