#!/usr/bin/env python3
"""dlrm_train on files of the list of formats: --train-data and what goes with it.

  train_data_test.py DLRM_TRAIN MAKE_NATIVE
"""
import json
import os
import re
import shutil
import subprocess
import sys

import native_reader
import program
from program import USAGE, WORLD, check, losses, path, refused, run, trains

MAKER = os.path.abspath(sys.argv.pop(2))
MODEL = ("--arch-sparse-feature-size=8", "--arch-mlp-bot=2-16-8", "--arch-mlp-top=16-1", "--loss-function=bce",
         "--optimizer=adagrad", "--learning-rate=0.05", "--mini-batch-size=64", "--num-threads=1", "--print-freq=100")


def make(kind, name):
    if kind == "mixed" or not os.path.exists(path(name)):
        return subprocess.run([MAKER, kind, path(name)], capture_output=True, text=True, check=True).stdout
    return ""


def clicks():
    make("clicks", "clicks")
    return path("clicks")


def auc(output):
    return float(re.findall(r"auc ([0-9.]+)", output, re.I)[-1])


def test_a_reader_in_python():
    expected = json.loads(make("mixed", "mixed.hotrow"))
    schema, numbers, bags = native_reader.read(path("mixed.hotrow"))
    check([c["name"] for c in schema["categorical"]] == ["tiny", "byte", "two_bytes", "bags", "eight_bytes"], schema)
    check(bags == expected["bags"], "ids read in Python differ")
    found = [[None if x != x else x for x in column] for column in numbers]
    check(found == expected["numbers"], "numbers read in Python differ")
    check(any(x is None for column in found for x in column), "expected missing numbers in the test's data")


def test_trains_on_a_folder():
    output = trains("--train-data=" + clicks(), *MODEL, "--test-freq=100")
    check(f"Reading native data={clicks()}: 20000 rows, 2 dense and 3 categorical columns" in output, output)
    check(f"Reading native data={clicks()}: 4000 rows" in output, "expected the test data in " + output)
    check("it 313/313 of epoch 0" in output, output)
    check(auc(output) > 0.72, output)
    alike = trains("--data-generation=dataset", "--data-format=native", f"--train-data={clicks()}/train.hotrow",
                   f"--test-data={clicks()}/test.hotrow", *MODEL, "--test-freq=100", "--prefetch-batches=0")
    check(losses(alike) == losses(output), "files by name train to other losses than their folder")


def test_order_of_samples():
    def run_of(*flags):
        return losses(trains("--train-data=" + clicks(), *MODEL, "--nepochs=2", *flags))
    plain, shuffled = run_of(), run_of("--shuffle=blocks")
    check(plain != shuffled, "--shuffle=blocks changes nothing")
    check(shuffled == run_of("--shuffle=blocks", "--prefetch-batches=0", "--num-threads=2"),
          "the order depends on threads or on reading ahead")
    check(shuffled != run_of("--shuffle=blocks", "--numpy-rand-seed=5"), "the order does not depend on the seed")
    check(shuffled == run_of("--shuffle=blocks", "--debug-mode"), "--debug-mode changes the order")
    batches = run_of("--shuffle-batch-order")
    check(batches not in (plain, shuffled), "--shuffle-batch-order changes nothing")
    check(batches == run_of("--shuffle_batch_order", "--prefetch-batches=0", "--num-threads=2"),
          "the order of batches depends on threads or on reading ahead")
    check(batches != run_of("--shuffle-batch-order", "--numpy-rand-seed=5"),
          "the order of batches does not depend on the seed")
    dropped = run_of("--drop-last-batch")
    check([i for i, _, _ in dropped][-1] == "312/312", dropped)
    again = run_of("--reuse-batches=3")
    check(len(again) == len(plain) and again != plain, "--reuse-batches=3 trains on other data")


def test_bottom_mlp():
    output = trains("--train-data=" + clicks(), "--arch-sparse-feature-size=2", "--num-batches=3")
    check("it 3/3 of epoch 0" in output, output)
    refused(USAGE, "ERROR: arch-dense-feature-size 2 does not match first dim of bottom mlp 3",
            "--train-data=" + clicks(), "--arch-mlp-bot=3-2", "--num-batches=3")


def test_max_ind_range():
    output = trains("--train-data=" + clicks(), *MODEL, "--max-ind-range=50", "--num-batches=3", "--debug-mode")
    check(re.search(r"^\[ ?50 +50 +7\]$", output, re.M) is not None, "expected tables of 50, 50 and 7 rows: " + output[:2000])


