#include "tools/bench/single_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <nlohmann/json.hpp>

#include "kernels/core/parallel.h"
#include "kernels/core/table_rows.h"
#include "model/quantile.h"
#include "tools/bench/cost.h"
#include "tools/bench/onednn_gemm.h"
#include "tools/bench/suite.h"

namespace hotrow {
namespace {

using Clock = std::chrono::steady_clock;

// Milliseconds of each counted step.
std::vector<double> time_steps(Workload& workload, int warmup, int iters) {
  std::vector<double> ms;
  for (int i = 0; i < warmup + iters; ++i) {
    const Clock::time_point start = Clock::now();
    workload.run_step();
    const std::chrono::duration<double, std::milli> time = Clock::now() - start;
    if (i >= warmup) ms.push_back(time.count());
  }
  workload.wait();
  return ms;
}

double rounded(double value, int digits) {
  const double scale = std::pow(10.0, digits);
  return std::round(value * scale) / scale;
}

}  // namespace

std::vector<std::pair<std::string, double>> describe_rates(const Machine& machine) {
  const MemoryRates& memory = machine.memory.back();
  if (machine.device == Device::kCuda) {
    return {{"gemm_gflop_s", machine.gemm / 1e9},
            {"gemm_bf16_gflop_s", machine.gemm_bf16 / 1e9},
            {"copy_gb_s", memory.copy / 1e9},
            {"copy_in_cache_gb_s", machine.memory.front().copy / 1e9}};
  }
  std::vector<std::pair<std::string, double>> rates{{"gemm_gflop_s", machine.gemm / 1e9},
                                                    {"read_gb_s", memory.read / 1e9},
                                                    {"copy_gb_s", memory.copy / 1e9}};
  if (machine.gemm_bf16 > 0) rates.emplace_back("gemm_bf16_gflop_s", machine.gemm_bf16 / 1e9);
  for (size_t i = 0; i < kRowBytes.size(); ++i) {
    rates.emplace_back(fmt::format("rows_{}b_read_gb_s", kRowBytes[i]), memory.row_read[i] / 1e9);
    rates.emplace_back(fmt::format("rows_{}b_update_gb_s", kRowBytes[i]),
                       memory.row_update[i] / 1e9);
  }
  if (machine.threads > 1) rates.emplace_back("line_round_trip_ns", machine.line_round_trip * 1e9);
  return rates;
}

Machine measure_for(Device device, Precision precision, const GpuProbe& probe) {
  return device == Device::kCpu ? measure_machine(precision) : measure_gpu(precision, probe);
}

const char* arithmetic_name(Precision precision, Device device, bool strict_fp32) {
  const bool tf32 = precision == Precision::kFloat32 && device == Device::kCuda && !strict_fp32;
  return tf32 ? "tf32" : precision_name(precision);
}

std::string run_single(const SingleRun& run) {
  const Workload::Options& options = run.workload;
  const Machine machine = measure_for(options.device, options.config.model.precision,
                                      {.strict_fp32 = options.strict_fp32, .side = run.probe_side});
  Workload workload(options);
  std::vector<double> times = time_steps(workload, run.warmup, run.iters);
  std::sort(times.begin(), times.end());
  const Floor floor = sum_floor(workload.costs(), machine);
  const double ms = quantile(times, 0.5);
  nlohmann::ordered_json line;
  line["engine"] = "hotrow " HOTROW_VERSION;
  line["config"] = options.config.name;
  if (options.device == Device::kCuda) line["device"] = driver(options.device).name();
  line["dtype"] =
      arithmetic_name(options.config.model.precision, options.device, options.strict_fp32);
  line["mode"] = options.mode == Mode::kTrain ? "train" : "inference";
  line["optimizer"] = optimizer_name(options.optimizer);
  line["table_dtype"] = table_type_name(options.config.model.table_type);
  line["zipf"] = options.zipf;
  line["batch"] = options.config.batch;
  line["threads"] = num_threads();
  line["ms_per_iter"] = rounded(ms, 4);
  line["ms_min"] = rounded(times.front(), 4);
  line["ms_p99"] = rounded(quantile(times, 0.99), 4);
  line["samples_per_s"] = std::llround(static_cast<double>(options.config.batch) / ms * 1e3);
  line["floor_ms"] = rounded(1e3 * floor.seconds, 4);
  line["percent_of_floor"] = rounded(1e5 * floor.seconds / ms, 1);
  line["bytes"] = std::llround(floor.bytes);
  line["flops"] = std::llround(floor.flops);
  if (options.device == Device::kCpu) line["floor_of"] = onednn_version();
  for (const auto& [name, rate] : describe_rates(machine)) line["machine"][name] = rounded(rate, 1);
  return line.dump();
}

}  // namespace hotrow
