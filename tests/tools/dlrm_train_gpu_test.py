#!/usr/bin/env python3
"""dlrm_train --use-gpu as a person runs it.

  dlrm_train_gpu_test.py DLRM_TRAIN        of a machine with a GPU, or built for the host's stand-in

Compares losses and predictions with those of the CPU, which the same program computes.
"""
import json
import re

import program
from program import WORLD, check, losses, main, path, refused, trains

SMALL = ("--arch-embedding-size=100-3-50", "--arch-sparse-feature-size=8", "--arch-mlp-bot=5-16-8", "--arch-mlp-top=9-1",
         "--data-size=150", "--mini-batch-size=20", "--learning-rate=0.1", "--loss-function=bce", "--round-targets=True")
EXACT = ("--use-gpu", "--strict-fp32")


def values(output):
    return [float(loss.rstrip(",")) for _, _, loss in losses(output)]


def near(flags, bound, *of_gpu):
    """Losses of a run on the GPU and on the CPU; bound: how far apart they may be."""
    gpu, cpu = values(trains(*SMALL, *flags, *of_gpu)), values(trains(*SMALL, *flags))
    check(len(gpu) == len(cpu) == 8, f"{flags}: {gpu}, expected 8 losses")
    far = max((abs(a - b) for a, b in zip(gpu, cpu)), default=float("inf"))
    check(far <= bound, f"{flags} {of_gpu}: losses {far} from those of the CPU: {gpu}, {cpu}")


def test_says_where_it_runs():
    lines = trains(*SMALL, *EXACT).splitlines()
    at = lines.index("Using 1 GPU(s)...") if "Using 1 GPU(s)..." in lines else -1
    check(at >= 0 and lines[at + 1].startswith("cuda:0 ("), f"no word of the GPU: {lines[:5]}")
    check("Using CPU..." not in lines, "a run on the GPU says that it uses the CPU")


def test_losses_of_the_cpu():
    for flags in ((), ("--optimizer=adagrad", "--learning-rate=0.01"), ("--optimizer=rwsadagrad",),
                  ("--optimizer=adam", "--learning-rate=0.001"),
                  ("--arch-interaction-op=cat",), ("--arch-interaction-itself",), ("--weighted-pooling=learned",),
                  ("--qr-flag", "--qr-threshold=20"), ("--md-flag", "--md-threshold=20", "--md-round-dims"),
                  ("--mlperf-grad-accum-iter=3",), ("--table-dtype=split-bf16",), ("--table-dtype=bf16",),
                  ("--table-dtype=fp16",)):
        near(flags, 2e-6, *EXACT)
    near((), 1e-3, "--use-gpu")
    near(("--dtype=bf16",), 1e-3, "--use-gpu")


def test_no_limit_on_tables_features_and_columns():
    few = ("--data-size=24", "--mini-batch-size=3", "--num-indices-per-lookup=3")
    hundred = "-".join(str(1 + 7 * t % 29) for t in range(100))
    for sizes in ((f"--arch-embedding-size={hundred}", "--arch-mlp-bot=5-8"),
                  (f"--arch-embedding-size={hundred[:hundred.index('-29-')]}", "--arch-mlp-bot=5-8"),
                  ("--arch-sparse-feature-size=512", "--arch-mlp-bot=5-512"),
                  ("--arch-sparse-feature-size=600", "--arch-mlp-bot=5-600", "--arch-interaction-op=cat")):
        near((*few, *sizes), 1e-5, *EXACT)


def test_same_bits_from_run_to_run():
    flags = (*SMALL, "--use-gpu", "--debug-mode", "--print-precision=9", "--test-freq=3")
    outputs = [trains(*flags, f"--num-threads={n}") for n in (1, 3)]
    kept = [re.sub(r"\S+ ms/it", "", o.split("\nsummary")[0]) for o in outputs]
    kept = [[line for line in o.splitlines() if "num-threads" not in line] for o in kept]
    check(kept[0] == kept[1] and len(kept[0]) > 30, "two runs differ")


def test_inference():
    flags = (*SMALL, "--inference-only")
    gpu, cpu = trains(*flags, *EXACT), trains(*flags)
    found = [re.findall(r"^ accuracy (\S+) %", output, re.M) for output in (gpu, cpu)]
    check("Testing for inference only" in gpu and found[0] == found[1] and len(found[0]) == 1,
          f"inference: {found}")


def test_memory():
    lines = trains(*SMALL, *EXACT, f"--json-log={path('memory.json')}").splitlines()
    rows = [line.split("  ")[1] for line in lines[lines.index("memory by purpose:") + 1:]
            if line.startswith("  ") and line.endswith("B")]
    of_host = rows[rows.index("total on the GPU") + 1:rows.index("total on the host")]
    check(sorted(of_host) == ["batches read ahead, at most", "training: batch and results, pinned"], f"memory: {rows}")
    with open(path("memory.json")) as f:
        memory = next(e for e in map(json.loads, f) if e["event"] == "memory")["bytes"]
    check(memory.get("embedding tables") == 153 * 8 * 4, f"memory of tables: {memory}")
    check(memory.get("training: workspace of matrix products", 0) > 0, f"memory of the workspace: {memory}")
    refused(WORLD, ("[device] out of memory on cuda:0: got ", "for the rows of table emb_l.0.weight"), *EXACT,
            "--arch-embedding-size=2000000000", "--arch-sparse-feature-size=512", "--arch-mlp-bot=4-512")


def test_bad_data():
    """The words of the CPU."""
    flags = ("--rand-data-dist=gaussian", "--rand-data-max=100", "--rand-data-mu=50", "--rand-data-sigma=10",
             "--data-size=5")
    said = [program.run(*flags, *more).stderr for more in ((), EXACT)]
    check(said[0] == said[1] and "expected 0 to 3" in said[0], f"ids beyond a table: {said}")
    flags = ("--data-size=40", "--mini-batch-size=4", "--learning-rate=1e38", "--loss-function=bce")
    refused(WORLD, ("loss at iteration", "expected a finite number"), *flags, *EXACT)


if __name__ == "__main__":
    main(globals(), __doc__)
