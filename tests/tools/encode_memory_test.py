#!/usr/bin/env python3
"""The peak memory of `dlrm_data encode`, whose path is the first argument, on a file with more distinct
values than --max-memory has room for."""
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

PROGRAM = None
MIB = 2**20
ROWS = 1_200_000
SCHEMA = "columns: [y, a, b]\nlabel: y\ncategorical: [{columns: [a, b], type: int}]\n"


def write_distinct(path):
    """Two columns in which no value comes twice. In parts: what this process takes counts as the child's."""
    with open(path, "w") as out:
        for begin in range(0, ROWS, 10_000):
            out.write("".join(f"{i % 2},{i * 2654435761 % 2**32},{i * 2246822519 % 2**32}\n"
                              for i in range(begin, begin + 10_000)))


def peak_of(*words):
    """The most memory, in bytes, that the run had at one time."""
    process = subprocess.Popen([PROGRAM, *map(str, words)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    err = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stderr.close()
    assert (process.returncode, err) == (0, b""), err
    return usage.ru_maxrss * 1024


class EncodeMemory(unittest.TestCase):
    def test_bound(self):
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            write_distinct(folder / "distinct.csv")
            (folder / "schema.yaml").write_text(SCHEMA)
            peaks = {}
            for megabytes in (2048, 64):
                peaks[megabytes] = peak_of("encode", folder / "distinct.csv", folder / f"out{megabytes}.hotrow",
                                           f"--schema-file={folder / 'schema.yaml'}", "--num-threads=2",
                                           f"--max-memory={megabytes}M") / MIB
            print({bound: f"{peak:.1f} MiB" for bound, peak in peaks.items()}, flush=True)
            self.assertGreater(peaks[2048], 1.3 * 64)  # else the bound would be kept by any program
            self.assertLessEqual(peaks[64], 64)
            self.assertEqual((folder / "out64.hotrow").read_bytes(), (folder / "out2048.hotrow").read_bytes())


if __name__ == "__main__":
    PROGRAM = os.path.abspath(sys.argv.pop(1))
    unittest.main()
