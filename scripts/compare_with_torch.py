#!/usr/bin/env python3
"""Time dlrm_bench and a PyTorch script alternately on this machine, and write what came out.

  compare_with_torch.py --bench build/release/tools/dlrm_bench --peer peer_torch.py --python venv/bin/python \
      [--gpu --max-rows N] [--only 'kaggle .*train' --out DIR] [--rounds 5] [--length 1.0]

Both programs take --config, --mode, --optimizer, --zipf, --iters, --warmup and --threads and print one JSON line with ms_per_iter,
the median over the iterations; for bf16, dlrm_bench takes --dtype=bf16 and the peer --bf16. The peer comes in up to three kinds: plain PyTorch, torch.compile, and FBGEMM's table-batched
embedding; the fastest kind of a round is the opponent. A round runs ours, then every kind. A kind that was more than a quarter
slower than the fastest in the first round is not run again. A case's ratio is the median of the rounds' ratios, with the smallest
and the largest beside it. "line ns" is what a cache line takes from one of our threads to the other and back, measured in each run of
ours: where it is some times longer in one row than in another, the threads shared no cache there. Writes DIR/cpu.json, every run as it was printed, and DIR/cpu.md, the table.

With --gpu both run on the first GPU: MLPerf's model ("mlperf"; the peer's A) and "bench" (B) in TF32 and fp32, and in mixed
precision where dlrm_bench knows it. The peer takes --config, --mode, --precision, --batch, --max-rows, --iters, --warmup, and
--compile or --graph. Writes DIR/gpu_torch.json and DIR/gpu_torch.md.
"""
import argparse
import json
import os
import platform
import re
import statistics
import subprocess
import sys
from collections import namedtuple

Case = namedtuple("Case", "config zipf mode optimizer dtype batch", defaults=["fp32", None])
KINDS = {"torch": [], "compile": ["--compile"], "fbgemm": ["--embedding=fbgemm"]}
# Steps that count in one run, about two seconds of the slower program.
ITERS = {"kaggle": 200, "kaggle-2k": 25, "bench": 5, "terabyte": 8, "multihot": 8, "gaudi-cat": 3}
CASES = [Case(config, zipf, mode, "sgd")
         for config, zipf in [("kaggle", 0), ("kaggle-2k", 0), ("bench", 0), ("bench", 1.05), ("terabyte", 0),
                              ("multihot", 0), ("gaudi-cat", 0)] for mode in ("train", "inference")]
CASES += [Case(config, 0, "train", optimizer) for optimizer in ("adagrad", "rwsadagrad") for config in ("kaggle", "bench")]
CASES.append(Case("kaggle", 0, "inference-of-one", "sgd"))
CASES += [Case(config, 0, "train", "sgd", "bf16") for config in ("kaggle-2k", "terabyte")]
PEER_CONFIGS = {"mlperf": "A", "bench": "B"}
GPU_CASES = [Case(config, 0, mode, "sgd", dtype, batch)
             for config, batches in [("mlperf", (65536, 2048)), ("bench", (2048,))] for batch in batches
             for mode, dtypes in [("train", ("tf32", "fp32", "amp")), ("inference", ("tf32", "amp"))] for dtype in dtypes]
GPU_WORDS = {"tf32": [], "fp32": ["--strict-fp32"], "amp": ["--amp"]}
SLOWER = 1.25


def name(case):
    batch = f" {case.batch}" if case.batch else ""
    return f"{case.config}{batch}{f' zipf {case.zipf}' if case.zipf else ''} {case.mode} {case.optimizer}{'' if case.dtype == 'fp32' else ' ' + case.dtype}"


def kinds_of(case, gpu):
    if gpu:  # a graph cannot hold sparse gradients
        return {"torch": [], "compile": ["--compile"], **({"graph": ["--graph"]} if case.mode == "inference" else {})}
    return {kind: KINDS[kind] for kind in cpu_kinds_of(case)}


def cpu_kinds_of(case):
    if case.mode != "train":
        return ["torch", "compile"]  # FBGEMM's lookup has no CPU kernel under inference_mode
    # FBGEMM alone knows row-wise Adagrad; elementwise Adagrad is compared with PyTorch's own.
    return {"adagrad": ["torch"], "rwsadagrad": ["fbgemm"]}.get(case.optimizer, list(KINDS))


