#!/usr/bin/env python3
"""Runs gpu_passed.py on small trees."""
import hashlib
import json
import unittest

import script_on_tree

KERNELS = {"kernels/a_cuda.cu": "a", "kernels/b_cuda.cu": "b", "kernels/core/warp.cuh": "w"}


def run(tree):
    return script_on_tree.run("gpu_passed.py", tree).stdout


def record(tree):
    passed = {path: hashlib.sha256(text.encode()).hexdigest() for path, text in tree.items()}
    return {"docs/benchmarks/gpu.json": json.dumps({"passed": passed})}


class GpuPassed(unittest.TestCase):
    def test_without_a_record_nothing_has_passed(self):
        others = {path: "" for path in ("kernels/a_cpu.cpp", "kernels/core/view.h", "tests/kernels/x.cu")}
        self.assertEqual(run({**KERNELS, **others, "kernels/core/gemm_cublaslt.cpp": ""}),
                         "never passed on a GPU: kernels/a_cuda.cu kernels/b_cuda.cu "
                         "kernels/core/gemm_cublaslt.cpp kernels/core/warp.cuh\n")

    def test_all_passed(self):
        self.assertEqual(run({**KERNELS, **record({**KERNELS, "kernels/gone_cuda.cu": "g"})}),
                         "passed on a GPU as they stand: all 3 files of the kernels for one\n")

    def test_new_and_changed_files(self):
        tree = {**KERNELS, "kernels/new_cuda.cu": "n", "kernels/core/warp.cuh": "other"}
        self.assertEqual(run({**tree, **record(KERNELS)}),
                         "never passed on a GPU: kernels/new_cuda.cu\n"
                         "changed since they passed on a GPU: kernels/core/warp.cuh\n")


if __name__ == "__main__":
    unittest.main()
