// One named model, timed step by step: one line of JSON that stands beside the line of another
// framework for the same model.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "tools/bench/machine.h"
#include "tools/bench/workload.h"

namespace hotrow {

struct SingleRun {
  Workload::Options workload;
  int iters = 30, warmup = 5;
  int64_t probe_side = GpuProbe{}.side;  // of a GPU
};

// Keys: engine, config, dtype, mode, optimizer, table_dtype, zipf, batch, threads, ms_per_iter
// (median), ms_min, samples_per_s (at the median), floor_ms, percent_of_floor, bytes, flops,
// machine (the rates behind the floor); on a GPU device, and tf32 among the names of dtype. A step
// is feed, forward and in training loss, backward and update; batches are made before. On a GPU the
// backward pass of one runs beside the feed of the next, and its time is from a result to the next.
std::string run_single(const SingleRun& run);

// What the device can do; `probe` is for a GPU.
Machine measure_for(Device device, Precision precision, const GpuProbe& probe);

// What fp32 or bf16 factors of products are multiplied in: "fp32", "bf16", on a GPU also "tf32".
const char* arithmetic_name(Precision precision, Device device, bool strict_fp32);

// Rates for people and for JSON, in GFLOP/s and GB/s: name and value.
std::vector<std::pair<std::string, double>> describe_rates(const Machine& machine);

}  // namespace hotrow
