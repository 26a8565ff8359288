#!/usr/bin/env python3
"""Stops and kills `dlrm_data convert --to=native` and runs it again: it goes on, and the file is the
same. The program's path is the first argument, and a second one is how many runs are killed (50 for a
thorough test; default 8)."""
import os
import random
import signal
import subprocess
import time

import data_program
from data_program import MadeTest, run, start

ROWS = 300000
GOES_ON = "dlrm_data: interrupted; the same command goes on where this one stopped\n"


class Resume(MadeTest):
    @classmethod
    def make(cls):
        code, _, err = run("generate", "--to=mlperf-bin", f"--rows={ROWS}", "--tables=" + ",".join(["5000"] * 26),
                           f"--out={cls.made}")
        assert code == 0, err
        begin = time.monotonic()
        code, _, err = run("convert", "--to=native", cls.made / "train.bin", cls.made / "whole.hotrow")
        assert code == 0, err
        cls.took = time.monotonic() - begin
        cls.whole = (cls.made / "whole.hotrow").read_bytes()

    def setUp(self):
        super().setUp()
        self.source = self.folder / "train.bin"
        for name in ("train.bin", "train_fea_count.npz"):
            os.link(self.made / name, self.folder / name)
        self.out = self.file = self.folder / "a.hotrow"
        self.state = self.folder / "a.hotrow.convert"

    def begin(self):
        return start("convert", "--to=native", self.source, self.out, stderr=subprocess.PIPE)

    def stopped_in_the_middle(self, number=signal.SIGINT):
        """Leaves a run behind that has written some blocks and not all of them."""
        for _ in range(20):
            process = self.begin()
            data = self.state / "data"
            while process.poll() is None and not (data.exists() and data.stat().st_size > len(self.whole) // 3):
                time.sleep(0.001)
            process.send_signal(number)
            err = process.communicate(timeout=60)[1]
            if process.returncode == 0:
                self.file.unlink()
                continue
            self.assertEqual((process.returncode, err), (130, GOES_ON))
            self.assertTrue(self.state.exists())
            self.assertFalse(self.file.exists())
            return
        self.fail("no run was stopped before its end")

    def finish(self, *flags):
        code, out, err = run("convert", "--to=native", *flags, self.source, self.out)
        self.assertEqual((code, err), (0, ""), out)
        self.assertFalse(self.state.exists())
        return out

    def test_stopped_it_goes_on(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            self.stopped_in_the_middle(number)
            out = self.finish()
            self.assertRegex(out, r"^going on after [1-9]\d* rows of the run that was stopped, which are read again")
            self.assertEqual(self.out.read_bytes(), self.whole)
            self.out.unlink()

    def test_killed_it_goes_on(self):
        draw = random.Random(5)
        for _ in range(data_program.kills):
            for _ in range(draw.randint(1, 3)):
                process = self.begin()
                time.sleep(draw.uniform(0, 1.1 * self.took))
                process.kill()
                process.communicate()
            self.finish()
            self.assertEqual(self.out.read_bytes(), self.whole)
            self.assertEqual(sorted(p.name for p in self.folder.iterdir()),
                             ["a.hotrow", "train.bin", "train_fea_count.npz"])
            self.out.unlink()

    def changed_source(self, keeps_time):
        """Another label in the first sample: a file of the same length."""
        times = self.source.stat()
        data = bytearray(self.source.read_bytes())
        data[0] ^= 1
        self.source.unlink()
        self.source.write_bytes(data)
        if keeps_time:
            os.utime(self.source, ns=(times.st_atime_ns, times.st_mtime_ns))
        run("convert", "--to=native", self.source, self.folder / "other.hotrow")
        return (self.folder / "other.hotrow").read_bytes()

    def test_a_folder_of_somebody_stays(self):
        self.state.mkdir()
        (self.state / "notes.txt").write_text("precious")
        code, _, err = run("convert", "--to=native", self.source, self.out)
        self.assertEqual((code, err.count("\n")), (1, 1), err)
        self.assertIn("a.hotrow.convert] is not ours: got a folder with 'notes.txt', expected none", err)
        self.assertEqual((self.state / "notes.txt").read_text(), "precious")

    def test_another_input_begins_anew(self):
        self.stopped_in_the_middle()
        expected = self.changed_source(keeps_time=False)
        out = self.finish()
        self.assertIn("the input or the command is not that of the run that was stopped: beginning anew\n", out)
        self.assertEqual(self.out.read_bytes(), expected)

    def test_another_input_of_the_same_time_is_noticed(self):
        self.stopped_in_the_middle()
        expected = self.changed_source(keeps_time=True)
        code, _, err = run("convert", "--to=native", self.source, self.out)
        self.assertEqual((code, err.count("\n")), (1, 1), err)
        self.assertIn("a.hotrow] the input has changed: got other samples from row 0 on than the run that was stopped",
                      err)
        self.assertFalse(self.state.exists())
        self.finish()
        self.assertEqual(self.out.read_bytes(), expected)

    def test_the_same_in_other_words_goes_on(self):
        self.stopped_in_the_middle()
        code, out, _ = run("convert", "--from=mlperf-bin", "--to=native", os.path.relpath(self.source), self.out)
        self.assertEqual((code, out[:14]), (0, "going on after"))
        self.assertEqual(self.out.read_bytes(), self.whole)

    def test_another_rule_for_bad_lines_goes_on(self):
        self.stopped_in_the_middle()
        self.assertRegex(self.finish("--on-error=skip", "--max-errors=3"), "^going on after")
        self.assertEqual(self.out.read_bytes(), self.whole)

    def test_an_error_says_what_is_kept(self):
        data = bytearray(self.source.read_bytes())
        data[-2] = 1  # an id beyond its table, in the last sample
        self.source.unlink()
        self.source.write_bytes(data)
        code, _, err = run("convert", "--to=native", self.source, self.out)
        self.assertEqual((code, err.count("\n")), (1, 1), err)
        self.assertIn(f"row {ROWS - 1}, column C26: got id", err)
        self.assertTrue(err.endswith(f" (what is whole is kept in {self.state}, where another run goes on)\n"), err)
        self.assertTrue(self.state.exists())

    def in_a_folder(self, name, out):
        """The source becomes a folder of native data, and the output another one."""
        self.source, self.out = self.folder / name, f"{self.folder}/{out}"
        self.source.mkdir()
        os.link(self.made / "whole.hotrow", self.source / "train.hotrow")
        self.file = self.folder / out / "train.hotrow"
        self.state = self.folder / out / "train.hotrow.convert"

    def test_into_the_folder_of_the_input(self):
        self.in_a_folder("set", "set/out/")
        self.stopped_in_the_middle()
        (self.source / "convert.log").write_text("interrupted")
        self.assertRegex(self.finish(), "^going on after")
        self.assertEqual(self.file.read_bytes(), self.whole)

    def test_a_changed_input_whose_name_begins_as_the_output(self):
        self.in_a_folder("clicks.native", "clicks")
        self.stopped_in_the_middle()
        (self.source / "train.hotrow").unlink()
        (self.source / "train.hotrow").write_bytes(self.whole)
        os.utime(self.source / "train.hotrow", ns=(1, 1))
        self.assertIn("is not that of the run that was stopped: beginning anew\n", self.finish())

    def test_a_folder(self):
        self.out = self.folder / "set"
        self.file, self.state = self.out / "train.hotrow", self.out / "train.hotrow.convert"
        self.stopped_in_the_middle()
        self.finish()
        self.assertEqual(self.file.read_bytes(), self.whole)
        self.assertEqual([p.name for p in self.out.iterdir()], ["train.hotrow"])


if __name__ == "__main__":
    data_program.main(__doc__)
