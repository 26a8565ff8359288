#!/usr/bin/env python3
"""Converts data sets with the program dlrm_data, whose path is the first argument, and looks at the
files with NumPy: what it writes must be what the other systems read, and what NumPy writes must be
readable. Skipped with a word where NumPy is not installed."""
import os
import pathlib
import signal
import struct
import subprocess
import time
import unittest

import data_program
from data_program import FolderTest, run, start

try:
    import numpy as np
except ImportError:
    np = None

KEYS = ("X_cat", "X_int", "y", "counts")


def kaggle(rows, seed=3, dense=13, tables=26):
    """The arrays of a processed .npz as the reference makes them."""
    rng = np.random.default_rng(seed)
    counts = rng.integers(1, 3000, tables).astype(np.int32)
    ids = np.stack([rng.integers(0, n, rows) for n in counts]).astype(np.float64)
    ids[:, 0] = counts - 1  # each table's last row is there
    numbers = np.minimum(rng.pareto(0.7, (rows, dense)) * 3, 2**31 - 1).astype(np.int32)
    numbers[0, 0] = 2**31 - 1
    labels = rng.integers(0, 2, rows).astype(np.int32)
    return {"X_cat": ids.T, "X_int": numbers, "y": labels, "counts": counts}


@unittest.skipIf(np is None, "NumPy is not installed")
class Formats(FolderTest):
    def setUp(self):
        super().setUp()
        self.arrays = kaggle(1003)
        self.source = self.folder / "in" / "a.npz"
        self.source.parent.mkdir()
        np.savez_compressed(self.source, **self.arrays)

    def convert(self, to, source, out, *flags):
        code, text, err = run("convert", f"--to={to}", *flags, source, out)
        self.assertEqual((code, err), (0, ""), text)
        return [line[6:] for line in text.splitlines() if line.startswith("lost: ")]

    def refused(self, words, to, source, out, *flags, code=1):
        before = sorted(self.folder.rglob("*"))
        got, text, err = run("convert", f"--to={to}", *flags, source, out)
        self.assertEqual((got, err.count("\n")), (code, 1), text + err)
        self.assertIn(words, err)
        self.assertEqual(sorted(self.folder.rglob("*")), before)

    def same(self, found, keys=KEYS):
        for key in keys:
            self.assertEqual(found[key].dtype, self.arrays[key].dtype, key)
            self.assertEqual(found[key].flags.f_contiguous, self.arrays[key].flags.f_contiguous, key)
            self.assertTrue(np.array_equal(found[key], self.arrays[key]), key)

    def test_round_trips(self):
        """kaggle -> each format that can hold it -> kaggle: the same arrays."""
        for name, there in (("kaggle", "b.npz"), ("terabyte", "b.npz"), ("mlperf-bin", "b.bin"),
                            ("hugectr-raw", "b.bin"), ("native", "b.hotrow")):
            with self.subTest(name):
                folder = self.folder / name
                folder.mkdir()
                self.assertEqual(self.convert(name, self.source, folder / there), [])
                back = folder / "back" / "c.npz"
                back.parent.mkdir()
                self.assertEqual(self.convert("kaggle", folder / there, back, f"--from={name}"), [])
                self.same(np.load(back))

    @unittest.skipIf("HOTROW_SHARED" not in os.environ, "HOTROW_SHARED is not set")
    def test_files_of_the_reference(self):
        """What the reference itself wrote comes back from each format."""
        for name in ("kaggle", "terabyte"):
            source = pathlib.Path(os.environ["HOTROW_SHARED"]) / "reference" / name / "expected.npz"
            self.arrays = dict(np.load(source))
            for to, there in ((name, "b.npz"), ("mlperf-bin", "b.bin"), ("hugectr-raw", "b.bin"),
                              ("hugectr-norm", "b.txt"), ("native", "b.hotrow")):
                with self.subTest(f"{name} {to}"):
                    folder = self.folder / name / to
                    folder.mkdir(parents=True)
                    self.convert(to, source, folder / there, "--from=kaggle")
                    back = folder / "back" / "c.npz"
                    back.parent.mkdir()
                    self.convert(name, folder / there, back, f"--from={to}")
                    self.same(np.load(back))

    def test_round_trip_in_float32(self):
        """HugeCTR's Norm holds numbers as float32: whole ones to 2^24."""
        self.arrays["X_int"] %= 2**24
        np.savez(self.source, **self.arrays)  # stored, not deflated
        lost = self.convert("hugectr-norm", self.source, self.folder / "n.txt")
        self.assertEqual(len(lost), 1)
        self.assertIn("transform", lost[0])
        self.convert("kaggle", self.folder / "n.txt", self.folder / "b.npz")
        self.same(np.load(self.folder / "b.npz"))
        # with 2^24 + 1 one is rounded, and that is said
        self.arrays["X_int"][5, 3] = 2**24 + 1
        np.savez(self.source, **self.arrays)
        self.assertIn("1 numerical values were rounded to float32",
                      self.convert("hugectr-norm", self.source, self.folder / "n.txt"))

    def test_what_the_reference_loads(self):
        """As its CriteoDataset does, line by line."""
        self.convert("kaggle", self.source, self.folder / "b.npz")
        with np.load(self.folder / "b.npz") as data:
            self.assertEqual(data["total_per_file"].tolist(), [144] * 2 + [143] * 5)
            days = np.load(self.folder / "train_day_count.npz")["total_per_file"]
            self.assertEqual(days.tolist(), data["total_per_file"].tolist())
            self.assertEqual(days.sum(), len(data["y"]))
        self.convert("mlperf-bin", self.source, self.folder / "b.bin")
        words = np.fromfile(self.folder / "b.bin", dtype=np.int32).reshape(-1, 40)
        expected = np.concatenate([self.arrays["y"].reshape(-1, 1), self.arrays["X_int"], self.arrays["X_cat"]],
                                  axis=1).astype(np.int32)
        self.assertTrue(np.array_equal(words, expected))
        counts = np.load(self.folder / "b_fea_count.npz")["counts"]
        self.assertEqual((counts.dtype, counts.tolist()), (np.int32, self.arrays["counts"].tolist()))

    def test_types_and_orders_of_numpy(self):
        """The same data from any integer or floating type, order and compression."""
        for kind in ("f8", "f4", "i8", "i4", "u4", "u2"):
            for order in "CF":
                with self.subTest(kind + order):
                    save = np.savez if order == "C" else np.savez_compressed
                    arrays = dict(self.arrays, X_cat=np.array(self.arrays["X_cat"], dtype=kind, order=order),
                                  X_int=np.array(self.arrays["X_int"], dtype="f8", order=order),
                                  y=self.arrays["y"].astype("bool"))
                    save(self.source, **arrays)
                    self.convert("kaggle", self.source, self.folder / "b.npz")
                    self.same(np.load(self.folder / "b.npz"))

    def test_versions_of_npy(self):
        folder = self.folder / "days"
        folder.mkdir()
        dense = np.linspace(0, 9, 7 * 3).reshape(7, 3)
        ids = np.arange(14).reshape(7, 2)
        for version in ((1, 0), (2, 0), (3, 0)):
            for kind in ("f2", "f4", "f8"):
                for name, array in (("dense", np.asfortranarray(dense.astype(kind))), ("sparse", ids),
                                    ("labels", np.array([0, 1, 1, 0, 1, 0, 0], dtype="i1"))):
                    with open(folder / f"day_0_{name}.npy", "wb") as file:
                        np.lib.format.write_array(file, array, version=version)
                self.convert("torchrec", folder, self.folder / "out")
                found = np.load(self.folder / "out" / "day_0_dense.npy")
                self.assertEqual(found.dtype, np.float32)
                self.assertTrue(np.array_equal(found, dense.astype(kind).astype("f4")))

    def test_torchrec(self):
        lost = self.convert("torchrec", self.source, self.folder / "days")
        self.assertEqual(lost, ["numerical values become log(x + 3) in float32, and missing ones 0"])
        found = {name: np.load(self.folder / "days" / f"day_0_{name}.npy") for name in ("dense", "labels", "sparse")}
        logs = np.log(self.arrays["X_int"].astype(np.float32) + np.float32(3))
        self.assertEqual(found["dense"].dtype, np.float32)
        self.assertTrue(np.allclose(found["dense"], logs, rtol=3e-7, atol=0))
        self.assertTrue(np.array_equal(found["sparse"], self.arrays["X_cat"]))
        self.assertEqual((found["sparse"].dtype, found["labels"].shape), (np.int32, (1003, 1)))
        self.assertTrue(np.array_equal(found["labels"][:, 0], self.arrays["y"]))
        # and the raw numbers cannot come back
        self.refused("log3p applied, expected raw whole numbers", "kaggle", self.folder / "days",
                     self.folder / "b.npz", code=2)

    def multi_hot(self):
        """A folder of two days with 1, 3 and 40 ids a sample."""
        rng = np.random.default_rng(9)
        folder = self.folder / "hot"
        folder.mkdir()
        days = []
        for day, rows in ((0, 70), (1, 31)):
            arrays = {str(t): rng.integers(0, 50, (rows, h)).astype(np.int32) for t, h in enumerate((1, 3, 40))}
            dense = rng.normal(size=(rows, 4)).astype(np.float32)
            labels = rng.integers(0, 2, (rows, 1)).astype(np.int32)
            np.savez(folder / f"day_{day}_sparse_multi_hot.npz", **arrays)
            np.save(folder / f"day_{day}_dense.npy", dense)
            np.save(folder / f"day_{day}_labels.npy", labels)
            days.append((arrays, dense, labels))
        return folder, days

    def test_multi_hot(self):
        folder, days = self.multi_hot()
        self.convert("multi-hot", folder, self.folder / "one")
        npz = np.load(self.folder / "one" / "day_0_sparse_multi_hot.npz")
        for key in ("0", "1", "2"):
            expected = np.concatenate([arrays[key] for arrays, _, _ in days])
            self.assertEqual(npz[key].dtype, np.int32)
            self.assertTrue(np.array_equal(npz[key], expected))
        self.assertTrue(np.array_equal(np.load(self.folder / "one" / "day_0_dense.npy"),
                                       np.concatenate([dense for _, dense, _ in days])))

        # table after table in HugeCTR's Raw format: 1 + 4 + 44 words
        self.convert("hugectr-raw", folder, self.folder / "raw.bin")
        words = np.fromfile(self.folder / "raw.bin", dtype=np.uint32).reshape(101, 49)
        self.assertTrue(np.array_equal(words[:, 0], np.concatenate([y[:, 0] for _, _, y in days])))
        self.assertTrue(np.array_equal(words[:, 1:5].copy().view(np.float32),
                                       np.concatenate([dense for _, dense, _ in days])))
        self.assertTrue(np.array_equal(words[:, 5:], np.concatenate(
            [np.concatenate([arrays[k] for k in "012"], axis=1) for arrays, _, _ in days])))
        self.convert("hugectr-norm", self.folder / "raw.bin", self.folder / "n.txt", "--from=hugectr-raw")
        self.convert("hugectr-raw", self.folder / "n.txt", self.folder / "again.bin")
        self.assertEqual((self.folder / "again.bin").read_bytes(), (self.folder / "raw.bin").read_bytes())

        self.refused("C2: got 3 ids a sample, expected 1", "torchrec", folder, self.folder / "b", code=2)
        (folder / "day_1_dense.npy").unlink()
        self.refused("day_1_dense.npy] cannot be read", "multi-hot", folder, self.folder / "two")

    def norm(self, path, wrapped=True, key="u4", records=3, slots=((5, 6), (), (7,))):
        """One Norm file by hand: 3 samples, 2 numbers, 3 slots."""
        def wrap(body):
            return struct.pack("<i", len(body)) + body + bytes([sum(body) % 256]) if wrapped else body
        data = wrap(struct.pack("<8q", wrapped, records, 1, 2, 3, 0, 0, 0))
        for r in range(3):
            body = struct.pack("<3f", r % 2, 0.5 + r, -r)
            for slot in slots:
                keys = [k + 10 * r for k in slot]
                body += struct.pack("<i", len(keys)) + np.array(keys, dtype=key).tobytes()
            data += wrap(body)
        path.write_bytes(data)

    def test_norm_by_hand(self):
        for wrapped in (False, True):
            for key in ("u4", "i8"):
                with self.subTest(f"{wrapped} {key}"):
                    self.norm(self.folder / "0.data", wrapped, key)
                    (self.folder / "list.txt").write_text("1\n/elsewhere/0.data\n")
                    self.convert("hugectr-norm", self.folder / "list.txt", self.folder / "out.txt")
                    # 3 samples: length, values, keys of 4 bytes with 4 counts, sum
                    data = (self.folder / "out_0.data").read_bytes()
                    self.assertEqual(len(data), 69 + 3 * (4 + 12 + 3 * 4 + 3 * 4 + 1))
                    self.assertEqual(struct.unpack("<i8q", data[:68]), (64, 1, 3, 1, 2, 3, 0, 0, 0))
                    body = data[69 + 4:69 + 4 + 36]
                    self.assertEqual(struct.unpack("<i", data[69:73]), (36,))
                    self.assertEqual(data[73 + 36], sum(body) % 256)
                    # tables of 27, 1 and 28 rows: keys of the third start at 28
                    self.assertEqual(struct.unpack("<3fi2Iii1I", body), (0, 0.5, 0, 2, 5, 6, 0, 1, 35))
        self.norm(self.folder / "0.data", records=2)
        self.refused("after the last of 2 samples", "hugectr-norm", self.folder / "0.data", self.folder / "o.txt")
        self.norm(self.folder / "0.data", records=4)
        self.refused("cut short", "hugectr-norm", self.folder / "0.data", self.folder / "o.txt")
        data = bytearray((self.folder / "0.data").read_bytes())
        self.norm(self.folder / "0.data")
        data = bytearray((self.folder / "0.data").read_bytes())
        data[80] ^= 1
        (self.folder / "0.data").write_bytes(data)
        self.refused("sum of the sample's bytes", "hugectr-norm", self.folder / "0.data", self.folder / "o.txt")

    def test_bad_input(self):
        bad = self.folder / "bad.bin"
        bad.write_bytes(bytes(1000))
        self.refused("1000 bytes = 6 samples of 160 bytes + 40 bytes, expected whole samples", "kaggle", bad,
                     self.folder / "b.npz", "--from=mlperf-bin")
        words = np.zeros((5, 40), np.int32)
        words[3, 20] = -7
        words.tofile(bad)
        self.refused("row 3, column C7: got id -7, expected from 0 to 2147483647", "kaggle", bad,
                     self.folder / "b.npz", "--from=mlperf-bin")
        np.savez(self.folder / "bad_fea_count.npz", counts=np.full(26, 9, np.int32))
        words[3, 20] = 9
        words.tofile(bad)
        self.refused("row 3, column C7: got id 9, expected from 0 to 8", "kaggle", bad, self.folder / "b.npz")
        words[3, 20], words[4, 0] = 8, -2  # a label for a squared error
        words.tofile(bad)
        self.convert("kaggle", bad, self.folder / "b.npz")
        with np.load(self.folder / "b.npz") as npz:
            self.assertEqual(npz["y"].tolist(), [0, 0, 0, 0, -2])

        for key, value, text in (("X_cat", 1e9, "array 'X_cat'] row 7, column C1: got 1000000000, expected"),
                                 ("X_cat", 2.0**60, "column C1: got 1152921504606846976, expected a whole number"),
                                 ("X_cat", 0.5, "got 0.5, expected a whole number from 0 to"),
                                 ("X_cat", np.nan, "got nan"), ("X_cat", -1, "got -1"),
                                 ("X_int", 3e9, "array 'X_int'] row 7, column I1: got 3000000000"),
                                 ("y", 0.5, "array 'y'] row 7, column label: got 0.5, expected a whole number from -"),
                                 ("y", 3e9, "array 'y'] row 7, column label: got 3000000000")):
            arrays = dict(self.arrays)
            arrays[key] = np.array(self.arrays[key], dtype="f8")
            arrays[key].reshape(1003, -1)[7, 0] = value
            if arrays[key].ndim == 2:
                arrays[key][7, 0] = value
            else:
                arrays[key][7] = value
            np.savez(self.source, **arrays)
            self.refused(text, "mlperf-bin", self.source, self.folder / "b.bin")
        np.savez(self.source, **{key: array[:0] if key != "counts" else array for key, array in self.arrays.items()})
        got, text, err = run("check", self.source)
        self.assertEqual((got, err), (1, ""))
        self.assertIn("] no samples: got 0, expected at least one\n", text)
        np.savez(self.source, **self.arrays)
        got, text, err = run("check", self.source)
        self.assertEqual((got, err), (0, ""), text)
        np.savez(self.source, **dict(self.arrays, y=self.arrays["y"][:-1]))
        self.refused("samples: got 1003, expected 1002 as y has", "mlperf-bin", self.source, self.folder / "b.bin")
        self.refused("no known format fits", "mlperf-bin", __file__, self.folder / "b.bin")

    def test_parts(self):
        self.convert("native", self.source, self.folder / "split", "--part=train")
        self.convert("native", self.source, self.folder / "split", "--part=test")
        self.convert("mlperf-bin", self.folder / "split", self.folder / "b.bin", "--part=test")
        for words, text in ((("check", self.source, "--part=test"), "got test, expected train: kaggle has no parts"),
                            (("inspect", self.folder / "b.bin", "--part=val"), "got val, expected train: mlperf-bin has"),
                            (("stats", self.source, "--part=test"), "got test, expected train: kaggle has no parts"),
                            (("convert", self.source, self.folder / "c.bin", "--to=mlperf-bin", "--part=test"),
                             "got test, expected train: kaggle has no parts"),
                            (("encode", "x", "y", "--to=mlperf-bin", "--part=test"),
                             "got test, expected train: mlperf-bin has no parts")):
            code, out, err = run(*words)
            self.assertEqual((code, out, err.count("\n")), (2, "", 1), err)
            self.assertIn("[--part] " + text, err)
        code, _, err = run("check", self.folder / "split", "--part=tests")
        self.assertEqual(code, 2, err)
        self.assertIn("--part", err)
        self.assertIn("train, test or val", err)

    def test_usage(self):
        for words, text in (((), "[IN OUT] is missing: got neither"), (("x",), "[IN OUT] is missing: got only one"),
                            (("x", "y"), "[--to] is missing"), (("--to=nothing", "x", "y"), "[format] got 'nothing'"),
                            (("--to=kaggle", "x", "y", "z"), "has a word too much: got 'z'")):
            code, out, err = run("convert", *words)
            self.assertEqual((code, out, err.count("\n")), (2, "", 1), words)
            self.assertIn(text, err)
        code, out, _ = run("convert", "--help")
        self.assertEqual(code, 0)
        for name in ("kaggle", "mlperf-bin", "hugectr-norm", "multi-hot"):
            self.assertIn(name, out)

    def test_interrupt(self):
        """Stopped while it reads or while it packs: nothing is left."""
        np.savez(self.source, **kaggle(600000))
        for wait in (0.05, 0.4, 1.0):
            process = start("convert", "--to=kaggle", self.source, self.folder / "b.npz", stderr=subprocess.PIPE)
            time.sleep(wait)
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=60)
            # before the program listens to signals, there is nothing to clear away either
            self.assertIn((process.returncode, err),
                          ((130, "dlrm_data: interrupted, nothing written: the same command begins anew, as "
                                 "--to=kaggle cannot go on where it stopped\n"), (-signal.SIGINT, "")))
            self.assertEqual([p.name for p in self.folder.rglob("*") if p.is_file()], ["a.npz"])


if __name__ == "__main__":
    data_program.main(__doc__)
