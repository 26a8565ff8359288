"""What the tests of dlrm_data share: runs of the program, a folder for each test, a disk without room."""
import os
import pathlib
import resource
import signal
import subprocess
import sys
import tempfile
import unittest

kills = 8  # how often a test kills the program; 50 for a thorough test

program = None


def run(*words, **settings):
    """Exit code, standard output, standard error."""
    done = subprocess.run([program, *map(str, words)], capture_output=True, text=True, timeout=120, **settings)
    return done.returncode, done.stdout, done.stderr


def start(*words, **settings):
    """A run that goes on beside the test, whose output is dropped unless the settings say more."""
    settings = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "text": True, **settings}
    return subprocess.Popen([program, *map(str, words)], **settings)


def limit_to(size):
    """Settings of a run: a file that grows beyond `size` bytes has no more room."""
    def apply():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    return {"preexec_fn": apply, "restore_signals": False}


class FolderTest(unittest.TestCase):
    def setUp(self):
        self.keep = tempfile.TemporaryDirectory()
        self.folder = pathlib.Path(self.keep.name)

    def tearDown(self):
        self.keep.cleanup()


class MadeTest(FolderTest):
    """With files that all tests of the class read: make() writes them into cls.made."""
    @classmethod
    def setUpClass(cls):
        cls.kept = tempfile.TemporaryDirectory()
        cls.made = pathlib.Path(cls.kept.name)
        cls.make()

    @classmethod
    def tearDownClass(cls):
        cls.kept.cleanup()


def main(doc):
    """Runs the tests of the file that is called: TEST.py DLRM_DATA [KILLS] [NAMES of tests]."""
    global program, kills
    if len(sys.argv) < 2:
        sys.exit(doc)
    program, words = os.path.abspath(sys.argv[1]), sys.argv[2:]
    if words and words[0].isdigit():
        kills = int(words.pop(0))
    unittest.main(argv=[sys.argv[0], *words])