def gpu_args(case, a, ours):
    own = ["--use-gpu", "--probe-side=4096", f"--config={case.config}", *GPU_WORDS[case.dtype]] if ours else \
          [f"--config={PEER_CONFIGS[case.config]}", f"--precision={case.dtype}"]
    return [*own, f"--mode={case.mode}", f"--batch={case.batch}", f"--max-rows={a.max_rows}",
            f"--iters={max(3, round(50 * a.length))}", "--warmup=10"]


def cpu_args(case, a, bf16):
    iters = max(3, round(ITERS[case.config] * a.length * (4 if case.mode != "train" else 1)))
    args = [f"--config={case.config}", f"--mode={case.mode.removesuffix('-of-one')}", f"--optimizer={case.optimizer}",
            f"--zipf={case.zipf}", f"--iters={iters}", f"--warmup={max(2, iters // 10)}", f"--threads={a.threads}"]
    if case.mode.endswith("-of-one"):
        args.append("--batch=1")
    if case.dtype == "bf16":
        args.append(bf16)
    return args


def run(command, case, a, ours):
    args = [*command, *(gpu_args(case, a, ours) if a.gpu else cpu_args(case, a, "--dtype=bf16" if ours else "--bf16"))]
    done = subprocess.run(args, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"compare_with_torch: {' '.join(args)} failed: {done.stderr.strip()[-300:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def line_ns(this):
    return this["ours"]["machine"].get("line_round_trip_ns", 0)  # none with one thread


def compare(case, a):
    rounds, options = [], kinds_of(case, a.gpu)
    kinds = list(options)
    for r in range(a.rounds):
        this = {"ours": run([a.bench], case, a, True)}
        for kind in kinds:
            this[kind] = run([a.python, a.peer, *options[kind]], case, a, False)
        rounds.append(this)
        print(f"{name(case)} round {r + 1}: " + ", ".join(f"{k} {v['ms_per_iter']:.3f}" for k, v in this.items()) +
              f" ms; line {line_ns(this):.0f} ns", flush=True)
        best = min(this[kind]["ms_per_iter"] for kind in kinds)
        kinds = [kind for kind in kinds if r > 0 or this[kind]["ms_per_iter"] <= SLOWER * best]
    fastest = [min((k for k in r if k != "ours"), key=lambda k: r[k]["ms_per_iter"]) for r in rounds]
    peers = [r[k]["ms_per_iter"] for r, k in zip(rounds, fastest)]
    ratios = [p / r["ours"]["ms_per_iter"] for p, r in zip(peers, rounds)]
    ours = sorted((r["ours"] for r in rounds), key=lambda x: x["ms_per_iter"])[len(rounds) // 2]
    return {**case._asdict(), "rounds": rounds, "ours_ms": ours["ms_per_iter"], "percent_of_floor": ours["percent_of_floor"],
            "peer_ms": statistics.median(peers), "peer": statistics.mode(fastest),
            "ratio": statistics.median(ratios), "ratio_min": min(ratios), "ratio_max": max(ratios)}


def machine_of(a, results):
    info = open("/proc/cpuinfo").read()
    model = re.search(r"model name\s*:\s*(.*)", info)
    flags = re.search(r"flags\s*:\s*(.*)", info)
    sets = set(flags.group(1).split()) if flags else set()
    first = results[0]["rounds"][0]
    return {"cpu": model.group(1) if model else platform.processor(), "gpu": first["ours"].get("device"), "threads": a.threads, "system": platform.platform(),
            "instruction_sets": [f for f in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if f in sets],
            "ours": first["ours"]["engine"], "peer": next(v["peer"] for k, v in first.items() if k != "ours")}


def table(results, machine, command):
    place, file, third, rate = (("a GPU", "gpu_torch.json", "a CUDA graph", "that of a large product") if machine["gpu"] else
                                ("the CPU", "cpu.json", "FBGEMM", "the better of oneDNN's rate and ours"))
    lines = [f"# Steps on {place} beside PyTorch", "",
             f"Machine: {machine['gpu'] + ', ' if machine['gpu'] else ''}{machine['cpu']}, {machine['threads']} threads, {', '.join(machine['instruction_sets'])}. "
             f"Ours: {machine['ours']}; peer: {machine['peer']}.", "",
             f"Command: `{command}`; every run: [{file}]({file}).", "",
             "Milliseconds a step are medians of the rounds, run alternately; the peer is the fastest of plain PyTorch, torch.compile "
             f"and {third} in each round. Ours includes copying and checking the batch. The floor is what `dlrm_bench` measures "
             f"at its start: the flops at {rate}, the bytes at the memory's.", "",
             "| configuration | mode | optimizer | ours ms | of the floor | peer ms | fastest peer | peer / ours | smallest .. largest | line ns |",
             "|---|---|---|---|---|---|---|---|---|---|"]
    for r in results:
        config = r["config"] + (f", {r['batch']}" if r["batch"] else "") + (f", Zipf {r['zipf']}" if r["zipf"] else "")
        lines.append(f"| {config} | {r['mode']}{'' if r['dtype'] == 'fp32' else ', ' + r['dtype']} | {r['optimizer']} | {r['ours_ms']:.3g} | {r['percent_of_floor']:.0f} % | "
                     f"{r['peer_ms']:.3g} | {r['peer']} | {r['ratio']:.2f} | {r['ratio_min']:.2f} .. {r['ratio_max']:.2f} | "
                     f"{min(map(line_ns, r['rounds'])):.0f} .. {max(map(line_ns, r['rounds'])):.0f} |")
    return "\n".join(lines) + "\n"


def gpu_cases(bench):
    amp = "--amp" in subprocess.run([bench, "--help"], capture_output=True, text=True, check=True).stdout
    return [case for case in GPU_CASES if amp or case.dtype != "amp"]


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--bench", default="build/release/tools/dlrm_bench")
    p.add_argument("--peer", required=True, help="the PyTorch script")
    p.add_argument("--python", default=sys.executable, help="a Python that has torch and fbgemm_gpu")
    p.add_argument("--gpu", action="store_true", help="both on the first GPU")
    p.add_argument("--max-rows", type=int, default=40_000_000, help="of a table, with --gpu: what fits into its memory")
    p.add_argument("--only", default="", help="a regular expression that the cases to run match: 'kaggle-2k train sgd'")
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--length", type=float, default=1.0, help="scales the steps of a run")
    p.add_argument("--threads", type=int, default=os.cpu_count())
    p.add_argument("--out", help="a folder; default: docs/benchmarks, with --only there is none")
    a = p.parse_args()
    if a.out is None:
        if a.only:
            p.error("--only needs --out: got none, expected a folder for a part of the table")
        a.out = "docs/benchmarks"
    for program in (a.bench, a.peer):
        if not os.path.isfile(program):
            p.error(f"no file {program}, expected a program to time")
    try:
        cases = [c for c in (gpu_cases(a.bench) if a.gpu else CASES) if re.search(a.only, name(c))]
    except re.error as e:
        p.error(f"--only is no regular expression: got '{a.only}' ({e})")
    if not cases or a.rounds < 1:
        p.error(f"nothing to run: got --only={a.only} --rounds={a.rounds}, expected one of: {', '.join(map(name, CASES))}")
    gpu = f"--gpu --max-rows={a.max_rows} " if a.gpu else ""
    command = (f"scripts/compare_with_torch.py {gpu}--peer={os.path.basename(a.peer)} --only='{a.only}' --rounds={a.rounds} "
               f"--length={a.length} --threads={a.threads}")
    os.makedirs(a.out, exist_ok=True)
    results, file = [], "gpu_torch" if a.gpu else "cpu"
    for case in cases:  # each is written when it is done: a run takes an hour
        results.append(compare(case, a))
        machine = machine_of(a, results)
        with open(os.path.join(a.out, f"{file}.json"), "w") as f:
            json.dump({"command": command, "machine": machine, "results": results}, f, indent=1)
        with open(os.path.join(a.out, f"{file}.md"), "w") as f:
            f.write(table(results, machine, command))
    print(f"wrote {a.out}/{file}.json and {a.out}/{file}.md")


if __name__ == "__main__":
    main()
