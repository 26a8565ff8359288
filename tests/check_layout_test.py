#!/usr/bin/env python3
"""Plants each violation of the layout in a small tree and expects check_layout.py to name it."""
import unittest

import script_on_tree

# A tree that obeys every rule: one op, one file a folder, one function of each common shape.
GOOD = {
    "kernels/CMakeLists.txt": "add_library(k double_cpu.cpp double_cuda.cu)\n",
    "kernels/core/launch.cuh": '#include "kernels/core/stream.h"\nvoid launch();\n',
    "kernels/core/stream.h": "#pragma once\nstruct CpuStream {};\n",
    "kernels/double.h": '#include "kernels/core/stream.h"\nvoid twice(float* out, CpuStream);\n',
    "kernels/double_cpu.cpp": '#include "kernels/double.h"\nvoid twice(float* out, CpuStream) {\n  *out *= 2;\n}\n',
    "kernels/double_cuda.cu": '#include "kernels/core/launch.cuh"\n__global__ void twice(float* x) {\n  *x *= 2;\n}\n',
    "engine/tape.h": '#include "kernels/double.h"\n#include <vector>\n',
    "data/reader.h": '#include "engine/tape.h"\n',
    "model/dlrm.h": '#include "data/reader.h"\n',
    "tools/CMakeLists.txt": "add_executable(t train.cpp)\n",
    "tools/train.cpp": '#include "model/dlrm.h"\nint main() {\n  return 0;\n}\n',
    "tests/CMakeLists.txt": "add_executable(x kernels/double_test.cpp)\n",
    "tests/kernels/double_test.cpp": '#include "tests/reference/double_ref.h"\n',
    "tests/reference/double_ref.h": '#include "model/dlrm.h"\n',
}


def run(tree):
    """Exit status and printed text of check_layout.py on `tree` (path -> text)."""
    done = script_on_tree.run("check_layout.py", tree)
    return done.returncode, done.stdout + done.stderr


