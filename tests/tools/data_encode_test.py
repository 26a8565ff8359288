#!/usr/bin/env python3
"""Runs `dlrm_data encode` as a person would; the program's path is the first argument, and a second one
is how often the killed run is killed (50 for a thorough test; default 8)."""
import hashlib
import random
import shutil
import signal
import struct
import subprocess
import time

import data_program
from data_program import MadeTest, limit_to, run, start

ROWS = 20000
TO = "--to=mlperf-bin"


def single_valued(source, target):
    """The same lines with the first value of each field: what flat formats can hold."""
    with open(source) as lines, open(target, "w") as out:
        for line in lines:
            out.write("\t".join(field.partition("|")[0] for field in line.rstrip("\n").split("\t")) + "\n")


def expected_ids(path, minimum=1, first=1, rare=0, by_frequency=False):
    """Row ids of each line by a dictionary a column, and that dictionary."""
    lines = [line.split("\t")[14:] for line in path.read_text().splitlines()]
    columns = [[int(field or "0", 16) for field in column] for column in zip(*lines)]
    result, maps = [], []
    for column in columns:
        counts = {}
        for value in column:
            counts[value] = counts.get(value, 0) + 1
        kept = [value for value in counts if counts[value] >= minimum]
        if by_frequency:
            kept.sort(key=lambda value: -counts[value])
        ids = {value: first + i for i, value in enumerate(kept)}
        maps.append(ids)
        result.append([ids.get(value, rare) for value in column])
    return list(zip(*result)), maps


def read_flat(path):
    """Label, 13 integers and 26 ids a sample, int32 each."""
    return list(struct.iter_unpack("<40i", path.read_bytes()))


def digest(folder, name):
    """Of all files of an output, by their names."""
    files = sorted(f for f in folder.rglob("*") if f.is_file() and f.relative_to(folder).parts[0].startswith(name))
    return {str(f.relative_to(folder)): hashlib.sha256(f.read_bytes()).hexdigest()
            for f in files if not f.name.endswith(".manifest")}


