"""What the tests of a whole program share: runs, checks, and the loop over a file's tests."""
import os
import re
import shutil
import subprocess
import sys
import tempfile

TIMEOUT_S = 60
USAGE, WORLD = 2, 1  # exit codes: the caller's fault, the world's

binary = ""
folder = ""
failures = 0


def path(name):
    return os.path.join(folder, name)


def run(*flags):
    return subprocess.run([binary, *flags], capture_output=True, text=True, timeout=TIMEOUT_S, cwd=folder)


def check(ok, what):
    global failures
    if not ok:
        failures += 1
        print("FAIL", what, flush=True)


def refused(code, words, *flags):
    """The run ends with `code` and one sentence with all of `words` on stderr."""
    result = run(*flags)
    text = result.stderr
    what = f"{' '.join(flags)}: exit {result.returncode}, stderr {text!r}"
    check(result.returncode == code, f"{what}, expected exit {code}")
    check(text.startswith("dlrm_train: ") and text.endswith("\n") and text.count("\n") == 1,
          f"{what}, expected one line of text")
    for word in words if isinstance(words, tuple) else (words,):
        check(word in text, f"{what}, expected the words {word!r}")


def trains(*flags):
    result = run(*flags)
    check(result.returncode == 0 and result.stderr == "",
          f"{' '.join(flags)}: exit {result.returncode}, stderr {result.stderr!r}, expected a clean run")
    return result.stdout


def losses(output):
    return re.findall(r"^Finished training it (\S+) of epoch (\d+), \S+ ms/it, loss (\S+)", output, re.M)


TSV = ("--data-generation=dataset", "--data-set=tsv")


def main(tests, doc):
    """Calls every test_* of `tests`, a module's globals(), and exits."""
    global binary, folder
    if len(sys.argv) != 2:
        sys.exit(doc)
    binary = os.path.abspath(sys.argv[1])
    folder = os.path.realpath(tempfile.mkdtemp(prefix="dlrm_train_test_"))
    try:
        for name, test in list(tests.items()):
            if not name.startswith("test_"):
                continue
            before = failures
            try:
                test()
            except (subprocess.TimeoutExpired, OSError, ValueError) as e:
                check(False, f"{name}: {e}")
            print("ok  " if failures == before else "FAIL", name, flush=True)
    finally:
        shutil.rmtree(folder)
    sys.exit(1 if failures else 0)
