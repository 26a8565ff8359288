#!/usr/bin/env python3
"""Time dlrm_bench and a PyTorch script alternately on this machine, and write what came out.

  compare_with_torch.py --bench build/release/tools/dlrm_bench --peer peer_torch.py --python venv/bin/python \
      [--configs kaggle,bench] [--modes train,inference] [--optimizers sgd] [--rounds 5] [--iters 20] [--out DIR]

Both programs take --config, --mode, --optimizer, --iters, --warmup and --threads and print one JSON line with ms_per_iter, the
median over the iterations. A round runs ours, then the peer; a configuration's ratio is the median of the rounds' ratios, with
the smallest and the largest beside it. Writes DIR/cpu.json, every run as it was printed, and DIR/cpu.md, the table.
"""
import argparse
import json
import os
import platform
import statistics
import subprocess
import sys


def run(command, config, mode, optimizer, a):
    args = [*command, f"--config={config}", f"--mode={mode}", f"--optimizer={optimizer}", f"--iters={a.iters}",
            f"--warmup={a.warmup}", f"--threads={a.threads}"]
    done = subprocess.run(args, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"compare_with_torch: {' '.join(args)} failed: {done.stderr.strip()[-300:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def cpu_model():
    for line in open("/proc/cpuinfo"):
        if line.startswith("model name"):
            return line.split(":")[1].strip()
    return platform.processor()


def instruction_sets():
    flags = next((l for l in open("/proc/cpuinfo") if l.startswith("flags")), "").split()
    return [f for f in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if f in flags]


def compare(config, mode, optimizer, a):
    rounds = []
    for r in range(a.rounds):
        ours = run([a.bench], config, mode, optimizer, a)
        peer = run([a.python, a.peer], config, mode, optimizer, a)
        rounds.append({"ours": ours, "peer": peer})
        print(f"{config} {mode} {optimizer} round {r + 1}: ours {ours['ms_per_iter']:.3f} ms, "
              f"peer {peer['ms_per_iter']:.3f} ms", flush=True)
    ratios = [r["peer"]["ms_per_iter"] / r["ours"]["ms_per_iter"] for r in rounds]
    return {"config": config, "mode": mode, "optimizer": optimizer, "rounds": rounds,
            "ours_ms": statistics.median(r["ours"]["ms_per_iter"] for r in rounds),
            "peer_ms": statistics.median(r["peer"]["ms_per_iter"] for r in rounds),
            "ratio": statistics.median(ratios), "ratio_min": min(ratios), "ratio_max": max(ratios)}


def table(results, machine, command):
    lines = ["# Steps on the CPU beside PyTorch", "",
             f"Machine: {machine['cpu']}, {machine['threads']} threads, {', '.join(machine['instruction_sets'])}; "
             f"peer: {results[0]['rounds'][0]['peer']['peer']}.", "",
             f"Command: `{command}`; every run: [cpu.json](cpu.json).", "",
             "Milliseconds a step are medians of the rounds, run alternately. Ours includes copying and checking the batch.", "",
             "| configuration | mode | optimizer | ours ms | peer ms | peer / ours | smallest .. largest |",
             "|---|---|---|---|---|---|---|"]
    for r in results:
        lines.append(f"| {r['config']} | {r['mode']} | {r['optimizer']} | {r['ours_ms']:.2f} | {r['peer_ms']:.2f} | "
                     f"{r['ratio']:.2f} | {r['ratio_min']:.2f} .. {r['ratio_max']:.2f} |")
    return "\n".join(lines) + "\n"


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--bench", default="build/release/tools/dlrm_bench")
    p.add_argument("--peer", required=True, help="the PyTorch script")
    p.add_argument("--python", default=sys.executable, help="a Python that has torch")
    p.add_argument("--configs", default="kaggle,kaggle-2k,terabyte,bench,multihot,gaudi-cat")
    p.add_argument("--modes", default="train,inference")
    p.add_argument("--optimizers", default="sgd")
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--iters", type=int, default=20)
    p.add_argument("--warmup", type=int, default=3)
    p.add_argument("--threads", type=int, default=os.cpu_count())
    p.add_argument("--out", default="docs/benchmarks")
    a = p.parse_args()
    results = [compare(c, m, o, a) for c in a.configs.split(",") for m in a.modes.split(",")
               for o in a.optimizers.split(",") if m == "train" or o == a.optimizers.split(",")[0]]
    machine = {"cpu": cpu_model(), "threads": a.threads, "instruction_sets": instruction_sets(),
               "system": platform.platform()}
    command = " ".join(["scripts/compare_with_torch.py", f"--configs={a.configs}", f"--modes={a.modes}",
                        f"--optimizers={a.optimizers}", f"--rounds={a.rounds}", f"--iters={a.iters}"])
    os.makedirs(a.out, exist_ok=True)
    with open(os.path.join(a.out, "cpu.json"), "w") as f:
        json.dump({"command": command, "machine": machine, "results": results}, f, indent=1)
    with open(os.path.join(a.out, "cpu.md"), "w") as f:
        f.write(table(results, machine, command))
    print(f"wrote {a.out}/cpu.json and {a.out}/cpu.md")


if __name__ == "__main__":
    main()
