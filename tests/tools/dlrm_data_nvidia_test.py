#!/usr/bin/env python3
"""NVIDIA's example through dlrm_data, whose path is the first argument: gen-csv, transcode, convert."""
import json
import pathlib
import struct

import data_program
from data_program import FolderTest, run

CARDINALITIES = (10, 23412, 45000, 100, 50, 127)


def spec(cardinalities):
    """As the description of NVIDIA's example: other chunks in test than in train, an anchor."""
    cats = [f"cat_{t}.bin" for t in range(len(cardinalities))]
    lines = ["channel_spec:", "  categorical:", *(f"  - {c}" for c in cats), "  label:", "  - label",
             "  numerical: &numbers", "  - num_0", "  - num_1", "  - num_2", "feature_spec:"]
    for name, cardinality in zip(cats, cardinalities):
        lines += [f"  {name}:", f"    cardinality: {cardinality}"]
    lines += ["  label: {}", "  num_0: {}", "  num_1: {}", "  num_2: {}", "metadata: {}", "source_spec:"]
    for part, cut in (("test", 2), ("train", 3)):
        lines += [f"  {part}:", "  - features: *numbers", f"    files: [{part}/numerical.csv]", "    type: csv",
                  "  - features: [label]", f"    files: [{part}/label.csv]", "    type: csv"]
        for i, some in enumerate((cats[:cut], cats[cut:])):
            lines += [f"  - features: [{', '.join(some)}]", f"    files: [{part}/cats_{i}.csv]", "    type: csv"]
    return "\n".join(lines) + "\n"


