#!/usr/bin/env python3
"""Runs dlrm_train from end to end: which data it refuses and in which words, what it prints, how it ends.

  dlrm_train_test.py DLRM_TRAIN

Prints a line for each check that failed and one for each group of checks; exits 1 if any failed.
"""
import gzip
import json
import os
import pty
import random
import re
import select
import signal
import struct
import subprocess
import time
import zipfile

import program
from program import TIMEOUT_S, TSV, WORLD, check, losses, main, path, refused, trains


def criteo_line(rng, label=None):
    dense = [str(rng.randrange(-1, 500)) if rng.random() < 0.8 else "" for _ in range(13)]
    sparse = [f"{rng.randrange(1, 40):08x}" if rng.random() < 0.9 else "" for _ in range(26)]
    return "\t".join([str(rng.randrange(2) if label is None else label), *dense, *sparse])


def write(name, lines, opener=open):
    with opener(path(name), "wt", newline="\n") as f:
        f.write("".join(line + "\n" for line in lines))
    return path(name)


SMALL = ("--arch-sparse-feature-size=2", "--arch-mlp-bot=13-4-2", "--arch-mlp-top=3-1")


def tsv(train, *more):
    return (*TSV, f"--train-file={train}", *SMALL, *more)


# --- data ----------------------------------------------------------------------------------------

