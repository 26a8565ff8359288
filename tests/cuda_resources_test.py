#!/usr/bin/env python3
"""Runs cuda_resources.py in a small tree with an nvcc that prints what the real one prints."""
import json
import os
import subprocess
import sys
import tempfile
import unittest

SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "cuda_resources.py")

FUNCTION = """ptxas info    : Compiling entry function '{name}' for '{architecture}'
ptxas info    : Function properties for {name}
    {stack} bytes stack frame, {stores} bytes spill stores, {loads} bytes spill loads
ptxas info    : Used {registers} registers, used 1 barriers, 32 bytes smem, 380 bytes cmem[0]
"""
CALLED = """ptxas info    : Function properties for _ZN6hotrow6calledEi
    {stack} bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
"""
# hotrow::(anonymous namespace)::pool<4>(float*), as nvcc names what a file keeps for itself.
POOL = "_ZN6hotrow37_GLOBAL__N__1b2c3d4e_7_x_cuda_cu_abcd4poolILi4EEEvPf"
NVCC = """#!/bin/sh
if [ "$1" = --version ]; then
  echo 'Cuda compilation tools, release {version}, V{version}.88'
  exit 0
fi
echo "$@" >>words
cat "{text}" >&2
exit {status}
"""


def words_of_ptxas(registers=(40, 48), stack=0, stores=0, loads=0, called=None):
    text = "ptxas info    : 0 bytes gmem\n"
    for architecture, number in zip(("sm_80", "sm_90a"), registers):
        text += FUNCTION.format(name=POOL, architecture=architecture, registers=number, stack=stack,
                                stores=stores, loads=loads)
        if called is not None:
            text += CALLED.format(stack=called)
    return text


class CudaResources(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = os.path.realpath(folder.name)
        os.makedirs(os.path.join(self.root, "tests/golden"))
        command = "ccache bin/nvcc -Ikernels --generate-code=arch=compute_70,code=[sm_70] -x cu -c kernels/x_cuda.cu -o x.o"
        on_host = "g++ -x c++ -o y.o -c kernels/x_cuda.cu"
        test = command.replace("kernels/x_cuda.cu", "tests/y.cu")
        self.write("compile_commands.json", json.dumps(
            [{"directory": self.root, "command": c.replace("ccache bin", self.root),
              "file": os.path.join(self.root, c.split(" -c ")[1].split()[0])} for c in (on_host, command, test)]))
        self.compiler()

    def write(self, path, text):
        with open(os.path.join(self.root, path), "w", encoding="utf-8") as f:
            f.write(text)

    def read(self, path):
        with open(os.path.join(self.root, path), encoding="utf-8") as f:
            return f.read()

    def compiler(self, text=words_of_ptxas(), version="13.0", status=0):
        self.write("ptxas.txt", text)
        self.write("nvcc", NVCC.format(version=version, text=os.path.join(self.root, "ptxas.txt"), status=status))
        os.chmod(os.path.join(self.root, "nvcc"), 0o755)

    def run_script(self, *arguments):
        done = subprocess.run([sys.executable, SCRIPT, ".", *arguments], cwd=self.root, capture_output=True,
                              text=True, check=False, env={**os.environ, "CCACHE_DISABLE": "1"})
        return done.returncode, done.stdout + done.stderr

    def expect(self, status, *wanted):
        got, text = self.run_script()
        self.assertEqual(got, status, text)
        self.assertEqual(len(text.splitlines()), len(wanted), text)
        for line, want in zip(text.splitlines(), wanted):
            self.assertIn(want, line)

    def test_update_then_pass(self):
        status, text = self.run_script("--update")
        self.assertEqual(status, 0, text)
        self.assertEqual(json.loads(self.read("tests/golden/cuda_registers.json")), {
            "nvcc": "13.0",
            "kernels": {"kernels/x_cuda.cu": {"sm_80": {"void pool<4>(float*)": 40},
                                              "sm_90a": {"void pool<4>(float*)": 48}}}})
        self.expect(0, "2 kernels, none spills, 0 with fewer")
        words = self.read("words")
        self.assertNotIn("sm_70", words)
        self.assertIn("--generate-code=arch=compute_90a,code=[sm_90a]", words)
        self.assertIn("-Ikernels", words)

    def test_a_rise_fails_and_a_fall_passes(self):
        self.run_script("--update")
        self.compiler(words_of_ptxas((40, 49)))
        self.expect(1, "[kernels/x_cuda.cu sm_90a void pool<4>(float*)] takes more registers: got 49, expected at most 48")
        self.compiler(words_of_ptxas((39, 48)))
        self.expect(0, "1 with fewer")

    def test_spills_and_frames_fail_whatever_the_golden_file_says(self):
        self.compiler(words_of_ptxas(stack=8, stores=16, loads=4))
        self.run_script("--update")
        self.expect(1, "sm_80 void pool<4>(float*)] registers are spilled: got 16 bytes stored and 4 loaded", "sm_90a")
        self.compiler(words_of_ptxas(stack=8))
        self.expect(1, "variables lie in memory: got a frame of 8 bytes", "sm_90a")
        self.compiler(words_of_ptxas(called=24))
        self.expect(1, "sm_80 called(int)] variables lie in memory: got a frame of 24 bytes", "sm_90a")
        self.compiler(words_of_ptxas(called=0))
        self.expect(0, "2 kernels")

    def test_new_and_gone_kernels_fail(self):
        self.run_script("--update")
        self.compiler(words_of_ptxas().replace("ILi4E", "ILi8E"))
        self.expect(1, "void pool<4>(float*)] is gone: got no such kernel, expected 40",
                    "void pool<8>(float*)] is new: got 40 registers", "is gone", "is new")

    def test_another_nvcc_is_skipped(self):
        self.run_script("--update")
        self.compiler(words_of_ptxas((80, 80)), version="13.1")
        self.expect(77, "skipped: tests/golden/cuda_registers.json is of nvcc 13.0, this is 13.1")

    def test_nvcc_that_fails(self):
        self.compiler("x_cuda.cu(1): error: expected a ;\n", status=2)
        status, text = self.run_script()
        self.assertEqual(status, 1)
        self.assertIn("nvcc failed: got exit code 2", text)
        self.assertIn("expected a ;", text)

    def test_build_without_cuda(self):
        self.write("compile_commands.json", "[]")
        self.expect(1, "nothing for nvcc: got no .cu in ., expected a build with HOTROW_CUDA=ON")


if __name__ == "__main__":
    unittest.main()
