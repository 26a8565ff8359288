"""Runs a script of scripts/ on a folder that a test makes up."""
import os
import subprocess
import sys
import tempfile

SCRIPTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "scripts")


def run(script, tree):
    """`script` with a folder of the files of `tree` (path -> text); its outcome, as subprocess has it."""
    with tempfile.TemporaryDirectory() as root:
        for path, text in tree.items():
            os.makedirs(os.path.dirname(os.path.join(root, path)), exist_ok=True)
            with open(os.path.join(root, path), "w", encoding="utf-8") as f:
                f.write(text)
        return subprocess.run([sys.executable, os.path.join(SCRIPTS, script), root], capture_output=True, text=True,
                              check=False)