def test_files_that_are_none():
    refused(WORLD, "nowhere.tsv", *tsv("nowhere.tsv"))
    refused(WORLD, "empty.tsv", *tsv(write("empty.tsv", [])))
    refused(WORLD, program.folder, *tsv(program.folder))
    good = write("good.tsv", [criteo_line(random.Random(i)) for i in range(50)])
    refused(WORLD, "nowhere.tsv", *tsv(good, "--test-file=nowhere.tsv"))
    with gzip.open(path("full.gz"), "wt") as f:
        f.writelines(criteo_line(random.Random(i)) + "\n" for i in range(3000))
    with open(path("full.gz"), "rb") as f:
        whole = f.read()
    for name, data in (("cut.gz", whole[:len(whole) // 2]), ("tail.gz", whole[:-5]),
                       ("damaged.gz", whole[:5000] + bytes(b ^ 0x5A for b in whole[5000:5050]) + whole[5050:]),
                       ("archive.tsv", b"PK\x03\x04" + bytes(range(256)) * 8), ("zeros.tsv", bytes(5000))):
        with open(path(name), "wb") as f:
            f.write(data)
        for vocabulary in ("--min-frequency=2", "--hash-size=100"):
            refused(WORLD, name, *tsv(path(name), vocabulary))
    with open(path("unreadable.npz"), "wb") as f:
        f.write(b"PK\x03\x04 not an archive")
    refused(WORLD, "unreadable.npz", "--data-generation=dataset", f"--processed-data-file={path('unreadable.npz')}",
            "--arch-mlp-bot=13-4-2")
    refused(WORLD, "none.npz", "--data-generation=dataset", f"--processed-data-file={path('none.npz')}",
            "--arch-mlp-bot=13-4-2")
    refused(WORLD, "none.txt", "--data-generation=dataset", f"--raw-data-file={path('none.txt')}",
            "--arch-mlp-bot=13-4-2")


def test_bad_lines():
    lines = [criteo_line(random.Random(i)) for i in range(20)]

    def broken(name, change):
        fields = lines[11].split("\t")
        change(fields)
        return write(name, lines[:11] + ["\t".join(fields)] + lines[12:])

    def put(index, value):
        def change(fields):
            fields[index] = value
        return change

    first_integer = lines[11].index("\t") + 2  # 1-based column
    cases = [
        ("few.tsv", lambda f: f.pop(), "39"), ("many.tsv", lambda f: f.append("a"), "41"),
        ("label.tsv", put(0, "2"), ":12:1"), ("no_label.tsv", put(0, ""), ":12:1"),
        ("text.tsv", put(1, "abc"), f":12:{first_integer}"), ("real.tsv", put(1, "1.5"), f":12:{first_integer}"),
        ("nan.tsv", put(1, "nan"), f":12:{first_integer}"), ("wide.tsv", put(1, "99999999999"), f":12:{first_integer}"),
        ("hex.tsv", put(20, "xyz"), "xyz"), ("long.tsv", put(20, "123456789"), "123456789"),
    ]
    for name, change, words in cases:
        file = broken(name, change)
        refused(WORLD, (f"{name}:12", words), *tsv(file))
        refused(WORLD, (f"{name}:12", words), *tsv(file, "--hash-size=50"))
        refused(WORLD, (f"{name}:12", words), *tsv(write("ok.tsv", lines), f"--test-file={file}"))
    two = broken("two.tsv", put(20, "1|2"))
    refused(WORLD, "two.tsv:12", *tsv(two, "--max-ids-per-field=1"))
    trains(*tsv(two, "--max-ids-per-field=2"))


def npy(values, descr, shape, pack):
    header = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}".encode()
    header += b" " * (63 - (10 + len(header)) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + struct.pack(f"<{len(values)}{pack}", *values)


def processed(name, rows=60, bad_id=None, counts=None, label=None, dense=None):
    """A .npz as preprocessing of the Kaggle set writes it, of small tables."""
    rng = random.Random(5)
    counts = counts or [4] * 26
    ids = [rng.randrange(4) for _ in range(rows * 26)]
    if bad_id is not None:
        ids[7 * 26 + 3] = bad_id
    labels = [rng.randrange(2) for _ in range(rows)]
    if label is not None:
        labels[9] = label
    integers = [rng.randrange(100) for _ in range(rows * 13)]
    if dense is not None:
        integers[40] = dense
    with zipfile.ZipFile(path(name), "w") as z:
        z.writestr("X_int.npy", npy(integers, "<i4", (rows, 13), "i"))
        z.writestr("X_cat.npy", npy(ids, "<i4", (rows, 26), "i"))
        z.writestr("y.npy", npy(labels, "<i4", (rows,), "i"))
        z.writestr("counts.npy", npy(counts, "<i4", (26,), "i"))
    days = [rows // 7 + (1 if d < rows % 7 else 0) for d in range(7)]
    with zipfile.ZipFile(path(name.split("_processed")[0] + "_day_count.npz"), "w") as z:
        z.writestr("total_per_file.npy", npy(days, "<i8", (7,), "q"))
    return path(name)


def test_ids_beyond_their_table():
    flags = ("--data-generation=dataset", *SMALL, "--mini-batch-size=8")
    good = processed("good_processed.npz")
    trains(*flags, f"--processed-data-file={good}", f"--raw-data-file={path('good')}")
    refused(WORLD, ("_day_count.npz", "--raw-data-file"), *flags, f"--processed-data-file={good}")
    for bad in (4, -1):
        file = processed("beyond_processed.npz", bad_id=bad)
        refused(WORLD, str(bad), *flags, f"--processed-data-file={file}", f"--raw-data-file={path('beyond')}")
    file = processed("label_processed.npz", label=2)
    label = (*flags, f"--processed-data-file={file}", f"--raw-data-file={path('label')}")
    refused(WORLD, "2", *label, "--loss-function=bce")
    trains(*label, "--loss-function=mse")
    refused(WORLD, ("random data", "table 0", "expected 0 to 3"), "--rand-data-dist=gaussian",
            "--rand-data-max=100", "--rand-data-mu=50", "--rand-data-sigma=10", "--data-size=5")


def test_outputs_that_cannot_be_written():
    before = set(os.listdir(program.folder))
    refused(WORLD, "no_such_folder", "--json-log=no_such_folder/log.json")
    refused(WORLD, program.folder, f"--json-log={program.folder}")
    check(set(os.listdir(program.folder)) == before, "a refused run left files behind")
    bad = write("bad_train.txt", [criteo_line(random.Random(i)) for i in range(30)] + ["1\tbroken"])
    before = set(os.listdir(program.folder))
    refused(WORLD, "bad_train.txt:31", "--data-generation=dataset", f"--raw-data-file={bad}", *SMALL)
    left = set(os.listdir(program.folder)) - before
    check(not any("kaggleAd" in f or "count" in f or f.endswith((".partial", "~")) for f in left),
          f"half-written files, or final ones without their data: {left}")
    # What is left of the refused run are whole days: the mended file gives what a fresh folder gives.
    lines = [criteo_line(random.Random(i)) for i in range(29)]
    flags = ("--data-generation=dataset", *SMALL, "--mini-batch-size=4")
    mended = losses(trains(*flags, f"--raw-data-file={write('bad_train.txt', lines)}"))
    os.mkdir(path("fresh"))
    fresh = losses(trains(*flags, f"--raw-data-file={write('fresh/train.txt', lines)}"))
    check(len(fresh) > 0 and mended == fresh, "files of a refused run change the next one")


# --- running -------------------------------------------------------------------------------------

def test_nan_loss():
    refused(WORLD, ("loss at iteration", "expected a finite number"), "--data-size=40", "--mini-batch-size=4",
            "--learning-rate=1e38", "--loss-function=bce")


def test_same_numbers_for_any_threads():
    flags = ("--arch-sparse-feature-size=7", "--arch-embedding-size=1000-30-500", "--arch-mlp-bot=5-33-7",
             "--arch-mlp-top=17-1", "--data-size=2000", "--mini-batch-size=97", "--optimizer=adagrad",
             "--loss-function=bce", "--round-targets=True", "--test-freq=5")
    outputs = [trains(*flags, f"--num-threads={n}") for n in (1, 2, 3)]
    kept = [[line for line in o.splitlines() if "loss" in line or "accuracy" in line] for o in outputs]
    check(len(losses(outputs[0])) == 21, "expected 21 iterations")
    check(kept[0] == kept[1] == kept[2], "losses or metrics differ with the number of threads")
    check(losses(trains(*flags, "--num-threads=1", "--pin-threads")) == losses(outputs[0]), "--pin-threads changes results")
    refused(program.USAGE, ("--pin-threads", "4096"), *flags, "--num-threads=4096", "--pin-threads")
    check(losses(trains(*flags, "--numpy-rand-seed=124")) != losses(outputs[0]), "the seed changes nothing")


def test_bf16():
    flags = ("--arch-sparse-feature-size=7", "--arch-embedding-size=1000-30-500", "--arch-mlp-bot=5-33-7",
             "--arch-mlp-top=17-1", "--data-size=2000", "--mini-batch-size=97", "--loss-function=bce")
    fp32, bf16, threads = (trains(*flags, *more) for more in (
        ("--num-threads=1",), ("--dtype=bf16", "--num-threads=1"), ("--dtype=bf16", "--num-threads=3")))
    check(losses(bf16) == losses(threads), "losses differ with the number of threads")
    check(losses(bf16) != losses(fp32), "--dtype changes nothing")
    for ours, exact in zip(losses(bf16), losses(fp32)):
        check(abs(float(ours[2]) - float(exact[2])) < 0.01, f"bf16 is far from fp32: {ours}, expected {exact}")
    with open("/proc/cpuinfo") as f:
        fast = "avx512_bf16" in f.read()
    check(("no instructions for bf16" in bf16) != fast, f"a CPU {'with' if fast else 'without'} AVX512-BF16 says: {bf16}")
    check("no instructions for bf16" not in fp32, "fp32 needs no instructions for bf16")


def test_table_dtypes():
    """Memory, losses near those of fp32 and the same for any threads, parameters printed as floats."""
    flags = ("--arch-embedding-size=1000-30", "--arch-sparse-feature-size=16", "--arch-mlp-bot=4-16", "--arch-mlp-top=4-1",
             "--data-size=200", "--mini-batch-size=20", "--optimizer=adagrad", "--debug-mode", f"--json-log={path('types.json')}")
    seen, initial = {}, {}
    for dtype, share in (("fp32", 1), ("split-bf16", 1), ("bf16", 2), ("fp16", 2)):
        output = trains(*flags, f"--table-dtype={dtype}")
        seen[dtype] = losses(output)
        initial[dtype] = output[output.index("initial parameters"):output.index("Finished training")]
        check("nan" not in output, f"{dtype}: parameters that are no numbers")
        with open(path("types.json")) as f:
            memory = next(e for e in map(json.loads, f) if e["event"] == "memory")["bytes"]
        check(memory["embedding tables"] == 1030 * 16 * 4 // share, f"{dtype}: {memory}")
        check(losses(trains(*flags, f"--table-dtype={dtype}", "--num-threads=3")) == seen[dtype], f"{dtype}: threads matter")
        far = max(abs(float(a[2]) - float(b[2])) for a, b in zip(seen[dtype], seen["fp32"]))
        check(len(seen[dtype]) == 10 and far < 2e-3, f"{dtype}: losses {far} from those of fp32")
    check(initial["split-bf16"] == initial["fp32"] != initial["bf16"], "wrong initial parameters")
    check(len({str(lines) for lines in seen.values()}) == 4, "two dtypes give the same losses")


def test_accumulated_gradients():
    """Losses of a group are those before its update; random data draw no batch ahead of the last."""
    flags = ("--data-size=34", "--mini-batch-size=5", "--learning-rate=0.3", "--nepochs=2")
    frozen, alone, groups = (losses(trains(*flags, *more)) for more in (
        ("--learning-rate=0",), (), ("--mlperf-grad-accum-iter=3",)))
    check([line[:2] for line in groups] == [line[:2] for line in alone] and len(groups) == 14,
          f"iterations change with the group: {groups}")
    check(groups[:3] == frozen[:3], f"an update inside a group: {groups[:3]}, expected {frozen[:3]}")
    check(alone[0] == frozen[0] and alone[1:3] != frozen[1:3], "the updates of single batches change nothing")
    check(groups[3] != frozen[3], "no update after a group")
    single = losses(trains(*flags, "--mlperf-grad-accum-iter=1000"))
    check(single[:7] == frozen[:7] and single[7:] != frozen[7:], "an epoch is not one update")


def test_plain_lines_in_a_file():
    output = trains("--data-size=50", "--mini-batch-size=5", "--print-freq=5")
    check("\r" not in output and "\x1b" not in output, "control characters in a file")
    lines = output.splitlines()
    check("Using CPU..." in lines, "no 'Using CPU...'")
    check("time/loss/accuracy (if enabled):" in lines, "no header line")
    check([at for at, _, _ in losses(output)] == ["5/10", "10/10"], f"wrong loss lines: {losses(output)}")
    for word in ("total", "summary", "samples/s", "peak memory"):
        check(word in output, f"no {word!r} in the output")


def test_progress_on_a_terminal():
    master, slave = pty.openpty()
    process = subprocess.Popen([program.binary, "--data-size=200000", "--mini-batch-size=10", "--print-freq=100000"],
                               stdout=slave, stderr=slave, cwd=program.folder, env={**os.environ, "TERM": "xterm"})
    os.close(slave)
    seen = b""
    deadline = time.monotonic() + TIMEOUT_S
    while time.monotonic() < deadline:
        if select.select([master], [], [], 0.2)[0]:
            try:
                part = os.read(master, 65536)
            except OSError:  # the other end is closed
                break
            if not part:
                break
            seen += part
        elif process.poll() is not None:
            break
    check(process.wait(TIMEOUT_S) == 0, "a run on a terminal failed")
    os.close(master)
    text = seen.decode()
    check("\r" in text and "ETA" in text, f"no progress line: {text[-500:]!r}")
    check("summary" in text, "no summary")


def interrupt(*flags):
    process = subprocess.Popen([program.binary, *flags], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=program.folder)
    head = ""
    while "Finished training" not in head:  # training has begun
        line = process.stdout.readline()
        if not line:
            break
        head += line
    process.send_signal(signal.SIGINT)
    rest, errors = process.communicate(timeout=TIMEOUT_S)
    return process.returncode, head + rest, errors


def test_interrupt():
    rng = random.Random(3)
    file = write("many.tsv", [criteo_line(rng) for _ in range(2000)])
    for flags in (("--data-size=1000000", "--mini-batch-size=2", "--nepochs=1000", "--print-freq=10"),
                  tsv(file, "--nepochs=100000", "--print-freq=10", f"--test-file={file}")):
        code, output, errors = interrupt(*flags, f"--json-log={path('interrupted.json')}")
        check(code == 130 and errors == "", f"Ctrl-C: exit {code}, stderr {errors!r}, expected 130 and nothing")
        check("summary" in output and "peak memory" in output, f"Ctrl-C: no summary: {output[-500:]}")
        with open(path("interrupted.json")) as f:
            events = [json.loads(line) for line in f]
        check(len(events) > 2, "Ctrl-C: the JSON log lacks events")


def test_interrupt_before_training():
    """While files are preprocessed: with a word, and nothing half-written is left."""
    rng = random.Random(5)
    os.mkdir(path("stopped"))
    file = write("stopped/long.tsv", [criteo_line(rng) for _ in range(1000)] * 150)
    process = subprocess.Popen([program.binary, "--data-generation=dataset", f"--raw-data-file={file}", *SMALL],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=program.folder)
    while "Saved" not in (line := process.stdout.readline()) and line:
        pass
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=TIMEOUT_S)
    check(process.returncode == 130 and errors == "dlrm_train: interrupted before training, no model was trained\n",
          f"Ctrl-C before training: exit {process.returncode}, stderr {errors!r}")
    left = sorted(set(os.listdir(path("stopped"))) - {"long.tsv"})
    check(all(re.fullmatch(r"long_day_\d(_processed)?(\.npz)?", name) for name in left), f"left behind: {left}")


def test_json_log():
    trains("--data-size=20", "--mini-batch-size=5", "--round-targets=True", "--loss-function=bce", "--test-freq=2",
           f"--json-log={path('log.json')}")
    with open(path("log.json")) as f:
        events = [json.loads(line) for line in f]
    text = json.dumps(events)
    for word in ("loss", "accuracy", "mini-batch-size", "samples"):
        check(word in text, f"no {word!r} in the JSON log")


def test_reading_ahead_changes_nothing():
    """What is printed, tests that re-seed the stream included, and where bad data stop a run."""
    rng = random.Random(7)
    lines = [criteo_line(rng) for _ in range(200)]
    file, other = write("ahead.tsv", lines), write("ahead_test.tsv", lines[:90])
    bad = write("ahead_bad.tsv", lines[:150] + ["1\tx"] + lines[150:])
    drawn = ("--data-size=100", "--mini-batch-size=7", "--test-freq=3", "--nepochs=2", "--debug-mode")
    for flags in (drawn, (*drawn, "--mlperf-grad-accum-iter=4"),
                  tsv(file, "--mini-batch-size=16", "--test-freq=5", f"--test-file={other}", "--hash-size=50", "--nepochs=2"),
                  tsv(bad, "--mini-batch-size=16", "--hash-size=50")):
        results = [program.run(*flags, f"--prefetch-batches={n}") for n in (0, 1, 3, 64)]
        said = [re.sub(r"\n  (batches read ahead, at most|total) .*", "", r.stdout.split("\nsummary")[0]) for r in results]
        plain, *ahead = [(r.returncode, text, r.stderr) for r, text in zip(results, said)]
        check("Finished training" in plain[1] and (plain[0] == 0) == (bad not in " ".join(flags)), f"{flags}: {plain}")
        for got in ahead:
            check(got == plain, f"{flags}: reading ahead gave {got}, expected {plain}")


def test_training_on_lines():
    """A signal that one column carries is learned, from plain and from packed files alike."""
    rng = random.Random(11)
    lines = []
    for _ in range(6000):
        fields = criteo_line(rng).split("\t")
        fields[14] = f"{rng.randrange(20):08x}"
        fields[0] = str(int(rng.random() < (0.9 if int(fields[14], 16) % 2 else 0.1)))
        lines.append("\t".join(fields))
    flags = ("--optimizer=adagrad", "--learning-rate=0.05", "--loss-function=bce", "--mini-batch-size=32",
             "--print-freq=1000")
    outputs = []
    for train, test in ((write("a.tsv", lines[:5000]), write("b.tsv", lines[5000:])),
                        (write("a.tsv.gz", lines[:5000], gzip.open), write("b.tsv.gz", lines[5000:], gzip.open))):
        outputs.append(trains(*tsv(train, f"--test-file={test}", "--min-frequency=2", *flags)))
        found = re.search(r"^ AUC ([0-9.]+)", outputs[-1], re.M)
        check(found is not None and float(found.group(1)) > 0.85, f"AUC: {found and found.group(1)}, expected > 0.85")
    check(losses(outputs[0]) == losses(outputs[1]), "plain and packed data differ")
    hashed = trains(*tsv(path("a.tsv"), f"--test-file={path('b.tsv')}", "--hash-size=500", *flags))
    check(hashed.count("Finished training") == 1, f"hashed stream: expected one last line: {hashed}")
    found = re.search(r"^ AUC ([0-9.]+)", hashed, re.M)
    check(found is not None and float(found.group(1)) > 0.85, f"hashed AUC: {found and found.group(1)}")
    only = trains(*tsv(path("a.tsv"), f"--test-file={path('b.tsv')}", "--inference-only"))
    check("Testing for inference only" in only and "Finished training" not in only, "--inference-only")


if __name__ == "__main__":
    main(globals(), __doc__)