class CheckLayout(unittest.TestCase):
    def expect(self, changes, *wanted):
        """GOOD with `changes` (None removes a file) gives exactly the findings `wanted`."""
        tree = {**GOOD, **changes}
        status, text = run({path: body for path, body in tree.items() if body is not None})
        self.assertEqual(status, 1, text)
        lines = text.splitlines()
        self.assertEqual(len(lines), len(wanted), text)
        for line, want in zip(lines, sorted(wanted)):
            self.assertIn(want, line)

    def expect_ok(self, changes):
        status, text = run({**GOOD, **changes})
        self.assertEqual(status, 0, text)
        return text

    def test_good_tree_passes_with_counts(self):
        text = self.expect_ok({})
        self.assertEqual(len(text.splitlines()), 1)
        self.assertIn("14 source files", text)
        self.assertIn("3 functions, 90th percentile 3 lines, longest 3", text)

    def test_empty_folder_fails(self):
        self.assertEqual(run({})[0], 1)

    def test_include_against_the_direction(self):
        # The first also closes a circle of folders.
        self.expect({"engine/x.h": '\n#include "data/batch.h"\n', "data/batch.h": ""},
                    "data:1: folders include each other", "engine/x.h:2: engine must not include data/batch.h")
        self.expect({"engine/x.h": '#include "tests/reference/double_ref.h"\n'},
                    "engine/x.h:1: engine must not include tests/reference/double_ref.h")

    def test_include_not_from_the_root(self):
        self.expect({"engine/x.h": '#include "tape.h"\n'},
                    'engine/x.h:1: include "tape.h" is not written from the root (write "engine/tape.h")')
        self.expect({"engine/ops/x.h": '#include "../tape.h"\n'}, '(write "engine/tape.h")')
        self.expect({"engine/x.h": "#include <engine/tape.h>\n"}, "write it with quotes")
        self.expect({"engine/x.h": '#include "engine/gone.h"\n'}, 'include "engine/gone.h"')

    def test_commented_include_is_no_include(self):
        self.expect_ok({"engine/x.h": '// #include "tape.h"\n/*\n#include "tape.h"\n*/\n'})

    def test_circle_of_files(self):
        self.expect({"engine/a.h": '#include "engine/b.h"\n', "engine/b.h": '#include "engine/a.h"\n'},
                    "files include each other in a circle: engine/a.h -> engine/b.h -> engine/a.h")

    def test_circle_of_folders(self):
        self.expect({"engine/a.h": '#include "engine/ops/b.h"\n', "engine/ops/b.h": '#include "engine/c.h"\n',
                     "engine/c.h": ""},
                    "folders include each other in a circle: engine -> engine/ops -> engine")

    def test_long_file(self):
        self.expect({"engine/x.h": "\n" * 401}, "engine/x.h:401: 401 lines, at most 400")
        self.expect({"scripts/x.sh": "\n" * 401}, "scripts/x.sh:401")
        self.expect_ok({"engine/x.h": "\n" * 400})
        self.expect_ok({"engine/x.h": "// layout: long because a table of constants\n" + "\n" * 500})
        self.expect({"engine/x.h": "// layout: long because\n" + "\n" * 500}, "engine/x.h:501")

    def test_op_that_lacks_a_file(self):
        # A header that only speaks of the stream in a comment is no op.
        self.expect_ok({"kernels/rule.h": "// passed with a CpuStream\n"})
        self.expect({"tests/reference/double_ref.h": None, "tests/kernels/double_test.cpp": ""},
                    "the op double lacks tests/reference/double_ref.h")
        self.expect({"tests/kernels/double_test.cpp": None},
                    "the op double lacks tests/kernels/double_test.cpp")
        self.expect({"kernels/double_cpu.cpp": None}, "the op double lacks kernels/double_cpu.cpp")
        self.expect({"kernels/double_cuda.cu": None}, "the op double lacks kernels/double_cuda.cu")

    def test_sources_for_a_gpu_obey_every_rule(self):
        self.expect({"kernels/CMakeLists.txt": "add_library(k double_cpu.cpp)"},
                    "kernels/double_cuda.cu:1: not named in kernels/CMakeLists.txt")
        self.expect({"kernels/core/warp.cuh": '#include "engine/tape.h"\n', "engine/tape.h": ""},
                    "kernels/core/warp.cuh:1: kernels must not include engine/tape.h")
        self.expect({"kernels/core/warp.cuh": "\n" * 401}, "kernels/core/warp.cuh:401: 401 lines")
        body = "__global__ void f(int* a) {\n" + "  *a = 0;\n" * 31 + "}\n"
        self.expect({"kernels/double_cuda.cu": body * 9}, "one function in ten is longer than 32 lines")

    def test_launch_in_brackets(self):
        launch = "void f() { k<<<1, 2>>>(); }\n"
        for path in ("kernels/double_cuda.cu", "kernels/core/launch.cuh"):
            self.expect({path: "\n" + launch}, path + ":2: a launch with <<<")
        self.expect_ok({"engine/x.h": '// <<<\nconst char* kText = "<<<";\n'})

    def test_assembly_outside_its_file(self):
        for line in ('asm volatile("bar.sync 0;");', '__asm__("");'):
            text = "__device__ void f() {\n  " + line + "\n}\n"
            for path in ("kernels/double_cuda.cu", "kernels/core/warp.cuh"):
                self.expect({path: text}, path + ":2: assembly outside kernels/core/async.cuh")
            self.expect_ok({"kernels/core/async.cuh": text})
            self.expect_ok({"kernels/core/bf16-inl.h": text})
        self.expect_ok({"kernels/core/warp.cuh": '// asm\nconst char* kText = "asm";\n'})

    def test_shared_variable(self):
        fixed, dynamic = "\n__shared__ float sums[32];\n", "\nextern __shared__ char all[];\n"
        for path, text in (("kernels/double_cuda.cu", fixed), ("kernels/double_cuda.cu", dynamic),
                           ("kernels/core/warp.cuh", fixed), ("kernels/core/async.cuh", fixed)):
            self.expect({path: text}, path + ":2: a shared variable")
        self.expect_ok({"kernels/core/async.cuh": dynamic})
        self.expect_ok({"tests/support/runtime.h": "#define __shared__\n"})

    def test_backend_chosen_by_the_preprocessor(self):
        for line in ("#ifdef HOTROW_CUDA", "#if defined(USE_MPI)", "#ifndef WITH_NCCL", "# if HOTROW_ONEDNN == 2",
                     "#if __has_include(<mpi.h>)", "#if defined(__CUDACC__)", "#elif HAVE_MPI"):
            head = "#if 0\n" if line.startswith("#elif") else ""
            self.expect({"engine/x.h": f"{head}{line}\n#endif\n"}, "a backend chosen by the preprocessor")
        self.expect({"engine/x.h": "#ifdef __CUDA_ARCH__\n#endif\n"}, "chosen by the preprocessor")
        for line in ("#if __COMPILER__", "#if DNNL_VERSION_MAJOR >= 3", "#ifdef __SANITIZE_THREAD__"):
            self.expect_ok({"engine/x.h": line + "\n#endif\n"})
        self.expect_ok({"kernels/core/warp.cuh": "#if __CUDA_ARCH__ >= 900\n#endif\n"})
        self.expect_ok({"engine/mpi_absent.cpp": "#ifndef HOTROW_MPI\n#endif\n",
                        "engine/CMakeLists.txt": "mpi_absent.cpp"})

    def test_leftover_note(self):
        for word in ("TO" "DO", "FIX" "ME"):
            self.expect({"engine/x.h": f"\n// {word}: later\n"}, "engine/x.h:2: a leftover note")
        self.expect({"README.md": "TO" "DO\n"}, "README.md:1: a leftover note")

    def test_absolute_path(self):
        for path in ("home/me/x", "tmp/x", "usr/lib/x"):
            self.expect({"engine/x.h": f'const char* kPath = "/{path}";\n'}, "engine/x.h:1: an absolute path")
        self.expect_ok({"scripts/x.sh": "#!/usr/bin/env bash\ncat build/tmp/x ../home/y $HOME/usr/z </dev/null\n"})

    def test_source_in_no_list(self):
        self.expect({"engine/x.cpp": ""}, "engine/x.cpp:1: not named in engine/CMakeLists.txt")
        self.expect({"engine/x.cpp": "", "engine/CMakeLists.txt": "ax.cpp ops/x.cpp"}, "engine/x.cpp:1: not named")
        self.expect({"tests/kernels/y_test.cpp": ""}, "tests/kernels/y_test.cpp:1: not named")
        # A folder may have a list of its own.
        self.expect_ok({"tests/gpu/main.cpp": "", "tests/gpu/CMakeLists.txt": "add_executable(g main.cpp)"})
        self.expect({"tests/gpu/main.cpp": "", "tests/gpu/CMakeLists.txt": "domain.cpp"}, "gpu/main.cpp:1: not named")

    def test_long_functions(self):
        body = "  int x = 0;\n" * 31
        functions = "".join(f"void f{i}(int a[]) {{\n{body}}}\n" for i in range(9))
        self.expect({"engine/x.h": functions},
                    "one function in ten is longer than 32 lines (90th percentile: 33)")
        # Classes, namespaces, initialisers and lambdas in a body are not functions of their own.
        self.expect_ok({"engine/x.h": "namespace a {\nclass B {\n" + "  int x;\n" * 40 + "};\n}\n"})

    def test_build_folders_are_not_looked_at(self):
        self.expect_ok({"build/x.h": "\n" * 401, ".git/x.h": "TO" "DO\n"})


if __name__ == "__main__":
    unittest.main()
