#!/usr/bin/env python3
"""Runs the commands of dlrm_data that read text: inspect, check and split.

  text_data_test.py DLRM_DATA
"""
import gzip
import json

import data_program
from data_program import FolderTest, run

SCHEMA = """separator: comma
header: true
label: {column: rating, at_least: 4}
numerical: [{columns: age, type: int}]
categorical: [{columns: user, type: int}, {columns: tags, list: "|"}]
time: when
"""
HASHED = SCHEMA.replace('list: "|"', 'list: "|", hash: 9')
LINES = [f"{i % 7},{'' if i % 5 == 0 else i},{i % 5 + 1},{'a|b' if i % 2 else ''},{1000 - i}" for i in range(100)]
HEADER = "user,age,rating,tags,when"


class TextData(FolderTest):
    def setUp(self):
        super().setUp()
        self.schema = self.write("schema.yaml", SCHEMA)
        self.data = self.write("data.csv", "\n".join([HEADER, *LINES]) + "\n")

    def write(self, name, text):
        path = self.folder / name
        path.write_text(text)
        return path

    def bad_file(self):
        return self.write("bad.csv", "\n".join([HEADER, *LINES[:9], "1,2,x,,5", *LINES[9:], "1,2"]) + "\n")

    def test_inspect(self):
        code, out, err = run("inspect", self.data, f"--schema-file={self.schema}", "--rows=2")
        self.assertEqual((code, err), (0, ""))
        self.assertIn("text, 100 rows, 1 numerical and 2 categorical columns, mean label 0.4000", out)
        self.assertNotIn("\x1b", out)
        rows, hint = out.split("first rows: label | numerical | categorical\n")[1].split("\n\n")
        self.assertEqual(len(rows.splitlines()), 2)
        self.assertTrue(rows.startswith("0 | - | 0 -"), out)
        self.assertEqual(hint, "hint: the categories are values, not yet row ids: dlrm_train --data-set=tsv numbers them "
                               "in each run, dlrm_data encode once\n")
        self.assertRegex(out, r"(?m)^age +int64 +log1p +20\.00 % +1 +99 +50$")
        self.assertRegex(out, r"(?m)^user +int64 +- +7 +0 % +1\.00 +1 +2\.81  0 \(15\.00 %\)$")

    def test_inspect_some_rows(self):
        ids = self.folder / "ids.hotrow"
        run("convert", "--to=native", f"--schema-file={self.write('hashed.yaml', HASHED)}", self.data, ids)
        for most, words in ((30, "native, the first 30 rows"), (99, "the first 99 rows"), (100, "native, 100 rows"),
                            (0, "native, 100 rows")):
            self.assertIn(words, run("inspect", ids, f"--max-rows={most}")[1])
        schema = f"--schema-file={self.schema}"
        for most, words in ((30, "text, the first 30 rows"), (99, "the first 99 rows"), (100, "text, 100 rows"),
                            (0, "text, 100 rows")):
            self.assertIn(words, run("inspect", self.data, schema, f"--max-rows={most}")[1])
        for words in ((ids,), (self.data, schema)):
            facts = json.loads(run("inspect", *words, "--max-rows=7", "--json")[1])
            self.assertEqual((facts["rows"], facts["all_rows"]), (7, False))
            self.assertEqual(sum(entry["count"] for entry in facts["categorical"][0]["top"]), 5)

    def test_inspect_json(self):
        code, out, err = run("inspect", self.data, f"--schema-file={self.schema}", "--json")
        self.assertEqual((code, err), (0, ""))
        facts = json.loads(out)
        self.assertEqual((facts["rows"], facts["format"]), (100, "text"))
        self.assertAlmostEqual(facts["label"]["mean"], 0.4)
        age = facts["numerical"][0]
        self.assertEqual((age["missing"], age["min"], age["max"], age["mean"]), (20, 1, 99, 50))
        user, tags = facts["categorical"]
        self.assertEqual((user["distinct"], user["max_id"], user["values"]), (7, 6, 100))
        self.assertEqual(user["top"][0], {"count": 15, "value": "0"})
        self.assertAlmostEqual(user["entropy_bits"], 2.807, places=2)
        self.assertEqual(tags["max_id"], -1)
        self.assertEqual((facts["all_rows"], facts["label"]["max"], facts["label"]["other_than_0_and_1"]), (True, 1, 0))
        self.assertEqual((tags["missing"], tags["distinct"], tags["values"], tags["most_of_a_row"]), (50, 2, 100, 2))

    def test_inspect_criteo(self):
        run("generate", "--rows=300", "--test-rows=20", f"--out={self.folder}")
        code, out, _ = run("inspect", self.folder / "train.tsv", "--json")
        facts = json.loads(out)
        self.assertEqual((code, facts["format"], facts["rows"], len(facts["categorical"])), (0, "criteo-tsv", 300, 26))

    def test_bad_lines(self):
        flags = (self.bad_file(), f"--schema-file={self.schema}")
        code, _, err = run("inspect", *flags)
        self.assertEqual(code, 1)
        self.assertIn("bad.csv:11:5] rating: got 'x', expected a number", err)
        code, out, err = run("inspect", *flags, "--on-error=skip")
        self.assertEqual((code, err), (0, ""))
        self.assertIn("left out 2 bad lines: 1 wrong number of fields, 1 label; [", out)
        self.assertIn("100 rows", out)
        code, _, err = run("inspect", *flags, "--on-error=skip", "--max-errors=1")
        self.assertEqual(code, 1)
        self.assertIn("one of more than 1 bad lines", err)
        code, _, err = run("inspect", *flags, "--on-error=count")
        self.assertEqual(code, 1)
        self.assertIn("2 bad lines", err)

    def test_convert_bad_lines(self):
        schema = f"--schema-file={self.write('ids.yaml', HASHED)}"
        bad, out = self.bad_file(), self.folder / "out.hotrow"
        for flags, text in (([], "bad.csv:11:5] rating: got 'x', expected a number"),
                            (["--on-error=skip", "--max-errors=1"], "one of more than 1 bad lines"),
                            (["--on-error=count"], "2 bad lines: 1 wrong number of fields, 1 label")):
            code, _, err = run("convert", "--to=native", schema, *flags, bad, out)
            self.assertEqual((code, err.count("\n")), (1, 1), err)
            self.assertIn(text, err)
            self.assertFalse(out.exists())
        skip = ("convert", "--to=native", schema, "--on-error=skip", "--max-errors=2")
        code, text, err = run(*skip, bad, out)
        self.assertEqual((code, err), (0, ""))
        self.assertIn("left out 2 bad lines: 1 wrong number of fields, 1 label; [", text)
        code, text, _ = run(*skip, self.data, self.folder / "good.hotrow")
        self.assertEqual((code, "left out" in text), (0, False), text)
        self.assertEqual(out.read_bytes(), (self.folder / "good.hotrow").read_bytes())

    def test_stats_bad_lines(self):
        schema = f"--schema-file={self.write('ids.yaml', HASHED)}"
        code, _, err = run("stats", schema, self.bad_file())
        self.assertEqual(code, 1)
        self.assertIn("bad.csv:11:5] rating: got 'x', expected a number", err)
        good = json.loads(run("stats", schema, self.data, "--json")[1])
        code, text, err = run("stats", schema, "--on-error=skip", self.bad_file(), "--json")
        self.assertEqual((code, err), (0, ""))
        found = json.loads(text)
        self.assertTrue(found.pop("skipped").startswith("2 bad lines: 1 wrong number of fields, 1 label; ["))
        self.assertEqual(found, good)
        self.assertIn("\nleft out 2 bad lines: ", run("stats", schema, "--on-error=skip", self.bad_file())[1])

    def test_labels_that_are_numbers(self):
        schema = self.write("rating.yaml", HASHED.replace("at_least: 4", "type: float"))
        out = self.folder / "out.hotrow"
        code, text, err = run("inspect", self.data, f"--schema-file={schema}")
        self.assertEqual((code, err), (0, ""))
        self.assertIn("mean label 3.0000", text)
        self.assertIn("\nhint: labels from 1 to 5: of the losses only --loss-function=mse takes other labels", text)
        self.assertEqual(run("convert", "--to=native", f"--schema-file={schema}", self.data, out)[0], 0)
        code, text, _ = run("check", out)
        self.assertEqual(code, 1)
        self.assertIn("row 1, column rating] label: got 2, expected 0 or 1\n", text)
        self.assertIn("80 problems", text)
        code, text, _ = run("check", out, "--any-label")
        self.assertEqual(code, 0, text)
        code, text, _ = run("check", self.data, f"--schema-file={schema}")
        self.assertEqual(code, 1)
        self.assertIn("data.csv:3, column rating] label: got 2, expected 0 or 1\n", text)
        self.assertIn("80 problems", text)
        code, text, _ = run("check", self.data, f"--schema-file={schema}", "--any-label")
        self.assertEqual(code, 0, text)
        large = self.write("large.csv", f"{HEADER}\n1,2,1e38,a,1\n1,2,1e38,a,2\n")
        self.assertIn("mean label 1e+38\n", run("inspect", large, f"--schema-file={schema}")[1])

    def test_check(self):
        code, out, err = run("check", self.data, f"--schema-file={self.schema}")
        self.assertEqual((code, err), (0, ""))
        self.assertRegex(out, r"data.csv: text, 100 rows in \d+\.\d\d s, no problem found")
        real = self.write("real.yaml", SCHEMA.replace("age, type: int", "age, type: float"))
        huge = self.write("huge.csv", "\n".join([HEADER, *LINES, "1,-1e39,5,a,1"]) + "\n")
        code, out, err = run("check", huge, f"--schema-file={real}")
        self.assertEqual((code, err), (1, ""))
        self.assertIn("huge.csv:102, column age] number: got -1e+39, expected one that float32 holds, or none\n", out)
        self.assertIn("101 rows", out)
        code, out, err = run("check", self.bad_file(), f"--schema-file={self.schema}")
        self.assertEqual((code, err), (1, ""))
        self.assertIn("bad.csv:11:5] rating", out)
        self.assertIn("bad.csv:103:4] wrong number of fields: got 2, expected 5", out)
        self.assertIn("2 problems", out)

    def split(self, *flags, source=None):
        train, test = self.folder / "train.csv", self.folder / "test.csv"
        code, out, err = run("split", source or self.data, f"--schema-file={self.schema}", f"--train={train}",
                             f"--test={test}", *flags)
        self.assertEqual((code, err), (0, ""), out)
        parts = [path.read_text().splitlines() for path in (train, test)]
        for part in parts:
            self.assertEqual(part.pop(0), HEADER)
            self.assertEqual(part, [line for line in LINES if line in part])  # in the file's order
        self.assertEqual(sorted(parts[0] + parts[1]), sorted(LINES))
        return parts

    def test_split_by_time(self):
        train, test = self.split("--test-share=0.1")
        self.assertEqual(test, LINES[:10])  # time runs backwards
        train, test = self.split("--at=990.5")
        self.assertEqual(test, LINES[:10])
        train, test = self.split("--column=rating")
        self.assertEqual({line.split(",")[2] for line in test}, {"5"})  # of one time all

    def test_split_by_row_and_gzip(self):
        zipped = self.folder / "data.csv.gz"
        zipped.write_bytes(gzip.compress(self.data.read_bytes()))
        train, test = self.split("--by=row", "--test-share=0.25", source=zipped)
        self.assertEqual(test, LINES[75:])
        train, test = self.split("--by=row", "--at=30")
        self.assertEqual(train, LINES[:30])
        code, _, _ = run("split", self.data, f"--schema-file={self.schema}", "--by=row", f"--train={self.folder}/a.gz",
                         f"--test={self.folder}/b.gz")
        self.assertEqual(code, 0)
        self.assertEqual(gzip.decompress((self.folder / "b.gz").read_bytes()).decode().splitlines(), [HEADER] + LINES[80:])

    def test_split_by_hash(self):
        train, test = self.split("--by=hash", "--column=user", "--test-share=0.5")
        users = [{line.split(",")[0] for line in part} for part in (train, test)]
        self.assertFalse(users[0] & users[1])
        self.assertTrue(users[0] and users[1])

    def test_errors(self):
        data, schema = str(self.data), f"--schema-file={self.schema}"
        out = (f"--train={self.folder}/x", f"--test={self.folder}/y")
        broken = self.write("broken.yaml", "header: true\nlabels: y\n")
        for words, code, text in (
            (["inspect"], 2, "[IN] is missing"),
            (["check", "--from=nonsense", data], 2, "[format] got 'nonsense'"),
            (["inspect", "--from=text", data], 2, "[text] the columns are not known"),
            (["inspect", data, f"--schema-file={broken}"], 1, "broken.yaml:2:1] bad schema: got the key 'labels'"),
            (["inspect", data], 1, "no known format fits"),
            (["inspect", data, schema, "--part=test"], 2, "[--part] got test, expected train: text has no parts"),
            (["check", data, schema, "--part=val"], 2, "[--part] got val, expected train: text has no parts"),
            (["check", data, schema, "--part=tests"], 2, "train, test or val"),
            (["stats", data, "--from=text", schema, "--part=test"], 2, "[--part] got test, expected train: text has"),
            (["convert", data, str(self.folder / "x"), schema, "--to=mlperf-bin", "--part=test"], 2,
             "[--part] got test, expected train: text has no parts"),
            (["encode", data, str(self.folder / "x"), schema, "--to=mlperf-bin", "--part=test"], 2,
             "[--part] got test, expected train: mlperf-bin has no parts"),
            (["split", data, schema], 2, "[--train --test] is missing: got neither"),
            (["split", *out], 2, "[IN] is missing"),
            (["split", data, schema, "--by=row", f"--train={self.folder}/x", f"--test={self.folder}/./x"], 2,
             "[split] one file for both parts"),
            (["split", data, schema, "--by=row", f"--train={data}", f"--test={self.folder}/y"], 2,
             "[split] would overwrite its input"),
            (["split", data, schema, *out, "--by=hash"], 2, "[--column] is missing"),
            (["split", data, schema, *out, "--by=hash", "--at=3"], 2, "[--at] does not go with --by=hash"),
            (["split", data, schema, *out, "--at=3", "--test-share=0.3"], 2, "[--at] does not go with --test-share"),
            (["split", data, schema, *out, "--test-share=0"], 2, "[split] share of the test: got 0"),
            (["split", data, schema, *out, "--column=none"], 1, "no column 'none'"),
            (["split", data, schema, *out, "--column=tags"], 1, "data.csv:2:6] time: got '', expected a number"),
            (["split", data, schema, *out, "--at=5000"], 1, "cannot be split there: got 100 lines"),
        ):
            got, _, err = run(*words)
            self.assertEqual((got, err.count("\n")), (code, 1), (words, err))
            self.assertIn(text, err)
        self.assertFalse((self.folder / "x").exists() or (self.folder / "y").exists())


if __name__ == "__main__":
    data_program.main(__doc__)