class Nvidia(FolderTest):
    def setUp(self):
        super().setUp()
        (self.folder / "small.yaml").write_text(spec(CARDINALITIES))

    def expect(self, code, words, *command):
        got, out, err = run(*command)
        self.assertEqual((got, err.count("\n")), (code, 1), err)
        self.assertIn(words, err)

    def columns(self, part, name):
        """A column of the generated text, as text."""
        lines = (self.folder / "csv" / part / name).read_text().splitlines()
        return list(zip(*(line.split(",") for line in lines)))

    def test_example(self):
        code, out, err = run("gen-csv", f"--feature-spec-in={self.folder}/small.yaml", "--size=500",
                             f"--output={self.folder}/csv")
        self.assertEqual((code, err), (0, ""))
        # Counted, not declared, so that the types follow what was drawn.
        (self.folder / "csv" / "feature_spec.yaml").write_text(spec(["auto"] * len(CARDINALITIES)))
        code, out, err = run("transcode", f"--input={self.folder}/csv", f"--output={self.folder}/bin", "--chunk-size=64")
        self.assertEqual((code, err), (0, ""))
        self.assertIn("500 training and 500 test rows", out)

        drawn = self.columns("train", "cats_0.csv") + self.columns("train", "cats_1.csv")
        tested = self.columns("test", "cats_0.csv") + self.columns("test", "cats_1.csv")
        sizes = [max(map(int, a + b)) + 1 for a, b in zip(drawn, tested)]
        self.assertIn("tables: " + " ".join(map(str, sizes)) + "\n", out)
        self.assertTrue(all(n <= most for n, most in zip(sizes, CARDINALITIES)))
        for t, column in enumerate(drawn):
            code = "b" if sizes[t] < 127 else "h" if sizes[t] < 32767 else "i"
            stored = (self.folder / "bin" / "train" / f"cat_{t}.bin").read_bytes()
            self.assertEqual(stored, struct.pack(f"<500{code}", *map(int, column)), t)
        numbers = self.columns("train", "numerical.csv")
        rounded = b"".join(struct.pack("<3e", *map(float, row)) for row in zip(*numbers))
        self.assertEqual((self.folder / "bin" / "train" / "numerical.bin").read_bytes(), rounded)
        labels = bytes(map(int, self.columns("train", "label.csv")[0]))
        self.assertEqual((self.folder / "bin" / "train" / "label.bin").read_bytes(), labels)
        self.assertEqual(set(labels), {0, 1})

        code, out, err = run("stats", f"{self.folder}/bin", "--batch-size=250", "--cache=100", "--json")
        self.assertEqual((code, err), (0, ""))
        stats = json.loads(out)
        self.assertEqual(stats["samples"], 500)
        for table, column in zip(stats["tables"], drawn):
            unique = len(set(column))
            self.assertEqual((table["accesses"], table["unique_rows"]), (500, unique))
            batches = [len(set(column[:250])), len(set(column[250:]))]
            self.assertAlmostEqual(table["unique_rows_per_batch"], sum(batches) / 2)
            self.assertAlmostEqual(table["caches"][0]["hottest_rows_hits"], 1)
            self.assertAlmostEqual(table["caches"][0]["lru_hits"], 1 - unique / 500)
        code, out, err = run("stats", f"{self.folder}/bin", "--part=test")
        self.assertEqual((code, err), (0, ""))
        self.assertIn("500 samples, batches of 2,048", out)
        self.assertIn("all tables", out)

    def test_usage_errors(self):
        self.expect(2, "[--input] is missing", "transcode")
        self.expect(2, "[--output] is missing", "transcode", "--input=x")
        self.expect(2, "[--chunk-size] is out of range: got 0", "transcode", "--input=x", "--chunk-size=0")
        self.expect(2, "[--output] is missing", "gen-csv")
        self.expect(2, "[IN] is missing", "stats")
        self.expect(2, "[--cache] is out of range: got 0", "stats", "--cache=1,0", "x")
        self.expect(2, "[trace] got 'draw', expected profile", "trace", "draw")
        self.expect(2, "[--tables] got a value without --to", "generate", "--out=x", "--tables=3")
        to = ("generate", f"--out={self.folder}/x", "--to=split-binary")
        self.expect(2, "[--tables] is missing", *to)
        self.expect(2, "[--hotness] got 2 numbers, expected one, or one for each of the 3", *to, "--tables=3,4,5",
                    "--hotness=1,2")
        self.expect(2, "[--locality-file] is missing", *to, "--tables=3", "--ids=locality")
        self.expect(2, "[--trace-file] is missing", *to, "--tables=3", "--ids=trace")
        self.expect(2, "[--to] got 'nvidia-bin', expected a format that can be written", *to, "--to=nvidia-bin")
        self.expect(2, "column C1: got up to 2 ids", *to, "--tables=3", "--hotness=2")
        self.expect(1, "feature_spec.yaml] cannot be read", "transcode", f"--input={self.folder}", "--output=x")
        self.expect(1, "cannot be read", "gen-csv", f"--feature-spec-in={self.folder}/x", f"--output={self.folder}/y")

    def test_bad_data_leaves_nothing(self):
        run("gen-csv", f"--feature-spec-in={self.folder}/small.yaml", "--size=20", f"--output={self.folder}/csv")
        labels = self.folder / "csv" / "test" / "label.csv"
        labels.write_text(labels.read_text().replace("\n", "\nx", 1))
        self.expect(1, "label.csv:2:1] bad value of label", "transcode", f"--input={self.folder}/csv",
                    f"--output={self.folder}/bin")
        self.assertFalse((self.folder / "bin").exists())

    def test_trace_profile(self):
        (self.folder / "trace.log").write_text("1, 2, 3, 4, 5, 3, 4, 1, 1, 6, 3")
        code, out, err = run("trace", "profile", f"--trace-file={self.folder}/trace.log",
                             f"--dist-file={self.folder}/dist.log", f"--synthetic-file={self.folder}/synthetic.log")
        self.assertEqual((code, err), (0, ""))
        self.assertIn("11 accesses of 6 ids, 5 stack distances", out)
        self.assertEqual((self.folder / "dist.log").read_text().splitlines()[:2], ["1, 2, 3, 4, 5, 6", "0, 1, 3, 4, 5"])
        # As numpy's generator draws it from seed 123.
        self.assertEqual((self.folder / "synthetic.log").read_text(), "1, 2, 3, 4, 2, 5, 1, 2, 6, 3, 4")

    def test_generates_any_shape(self):
        for name in ("one", "two"):
            code, out, err = run("generate", "--to=split-binary", "--tables=5,200,40000", "--dense=2", "--rows=3000",
                                 "--test-rows=1000", "--seed=9", f"--out={self.folder}/{name}")
            self.assertEqual((code, err), (0, ""))
            self.assertIn("4,000 rows, 0.0 MB", out)
        for name in ("train/cat_2.bin", "train/numerical.bin", "test/label.bin"):
            first, second = ((self.folder / n / name).read_bytes() for n in ("one", "two"))
            self.assertEqual(first, second)
            self.assertGreater(len(set(first)), 1)
        self.assertEqual(len((self.folder / "one/train/cat_2.bin").read_bytes()), 4 * 3000)
        self.assertEqual(len((self.folder / "one/test/numerical.bin").read_bytes()), 2 * 2 * 1000)
        # Into another format and on: what the generator says is what the data have.
        code, out, err = run("stats", f"{self.folder}/one", "--json")
        self.assertEqual([t["rows"] for t in json.loads(out)["tables"]], [5, 200, 40000])

    def test_generates_both_parts_in_every_format(self):
        for name, ending, tables in (("native", ".hotrow", 2), ("criteo-tsv", ".tsv", 26), ("mlperf-bin", ".bin", 26),
                                     ("hugectr-raw", ".bin", 2), ("hugectr-norm", ".txt", 2), ("torchrec", "", 26),
                                     ("multi-hot", "", 2), ("kaggle", "/kaggle.npz", 26),
                                     ("terabyte", "/terabyte.npz", 26), ("split-binary", None, 2)):
            out = self.folder / name
            sizes = "--tables=" + ",".join(["9"] * tables)
            code, text, err = run("generate", f"--to={name}", sizes, "--rows=30", "--test-rows=20", f"--out={out}")
            self.assertEqual((code, err), (0, ""), name)
            losses = [line for line in text.splitlines() if line.startswith("lost: ")]
            self.assertEqual(len(losses), len(set(losses)), text)
            for part, rows in (("train", 30), ("test", 20)):
                where = (out, f"--part={part}") if ending is None else (f"{out}/{part}{ending}",)
                code, text, err = run("inspect", f"--from={name}", "--json", *where)  # which takes no next word
                self.assertEqual((code, err), (0, ""), name)
                self.assertEqual(json.loads(text)["rows"], rows, name)
            self.assertEqual(run("generate", f"--to={name}", sizes, "--rows=30", "--test-rows=0",
                                 f"--out={out}-alone")[0], 0)
            self.assertEqual([f for f in pathlib.Path(f"{out}-alone").rglob("test*")], [])
        self.expect(2, "[--gz] does not go with --to", "generate", "--to=native", "--gz", "--out=x", "--tables=3")

    def test_switches_take_a_value_only_after_an_equals_sign(self):
        out = self.folder / "x"
        run("generate", "--to=native", "--tables=3", "--rows=4", f"--out={out}")
        rows = json.loads(run("inspect", "--json", out)[1])["rows"]
        self.assertEqual(rows, 4)
        self.assertEqual(json.loads(run("inspect", "--json=True", out)[1])["rows"], 4)
        self.assertIn("rows", run("inspect", "--json=False", out)[1].splitlines()[0])
        self.expect(2, "[--json] is not a truth value: got 'maybe'", "inspect", "--json=maybe", out)
        self.expect(2, "[--json] has no value", "inspect", "--json=", out)

    def test_a_failed_generate_leaves_no_folder(self):
        for name in ("torchrec", "split-binary", "kaggle"):
            self.expect(2, "expected", "generate", f"--to={name}", "--tables=3", "--hotness=2", "--rows=5",
                        f"--out={self.folder}/a/b")
            self.assertFalse((self.folder / "a").exists(), name)

    def test_generates_by_a_schema_file(self):
        schema = self.folder / "schema.yaml"
        text = ("label: 1\nnumerical: [2-3]\ncategorical:\n- {columns: [4, 5], type: int, cardinality: 300}\n"
                "- {columns: 6, hash: 40, list: ' ', max_values: 3}\n")
        schema.write_text(text)
        out = f"{self.folder}/x.hotrow"
        to = ("generate", "--to=native", f"--out={out}", f"--schema-file={schema}")
        got, _, err = run(*to, "--rows=2000", "--ids=uniform")
        self.assertEqual((got, err), (0, ""))
        facts = json.loads(run("inspect", out, "--json")[1])
        self.assertEqual((facts["rows"], [c["name"] for c in facts["numerical"]]), (2000, ["column2", "column3"]))
        tables = facts["categorical"]
        self.assertEqual([c["name"] for c in tables], ["column4", "column5", "column6"])
        self.assertEqual([c["cardinality"] for c in tables], [300, 300, 40])
        self.assertEqual([c["most_of_a_row"] for c in tables], [1, 1, 3])
        self.assertEqual([c["distinct"] for c in tables][2], 40)
        for flag in ("--tables=3", "--dense=2", "--hotness=2", "--variable-hotness"):
            self.expect(2, f"[{flag.split('=')[0]}] does not go with --schema-file", *to, flag)
        self.expect(2, "[--schema-file] got a value without --to", "generate", "--out=x", f"--schema-file={schema}")
        # Formats without room for lengths get lists of max_values ids, and the same schema reads them.
        schema.write_text(text.replace("[2-3]", "[{columns: 2-3, type: int}]"))
        for name, path in (("hugectr-raw", f"{self.folder}/raw/train.bin"), ("multi-hot", f"{self.folder}/hot/train")):
            got, _, err = run("generate", f"--to={name}", f"--out={pathlib.Path(path).parent}",
                              f"--schema-file={schema}", "--rows=300")
            self.assertEqual((got, err), (0, ""))
            read = ["--from=hugectr-raw", f"--schema-file={schema}"] if name == "hugectr-raw" else []
            tables = json.loads(run("inspect", *read, path, "--json")[1])["categorical"]
            self.assertEqual([(c["most_of_a_row"], c["values"]) for c in tables], [(1, 300), (1, 300), (3, 900)])
        schema.write_text(text.replace("hash: 40, ", ""))
        self.expect(1, "schema.yaml:5:13] column 'column6': got no number of rows", *to)


if __name__ == "__main__":
    data_program.main(__doc__)
