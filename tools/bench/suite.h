// The benchmarks of Google Benchmark: every op on the shapes of every named model, and every named
// model whole, with the floor of each beside its time.
//
//   linear_forward, linear_backward/CONFIG/BxKxN      every layer shape, with ReLU; /no_dx: a
//                                                     first layer, whose input wants no gradient
//   interaction_forward, interaction_backward/CONFIG  dot, or cat where the model has it
//   loss/CONFIG, dense_update/CONFIG/OPTIMIZER
//   copy_ids, embedding_bag_forward/CONFIG/IDS        IDS is uniform or zipf1.05
//   embedding_update/CONFIG/OPTIMIZER/IDS
//   embedding_update_prepare/CONFIG/IDS               on a GPU, where it is a part of the update
//   step/CONFIG/train/OPTIMIZER/IDS, step/CONFIG/inference/IDS
//
//   read/FORMAT, read_shuffled/FORMAT                 a pass over a file of Criteo's columns in the
//                                                     page cache, for each format that is written;
//                                                     each thread as a rank with a loader of its
//                                                     own
//
// On a GPU copy_ids and the readers, which are the host's, are left out, and "an iteration" is one
// call of many in a graph.
//
// Counters of each: bytes, flops, floor_s and percent_of_floor (100: as fast as the floor); steps
// also samples_per_s, and readers samples_per_s and gb_per_s, gigabytes of the file a second.
#pragma once

#include <benchmark/benchmark.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "engine/device.h"
#include "tools/bench/cost.h"
#include "tools/bench/gpu_timer.h"
#include "tools/bench/machine.h"
#include "tools/bench/workload.h"

namespace hotrow {

// What the benchmarks of one run share. Only one workload is kept: the tables of two would not fit
// into the memory of a small machine.
struct Suite {
  Machine machine;
  int64_t max_rows = kAllRows;
  Precision precision = Precision::kFloat32;
  TableType table_type = TableType::kFloat32;
  int64_t batch = -1;        // -1: each model's own
  bool strict_fp32 = false;  // of a GPU
  DeviceStream stream{Device::kCpu};
  std::unique_ptr<Workload> workload = nullptr;
};

// `suite` must outlive the benchmarks' run.
void register_dense_benchmarks(Suite& suite, const BenchConfig& config);
void register_sparse_benchmarks(Suite& suite, const BenchConfig& config);
void register_read_benchmarks(Suite& suite);
void register_suite(Suite& suite);

// "sgd", "adagrad" or "rwsadagrad"; "fp32" or "bf16".
const char* optimizer_name(UpdateKind kind);
const char* precision_name(Precision precision);

// Runs loop() and reports the time of its iterations beside the floor. Returns seconds a call.
template <class Loop>
double time_loop(benchmark::State& state, const Floor& floor, const Loop& loop) {
  using Clock = std::chrono::steady_clock;
  const Clock::time_point start = Clock::now();
  loop();
  const double seconds = std::chrono::duration<double>(Clock::now() - start).count() /
                         static_cast<double>(state.iterations());
  state.counters["bytes"] = floor.bytes;
  state.counters["flops"] = floor.flops;
  state.counters["floor_s"] = floor.seconds;
  state.counters["percent_of_floor"] = 100 * floor.seconds / seconds;
  return seconds;
}

// Times body(), which does all its work before it returns, after one call that does not count.
template <class Body>
double time_calls(benchmark::State& state, const Floor& floor, const Body& body) {
  body();
  return time_loop(state, floor, [&] {
    for ([[maybe_unused]] auto _ : state) body();
  });
}

// Times body(), which queues kernels on the suite's stream.
template <class Body>
double time_op(benchmark::State& state, const Suite& suite, const Floor& floor, const Body& body) {
  if (suite.stream.device() == Device::kCpu) return time_calls(state, floor, body);
  const RepeatedCalls calls(suite.stream, body);
  return time_loop(state, floor, [&] {
    while (state.KeepRunningBatch(RepeatedCalls::kCalls)) calls.seconds();
  });
}

template <class Body>
void register_op(const std::string& name, const Body& body) {
  benchmark::RegisterBenchmark(name.c_str(), body)->UseRealTime()->Unit(benchmark::kMillisecond);
}

}  // namespace hotrow