def test_labels_of_a_squared_error():
    """Ratings: any number as a label, which a cross entropy refuses."""
    with open(path("ratings.yaml"), "w") as file:
        file.write("label: {column: 3, type: float}\ncategorical: [{columns: 1, hash: 50}, {columns: 2, hash: 40}]\n")
    with open(path("ratings.csv"), "w") as file:
        file.writelines(f"{i % 37},{i % 23},{1 + i % 5 / 2}\n" for i in range(2000))
    model = ("--arch-sparse-feature-size=4", "--arch-mlp-bot=1-4", "--arch-mlp-top=4-1", "--mini-batch-size=50",
             "--schema-file=" + path("ratings.yaml"), "--num-threads=1")
    tsv = ("--data-set=tsv", "--train-file=" + path("ratings.csv"), "--test-file=" + path("ratings.csv"), *model)
    output = trains(*tsv, "--loss-function=mse", "--test-freq=40")
    check(re.search(r"^ MSE [0-9.]+, RMSE [0-9.]+, mean prediction 0\.\d{4}, mean label 2\.0000, 2,000 samples$", output,
                    re.M) is not None, output)
    first, last = (float(losses(output)[i][2]) for i in (0, -1))
    check(last < first, f"the loss does not fall: {first} to {last}")
    output = run("--train-data=" + path("ratings.csv"), *model, "--loss-function=mse").stdout
    check("Reading text data=" in output, "a file with a schema is not read as text: " + output)
    for loss in ("--loss-function=bce", "--loss-function=wbce"):
        refused(WORLD, "ratings.csv] column column3, row 1: got label 1.5, expected 0 or 1 (--loss-function=mse takes",
                *tsv, loss)


def test_hash_indices():
    flags = ("--train-data=" + clicks(), *MODEL, "--test-freq=100")
    output = trains(*flags, "--hash-indices", "--max-table-size=50", "--debug-mode", "--num-batches=3")
    check(re.search(r"^\[ ?50 +50 +7\]$", output, re.M) is not None, "expected tables of 50, 50 and 7 rows: " + output[:2000])
    hashed = losses(trains(*flags, "--hash-indices", "--max-table-size=50"))
    check(hashed == losses(trains(*flags, "--max-ind-range=50")), "ids modulo 50 by two flags train to other losses")
    for wrong, text in (("--hash-indices", "[--hash-indices] got no --max-table-size"),
                        ("--max-table-size=50", "[--max-table-size] got 50 without --hash-indices")):
        refused(USAGE, text, *flags, wrong)


def test_refused():
    data = "--train-data=" + clicks()
    one = f"--train-data={clicks()}/train.hotrow"
    refused(USAGE, "[--test-data] is missing: got --test-freq without it", one, *MODEL, "--test-freq=10")
    refused(USAGE, "[--test-data] is missing: got --inference-only without it", one, *MODEL, "--inference-only")
    for flag in ("--data-set=kaggle", "--train-file=x", "--raw-data-file=x", "--hash-size=5", "--data-randomize=none",
                 "--on-error=skip", "--mlperf-bin-loader"):
        refused(USAGE, f"[{flag.split('=')[0]}] does not go with --train-data", data, flag)
    for flag in ("--test-data=x", "--data-format=native", "--shuffle=blocks", "--shuffle-batch-order", "--drop-last-batch",
                 "--hash-indices", "--max-table-size=5"):
        refused(USAGE, f"[{flag.split('=')[0]}] does not go with this data: got it without --train-data", flag)
    refused(USAGE, "[--shuffle-batch-order] does not go with --shuffle=blocks: got both, expected one of them", data,
            "--shuffle=blocks", "--shuffle_batch_order")
    refused(USAGE, "[--train-data] does not go with --data-generation", data, "--data-generation=random")
    refused(USAGE, ("--data-format", "auto or native" if len(formats()) == 2 else "native"), data, "--data-format=nativ")
    refused(USAGE, "[--json-log] would overwrite data", one, f"--json-log={clicks()}/train.hotrow")
    make("mixed", "mixed.hotrow")
    refused(USAGE, "[--test-data] has other columns than --train-data: got 6 dense and 5 categorical ones, expected 2 and 3",
            data, "--test-data=" + path("mixed.hotrow"), *MODEL)
    refused(WORLD, "no known format fits: got a file that begins with '#!/usr/bin/env", "--train-data=" + __file__)
    refused(WORLD, "cannot be read: got 'No such file or directory', expected a file or a folder", "--train-data=none")
    refused(USAGE, "[--schema-file] does not go with this data: got native, which tells its columns itself", data,
            "--schema-file=x", *MODEL)
    few = [flag for flag in MODEL if "batch-size" not in flag] + ["--mini-batch-size=20001", "--drop-last-batch"]
    refused(USAGE, "[--drop-last-batch] leaves no batch: got fewer samples than --mini-batch-size=20001", data, *few)
    os.makedirs(path("alone"))
    shutil.copy(path("clicks/train.hotrow"), path("alone"))
    refused(WORLD, "No such file or directory', expected a file (--test-data=PATH names other data to test on)",
            "--train-data=" + path("alone"), *MODEL, "--test-freq=10")
    refused(WORLD, "No such file", "--data-format=native", "--train-data=" + path("none.hotrow"))


def formats():
    return re.search(r"--data-format NAME.*?\((.*?)\)", run("--help").stdout, re.S).group(1).replace(" or ", ", ").split(", ")


def test_damaged_files():
    with open(path("clicks/train.hotrow"), "rb") as file:
        good = file.read()
    flags = ("--data-format=native", "--train-data=" + path("bad.hotrow"), *MODEL)

    def with_bytes(data):
        with open(path("bad.hotrow"), "wb") as file:
            file.write(data)
    with_bytes(good[:len(good) // 2])
    refused(WORLD, "was cut short", *flags)
    with_bytes(good[:70000] + bytes([good[70000] ^ 1]) + good[70001:])
    refused(WORLD, ("block", "is damaged", "do not match their checksum"), *flags)
    with_bytes(good)
    check(len(losses(trains(*flags))) == 4, "a whole file trains")


if __name__ == "__main__":
    program.main(globals(), __doc__)
