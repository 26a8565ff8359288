#!/usr/bin/env python3
"""Runs gpu_passed.py on small trees."""
import hashlib
import json
import unittest

import script_on_tree

TREE = {"kernels/a_cuda.cu": "a", "kernels/core/gemm_cublaslt.cpp": "g", "kernels/core/cublaslt_open.cpp": "o",
        "kernels/core/warp.cuh": "w",
        "engine/step.cpp": '#include "kernels/a.h"\n#include "engine/step.h"\n', "engine/step.h": "s",
        "kernels/a.h": '  #  include "kernels/core/view.h"\n', "kernels/core/view.h": "v", "cmake/cuda.cmake": "c"}
OTHERS = {"kernels/a_cpu.cpp": '#include "kernels/core/parallel.h"', "kernels/core/parallel.h": "p",
          "engine/kernels_cuda_absent.cpp": '#include "engine/refuse.h"', "engine/refuse.h": "r",
          "tests/kernels/x.cu": "x", "model/dlrm.cpp": "m", "cmake/compiler.cmake": "o"}


def run(tree):
    return script_on_tree.run("gpu_passed.py", tree).stdout


def record(tree):
    passed = {path: hashlib.sha256(text.encode()).hexdigest() for path, text in tree.items()}
    return {"docs/benchmarks/gpu.json": json.dumps({"passed": passed})}


class GpuPassed(unittest.TestCase):
    def test_without_a_record_nothing_has_passed(self):
        self.assertEqual(run({**TREE, **OTHERS}), f"never passed on a GPU: all {len(TREE)} files\n")

    def test_all_passed(self):
        self.assertEqual(run({**TREE, **OTHERS, **record({**TREE, "kernels/gone_cuda.cu": "g"})}),
                         f"passed on a GPU as they stand: all {len(TREE)} files behind the engine on one\n")

    def test_new_and_changed_files(self):
        tree = {**TREE, "kernels/new_cuda.cu": "n", "kernels/core/view.h": "other"}
        self.assertEqual(run({**tree, **record(TREE)}),
                         "never passed on a GPU: kernels/new_cuda.cu\n"
                         "changed since they passed on a GPU: kernels/core/view.h\n")

    def test_what_does_not_count_may_change(self):
        changed = {path: text + "2" for path, text in OTHERS.items()}
        self.assertIn("passed on a GPU as they stand", run({**TREE, **changed, **record(TREE)}))

    def test_each_file_that_counts(self):
        for path, text in TREE.items():
            self.assertEqual(run({**TREE, path: text + "\n2", **record(TREE)}),
                             f"changed since they passed on a GPU: {path}\n")


if __name__ == "__main__":
    unittest.main()