class Encode(MadeTest):
    @classmethod
    def make(cls):
        code, _, err = run("generate", f"--rows={ROWS}", "--test-rows=3000", "--seed=5", f"--out={cls.made}")
        assert code == 0, err
        single_valued(cls.made / "train.tsv", cls.made / "train.txt")
        single_valued(cls.made / "test.tsv", cls.made / "test.txt")
        cls.train, cls.test = cls.made / "train.txt", cls.made / "test.txt"

    def setUp(self):
        super().setUp()
        self.out = self.folder / "out"

    def encodes(self, *words, **settings):
        code, out, err = run("encode", TO, *words, **settings)
        self.assertEqual((code, err), (0, ""))
        return out

    def test_ids_of_each_convention(self):
        for flags, rule in (
            (["--convention=hotrow"], {}),
            (["--min-frequency=3"], {"minimum": 3}),
            (["--convention=reference"], {"first": 0}),
            (["--convention=nvidia"], {"minimum": 15, "by_frequency": True}),
            (["--convention=torchrec"], {"minimum": 3, "first": 2, "rare": 1}),
            (["--ids=frequency"], {"by_frequency": True}),
        ):
            output = self.encodes(*flags, self.train, self.out)
            self.assertIn(f"{ROWS:,} rows of 13 numerical and 26 categorical columns", output)
            ids, _ = expected_ids(self.train, **rule)
            got = read_flat(self.out)
            self.assertEqual([row[14:] for row in got], ids, flags)
            labels = [int(line[0]) for line in self.train.read_text().splitlines()]
            self.assertEqual([row[0] for row in got], labels)

    def test_lists_without_their_flag(self):
        """The error says what helps, and a run that made nothing leaves nothing."""
        code, _, err = run("encode", self.made / "train.tsv", self.folder / "x.hotrow")
        self.assertEqual((code, err.count("\n")), (1, 1))
        self.assertIn("(lists: use --max-ids-per-field=32 to encode, or list in a schema)", err)
        self.assertEqual(list(self.folder.iterdir()), [])
        self.assertEqual(run("encode", "--max-ids-per-field=32", self.made / "train.tsv", self.folder / "x.hotrow")[0],
                         0)

    def test_test_data_with_the_training_vocabulary(self):
        self.encodes("--convention=torchrec", self.train, self.out)
        second = self.folder / "second"
        self.encodes(f"--vocabulary={self.out}.vocabulary", self.test, second)
        _, maps = expected_ids(self.train, minimum=3, first=2, rare=1)
        lines = [line.split("\t")[14:] for line in self.test.read_text().splitlines()]
        expected = [tuple(ids.get(int(field or "0", 16), 1) for ids, field in zip(maps, line)) for line in lines]
        self.assertEqual([row[14:] for row in read_flat(second)], expected)

    def test_parts_share_a_vocabulary(self):
        folder = self.folder / "parts"
        self.assertEqual(run("encode", self.train, folder)[0], 0)
        for part in ("test", "val"):
            code, _, err = run("encode", self.test, folder, f"--part={part}")
            self.assertEqual((code, err), (
                2, f"dlrm_data: [--part] {part} with ids of its own: got no --vocabulary, expected that of the "
                "training data (or --ids=hash)\n"))
            self.assertEqual(run("encode", self.test, folder, f"--part={part}", f"--vocabulary={folder}.vocabulary")[0],
                             0)
        self.assertEqual({f.name for f in folder.iterdir()}, {"train.hotrow", "test.hotrow", "val.hotrow"})
        hashed = self.folder / "hashed"
        self.assertEqual(run("encode", self.test, hashed, "--part=test", "--ids=hash", "--hash-size=9")[0], 0)

    def test_the_same_for_any_threads_and_memory(self):
        self.encodes(self.train, self.out, "--num-threads=1")
        expected = digest(self.folder, "out")
        self.assertIn("out", expected)
        for threads, memory in ((2, "64M"), (3, "2G"), (8, "100M")):
            self.encodes(self.train, self.out, f"--num-threads={threads}", f"--max-memory={memory}")
            (self.folder / "out.manifest").unlink()
            self.assertEqual(digest(self.folder, "out"), expected)

    def test_nothing_is_done_twice(self):
        self.encodes(self.train, self.out)
        self.assertIn("is up to date: nothing to do", self.encodes(self.train, self.out))
        made = digest(self.folder, "out")
        self.assertEqual(set(made), {"out", "out.vocabulary", "out_fea_count.npz"})
        for name in made:  # any of them
            (self.folder / name).unlink()
            self.assertIn("wrote", self.encodes(self.train, self.out))
            self.assertEqual(digest(self.folder, "out"), made)
        self.assertIn("wrote", self.encodes(self.train, self.out, "--min-frequency=2"))

    def assert_of_one(self, got, *wholes):
        """Data and vocabulary are of one run, unless the vocabulary is not there."""
        pair = ("out", "out.vocabulary")
        if "out.vocabulary" in got:
            self.assertIn([got[name] for name in pair], [[whole[name] for name in pair] for whole in wholes])

    def test_a_vocabulary_that_is_given_stays(self):
        vocabulary = self.folder / "out.vocabulary"
        self.encodes(self.train, self.out)
        was = vocabulary.stat().st_ino
        self.encodes(f"--vocabulary={vocabulary}", self.test, self.out)
        self.assertEqual(vocabulary.stat().st_ino, was)
        self.assertIn("is up to date", self.encodes(f"--vocabulary={vocabulary}", self.test, self.out))

    def test_killed_it_goes_on(self):
        source = self.train
        begin = time.monotonic()
        self.encodes(source, self.out, "--num-threads=2", "--max-memory=64M")
        took = time.monotonic() - begin
        expected = digest(self.folder, "out")
        other = self.folder / "other"
        other.mkdir()
        self.encodes("--convention=nvidia", source, other / "out")
        old = digest(other, "out")
        draw = random.Random(11)
        for kill in range(data_program.kills):
            folder = self.folder / f"kill{kill}"
            shutil.copytree(other, folder)
            out = folder / "out"
            for _ in range(draw.randint(1, 4)):
                memory = draw.choice(("64M", "2G"))  # with 64M all that is parsed goes to files
                process = start("encode", TO, source, out, "--num-threads=2", f"--max-memory={memory}")
                time.sleep(draw.uniform(0, 1.1 * took))
                process.send_signal(signal.SIGKILL)
                process.wait()
                self.assert_of_one(digest(folder, "out"), old, expected)
            self.encodes(source, out, f"--num-threads={draw.randint(1, 3)}",
                         f"--max-memory={draw.choice(('64M', '2G'))}")
            got = {f"{name}": value for name, value in digest(folder, "out").items()}
            self.assertEqual(got, expected)  # no half-written file is left either
            self.assertFalse((folder / "out.encode").exists())

    def test_bad_lines(self):
        good = self.train.read_text().splitlines(keepends=True)
        bad = list(good)
        for i in (3, 4000, 15000):
            bad.insert(i, "no sample\n")
        source, clean = self.folder / "bad.txt", self.folder / "clean.txt"
        source.write_text("".join(bad))
        clean.write_text("".join(good))
        self.encodes(clean, self.folder / "expected")
        for kills in (0, 3):
            for _ in range(kills):
                process = start("encode", TO, "--on-error=skip", "--max-memory=64M", source, self.out)
                while not (self.folder / "out.encode" / "segment-000000").exists():
                    time.sleep(0.001)
                process.kill()
                process.wait()
            output = self.encodes("--on-error=skip", source, self.out)
            self.assertIn("3 bad lines: 3 wrong number of fields; [", output)
            self.assertEqual(self.out.read_bytes(), (self.folder / "expected").read_bytes())
            self.out.unlink()
            (self.folder / "out.manifest").unlink()
        for flags, text in ((["--on-error=skip", "--max-errors=2"], "one of more than 2 bad lines"),
                            (["--on-error=count"], "3 bad lines: 3 wrong number"), ([], "bad.txt:4:")):
            for _ in range(2):  # the second run goes on with what the first has left
                code, _, err = run("encode", TO, *flags, source, self.out)
                self.assertEqual((code, err.count("\n")), (1, 1))
                self.assertIn(text, err)
                self.assertFalse(self.out.exists())

    def test_interrupted_it_says_how_to_go_on(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            process = start("encode", TO, "--max-memory=64M", self.train, self.out, stderr=subprocess.PIPE)
            while not (self.folder / "out.encode").exists():
                time.sleep(0.001)
            process.send_signal(number)
            err = process.communicate(timeout=60)[1]
            self.assertEqual((process.returncode, err), (
                130, "dlrm_data: interrupted; the same command goes on where this one stopped\n"))
            self.assertFalse(self.out.exists())
            shutil.rmtree(self.folder / "out.encode", ignore_errors=True)  # none before the first segment
        self.encodes(self.train, self.out)

    def test_no_room_on_the_disk(self):
        source = self.train
        for memory in ("64M", "2G"):
            for limit in (0, 1000, 100000, 1000000, 2000000):
                code, _, err = run("encode", TO, f"--max-memory={memory}", source, self.out, **limit_to(limit))
                self.assertEqual((code, err.count("\n")), (1, 1), err)
                self.assertIn("cannot be written: got 'File too large'", err)
                self.assertEqual([f.name for f in self.folder.iterdir() if not f.name.startswith("out.encode")], [])
            shutil.rmtree(self.folder / "out.encode", ignore_errors=True)
        self.encodes(source, self.out)
        self.assertTrue(self.out.exists())

    def test_usage_errors(self):
        for words, text in (
            ([], "[IN... OUT] is missing: got 0 paths"),
            ([self.train], "[IN... OUT] is missing: got 1 paths"),
            ([self.train, ""], "[output] got ''"),
            ([self.train, f"{self.folder}/"], "/', expected the name of a file or folder"),
            ([self.train, self.train], "to read and to write, expected another OUT"),
            (["--vocabulary", self.train, "/dev/null", self.train], "to read and to write, expected another OUT"),
            (["--schema-file", self.train, "/dev/null", self.train], "to read and to write, expected another OUT"),
            ([self.train, self.out, "--to=x"], "[format] got 'x', expected one of"),
            ([self.train, self.out, "--convention=x"], "[convention] got 'x', expected hotrow"),
            ([self.train, self.out, "--ids=x"], "[ids] got 'x', expected first, frequency or hash"),
            ([self.train, self.out, "--ids=hash"], "[--hash-size] belongs to --ids=hash"),
            ([self.train, self.out, "--hash-size=7"], "[--hash-size] belongs to --ids=hash"),
            ([self.train, self.out, "--min-frequency=2,Q:3"], "no such column: got 'Q', expected one of C1, C2"),
            ([self.train, self.out, "--min-frequency=0"], "[--min-frequency] got '0'"),
            ([self.train, self.out, "--convention=reference", "--min-frequency=2"], "rare values have no row"),
            ([self.train, self.out, "--max-memory=1M"], "[--max-memory] too little: got 1048576 bytes"),
            ([self.train, self.out, "--max-memory=2X"], "[--max-memory]"),
            ([self.train, self.out, "--max-memory=99999999T"], "[--max-memory]"),
            ([self.train, self.out, "--vocabulary=v", "--ids=first"], "[--ids] does not go with --vocabulary"),
        ):
            code, out, err = run("encode", TO, *words)
            self.assertEqual((code, out, err.count("\n")), (2, "", 1), (words, err))
            self.assertIn(text, err)

    def test_errors_of_the_world(self):
        bad = self.folder / "bad.txt"
        lines = self.train.read_text().splitlines(keepends=True)
        lines[17] = lines[17].replace("\t", "\tx", 3)
        bad.write_text("".join(lines))
        torn = self.folder / "torn.vocabulary"
        self.encodes(self.train, self.out)
        link = self.folder / "link"
        link.symlink_to(self.out)
        torn.write_bytes((self.folder / "out.vocabulary").read_bytes()[:-5])
        for words, text in (
            ([self.folder / "none", self.out], "none]"),
            ([bad, self.out], "bad.txt:18:"),
            ([self.train, self.out, f"--vocabulary={torn}"], "torn.vocabulary] wrong length"),
            ([self.train, self.out, f"--vocabulary={self.folder}/none"], "none] cannot be read"),
            ([self.train, "/dev/null/out"], "cannot be made"),
            ([self.train, link], "link] cannot be replaced: got a link"),
        ):
            code, out, err = run("encode", TO, *words)
            self.assertEqual((code, err.count("\n")), (1, 1), (words, err))
            self.assertIn(text, err)

    def test_help(self):
        output = self.encodes("--help")
        self.assertIn("--min-frequency", output)


if __name__ == "__main__":
    data_program.main(__doc__)
