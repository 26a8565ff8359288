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
};

// Keys: engine, config, dtype, mode, optimizer, table_dtype, zipf, batch, threads, ms_per_iter
// (median), ms_min, samples_per_s (at the median), floor_ms, percent_of_floor, bytes, flops,
// machine (the rates behind the floor). A step is feed, forward and in training loss, backward and
// update; batches are made before.
std::string run_single(const SingleRun& run);

// Rates for people and for JSON, in GFLOP/s and GB/s: name and value.
std::vector<std::pair<std::string, double>> describe_rates(const Machine& machine);

}  // namespace hotrow
