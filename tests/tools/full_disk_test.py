#!/usr/bin/env python3
"""Runs the commands of dlrm_data, whose path is the first argument, that write files where the room ends
and kills them: one sentence, nothing left behind, no half-written file under its name. What `encode`
and `convert --to=native` leave behind on purpose has tests of its own."""
import pathlib
import random
import time

import data_program
from data_program import MadeTest, limit_to, run, start

ROWS = 3000
SPEC = """channel_spec:
  categorical: [c]
  label: [y]
  numerical: [n]
feature_spec: {c: {cardinality: auto}, n: {}, y: {}}
source_spec:
  test:
  - {features: [n, c, y], files: [test.csv], type: csv}
  train:
  - {features: [n, c, y], files: [train.csv], type: csv}
"""


def files_of(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


class FullDisk(MadeTest):
    @classmethod
    def make(cls):
        tables = "--tables=" + ",".join(["300"] * 26)
        for to in ("native", "criteo-tsv"):
            code, _, err = run("generate", f"--to={to}", tables, f"--rows={ROWS}", f"--out={cls.made / to}")
            assert code == 0, err
        cls.native, cls.tsv = cls.made / "native" / "train.hotrow", cls.made / "criteo-tsv" / "train.tsv"
        cls.spec = cls.made / "csv"
        cls.spec.mkdir()
        (cls.spec / "feature_spec.yaml").write_text(SPEC)
        for part in ("train", "test"):
            (cls.spec / f"{part}.csv").write_text("".join(f"{i}.5,{i % 1000},{i % 2}\n" for i in range(ROWS)))
        (cls.made / "trace.txt").write_text(", ".join(str(i * i % 997) for i in range(20000)))

    def setUp(self):
        super().setUp()
        self.out = self.folder / "out"

    def refused(self, sizes, *words):
        """The command fails for want of room with each size, and there is room for it."""
        for size in sizes:
            with self.subTest(f"{' '.join(map(str, words))} in {size} bytes"):
                code, _, err = run(*words, **limit_to(size))
                self.assertEqual((code, err.count("\n")), (1, 1), err)
                self.assertRegex(err, r"cannot be written: got '.*File too large', expected a folder with room")
                self.assertEqual(list(files_of(self.folder)), [])
        code, _, err = run(*words)
        self.assertEqual((code, err), (0, ""))

    def test_convert(self):
        for to, name in (("native", "a.hotrow"), ("native", "set"), ("criteo-tsv", "a.tsv"), ("criteo-tsv", "a.tsv.gz"),
                         ("kaggle", "a.npz"), ("terabyte", "b.npz"), ("mlperf-bin", "a.bin"), ("hugectr-raw", "r.bin"),
                         ("hugectr-norm", "a.txt"), ("torchrec", "days"), ("multi-hot", "bags"),
                         ("split-binary", "split")):
            self.folder = pathlib.Path(self.keep.name) / f"{to}-{name}"
            self.folder.mkdir()
            self.refused((0, 1000, 20000), "convert", f"--to={to}", self.native, self.folder / name)

    def test_generate(self):
        self.refused((0, 1000, 20000), "generate", f"--rows={ROWS}", f"--test-rows={ROWS}", f"--out={self.out}")
        self.assertEqual(sorted(files_of(self.out)), ["planted.json", "test.tsv", "train.tsv"])

    def test_generate_any_shape(self):
        self.refused((0, 1000, 20000), "generate", "--to=mlperf-bin", "--tables=" + ",".join(["9"] * 26),
                     f"--rows={ROWS}", f"--out={self.out}")

    def test_split(self):
        self.refused((0, 1000, 20000), "split", self.tsv, "--by=row", f"--train={self.folder / 'a.tsv'}",
                     f"--test={self.folder / 'b.tsv'}")

    def test_transcode(self):
        self.refused((0, 1000), "transcode", f"--input={self.spec}", f"--output={self.out}")

    def test_gen_csv(self):
        (self.made / "spec.yaml").write_text(SPEC.replace("auto", "70000"))
        self.refused((0, 1000, 20000), "gen-csv", f"--feature-spec-in={self.made / 'spec.yaml'}", f"--size={ROWS}",
                     f"--output={self.out}")

    def test_trace(self):
        self.refused((0, 1000), "trace", "profile", f"--trace-file={self.made / 'trace.txt'}",
                     f"--dist-file={self.folder / 'dist.log'}")

    def test_killed(self):
        """Whatever stands under its name is whole."""
        draw = random.Random(5)
        for to, name in (("native", "a.hotrow"), ("kaggle", "a.npz"), ("torchrec", "days"), ("split-binary", "split")):
            whole = self.folder / f"{to}-whole"
            whole.mkdir()
            begin = time.monotonic()
            self.assertEqual(run("convert", f"--to={to}", self.native, whole / name)[0], 0)
            took = time.monotonic() - begin
            expected = files_of(whole)
            for kill in range(6):
                folder = self.folder / f"{to}-{kill}"
                folder.mkdir()
                process = start("convert", f"--to={to}", self.native, folder / name)
                time.sleep(draw.uniform(0, took))
                process.kill()
                process.wait()
                for file, found in files_of(folder).items():
                    if ".partial" not in file and ".convert/" not in file:
                        self.assertEqual(found, expected[file], file)


if __name__ == "__main__":
    data_program.main(__doc__)
