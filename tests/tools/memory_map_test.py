#!/usr/bin/env python3
"""Runs dlrm_train --memory-map, whose path is the first argument, on generated Criteo text and looks
at every file that it makes with NumPy, which draws the reference's shuffle again. Without NumPy only
the training itself is looked at."""
import pathlib
import random
import re
import subprocess
import sys
import tempfile
import unittest

try:
    import numpy as np
except ImportError:
    np = None

PROGRAM = None
ARCH = ("--arch-sparse-feature-size=4", "--arch-mlp-bot=13-8-4", "--arch-mlp-top=20-1", "--loss-function=bce",
        "--round-targets=True", "--learning-rate=0.1", "--print-freq=1", "--mini-batch-size=16",
        "--test-mini-batch-size=7", "--test-freq=10")
LOSS = re.compile(r"^Finished training it (\S+) of epoch (\d+), \S+ ms/it, loss (\S+)", re.M)
TEST = re.compile(r"^ accuracy .*", re.M)


def lines(rows, seed=1):
    rng = random.Random(seed)
    for _ in range(rows):
        numbers = [str(int(rng.paretovariate(0.8)) - 2) if rng.random() < 0.8 else "" for _ in range(13)]
        words = [f"{int(rng.paretovariate(1)) * 7919 % 2**32:08x}" if rng.random() < 0.9 else "" for _ in range(26)]
        yield "\t".join([str(int(rng.random() < 0.3)), *numbers, *words]) + "\n"


def reference_shuffle(prefix, days, order, seed):
    """The two passes of the reference over the processed days, with its own draws."""
    np.random.seed(seed)
    sizes = np.load(f"{prefix[0]}_day_count.npz")["total_per_file"]
    stored = [np.load(f"{prefix[1]}_{i}_processed.npz") for i in range(days)]
    buckets = [[] for _ in range(days)]
    for i in range(days):
        drawn = np.random.randint(low=0, high=days - 1, size=sizes[i]) if order == "total" else None
        for k in range(sizes[i]):
            p = i
            if order == "total" and i < days - 1:
                p = drawn[k]
                while len(buckets[p]) >= sizes[p]:
                    p = np.random.randint(low=0, high=days - 1)
            buckets[p].append((i, k))
    out = []
    for j in range(days):
        indices = range(sizes[j])
        if order != "none" and j < days - 1:
            indices = np.random.permutation(range(sizes[j]))
        arrays = {}
        for name in ("X_cat", "X_int", "y"):
            of_day = [s[name] for s in stored]
            arrays[name] = np.array([of_day[i][k] for i, k in (buckets[j][x] for x in indices)], dtype=np.float64)
        out.append(arrays)
    return out


class MemoryMap(unittest.TestCase):
    def setUp(self):
        self.keep = tempfile.TemporaryDirectory()
        self.folder = pathlib.Path(self.keep.name)
        self.flags = (*ARCH, "--data-generation=dataset", "--data-set=kaggle",
                      f"--raw-data-file={self.folder / 'train.txt'}")
        (self.folder / "train.txt").write_text("".join(lines(513)))

    def tearDown(self):
        self.keep.cleanup()

    def train(self, *flags):
        done = subprocess.run([PROGRAM, *self.flags, *flags], capture_output=True, text=True, timeout=120)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout

    def refused(self, words, *flags, code=2):
        done = subprocess.run([PROGRAM, *flags], capture_output=True, text=True, timeout=120)
        self.assertEqual((done.returncode, done.stderr.count("\n")), (code, 1), done.stderr)
        self.assertIn(words, done.stderr)

    def test_trains_as_from_the_npz(self):
        """Not shuffled, the same samples come in the same order whichever way they are read."""
        outputs = [self.train("--data-randomize=none", *flags) for flags in
                   ((), ("--memory-map",), ("--memory-map", "--mlperf-bin-loader"),
                    ("--max-ind-range=5",), ("--memory-map", "--max-ind-range=5"))]
        found = [(LOSS.findall(text), TEST.findall(text)) for text in outputs]
        self.assertEqual(len(found[0][0]), 28)  # 440 samples of six days in batches of 16
        self.assertTrue(found[0][1])
        self.assertEqual(found[1], found[0])
        self.assertEqual(found[2], found[0])
        self.assertEqual(found[4], found[3])
        self.assertNotEqual(found[3], found[0])

    def test_shuffles_batches(self):
        self.train("--memory-map")  # draws that shuffle the days come before those of the model
        plain = self.train("--memory-map", "--nepochs=2", "--learning-rate=0")
        mixed = self.train("--memory-map", "--nepochs=2", "--learning-rate=0", "--mlperf-bin-loader",
                           "--mlperf-bin-shuffle")
        again = self.train("--memory-map", "--nepochs=2", "--learning-rate=0", "--mlperf-bin-loader",
                           "--mlperf-bin-shuffle")
        runs = [[[loss for _, epoch, loss in LOSS.findall(text) if epoch == e] for e in ("0", "1")]
                for text in (plain, mixed, again)]
        self.assertEqual(runs[1], runs[2])
        self.assertEqual(runs[0][0], runs[0][1])
        for epoch in runs[1]:  # the same batches, each pass in another order
            self.assertNotEqual(epoch, runs[0][0])
            self.assertEqual(sorted(epoch), sorted(runs[0][0]))
            self.assertEqual(epoch[-1], runs[0][0][-1])
        self.assertNotEqual(runs[1][0], runs[1][1])

    def test_files_are_used_again(self):
        self.train("--memory-map")
        first = self.train("--memory-map")
        made = {f.name: f.stat().st_mtime_ns for f in self.folder.iterdir()}
        self.assertIn("kaggleAdDisplayChallenge_processed_train.bin", made)
        (self.folder / "train.txt").unlink()
        second = self.train("--memory-map")
        self.assertEqual(LOSS.findall(first), LOSS.findall(second))
        del made["train.txt"]
        self.assertEqual({f.name: f.stat().st_mtime_ns for f in self.folder.iterdir()}, made)

    @unittest.skipIf(np is None, "NumPy is not installed")
    def test_files_of_the_reference(self):
        for order, seed in (("total", 123), ("day", 5), ("none", 9)):
            with self.subTest(order):
                for file in self.folder.glob("*.npz"):
                    file.unlink()
                for file in self.folder.glob("*.bin"):
                    file.unlink()
                self.train("--memory-map", f"--data-randomize={order}", f"--numpy-rand-seed={seed}")
                days = reference_shuffle((self.folder / "train", self.folder / "train_day"), 7, order, seed)
                for i, expected in enumerate(days):
                    found = np.load(self.folder / f"train_day_{i}_reordered.npz")
                    self.assertEqual(list(found), ["X_cat", "X_int", "y"])
                    for name, values in expected.items():
                        self.assertEqual(found[name].dtype, np.float64)
                        self.assertTrue(np.array_equal(found[name], values), (order, i, name))

                def records(arrays):
                    return np.concatenate([arrays["y"].reshape(-1, 1), arrays["X_int"], arrays["X_cat"]],
                                          axis=1).astype(np.int32)
                stem = self.folder / "kaggleAdDisplayChallenge_processed"
                last = records(days[6])
                middle = -(-len(last) // 2)
                for part, values in (("train", np.concatenate([records(d) for d in days[:6]])),
                                     ("test", last[:middle]), ("val", last[middle:])):
                    self.assertEqual(pathlib.Path(f"{stem}_{part}.bin").read_bytes(), values.tobytes(), part)

    def test_errors(self):
        self.refused("got it without --data-generation=dataset", "--memory-map")
        self.refused("got --memory-map without it", *ARCH, "--data-generation=dataset", "--memory-map",
                     f"--processed-data-file={self.folder / 'x.npz'}")
        self.refused("[--mlperf-bin-loader] does not go alone", *self.flags, "--mlperf-bin-loader")
        self.refused("[--mlperf-bin-shuffle] does not go alone", *self.flags, "--memory-map", "--mlperf-bin-shuffle")
        self.train("--memory-map")
        train = self.folder / "kaggleAdDisplayChallenge_processed_train.bin"
        data = train.read_bytes()
        train.write_bytes(data[:-60])
        self.refused(f"{len(data) - 60} bytes = 439 samples of 160 bytes + 100 bytes", *self.flags, "--memory-map",
                     code=1)
        train.write_bytes(data[:160 * 33 + 4 * 20] + b"\xff\xff\xff\x7f" + data[160 * 33 + 4 * 21:])
        self.refused("row 33, column C7: got id 2147483647, expected from 0 to", *self.flags, "--memory-map", code=1)


if __name__ == "__main__":
    PROGRAM = sys.argv.pop(1)
    unittest.main()
