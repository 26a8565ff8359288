#include <fmt/format.h>

#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include "engine/device_rows.h"
#include "engine/dispatch.h"
#include "engine/gpu_step.h"
#include "engine/lists.h"
#include "kernels/embedding_bag.h"
#include "kernels/embedding_update.h"
#include "kernels/sparse_route.h"
#include "tools/bench/suite.h"

namespace hotrow {
namespace {

using WorkloadOptions = Workload::Options;

constexpr double kSkew = 1.05;

Workload& use_workload(Suite& suite, const WorkloadOptions& options) {
  if (!suite.workload || !(suite.workload->options() == options)) {
    suite.workload.reset();  // first: there may not be room for both
    suite.workload = std::make_unique<Workload>(options);
  }
  return *suite.workload;
}

// A workload's tables and its batches with narrow ids, as the kernels of a step see them.
class SparseInputs {
 public:
  SparseInputs(const Workload& workload, const DeviceStream& stream) {
    for (const Batch& batch : workload.batches()) add(workload, batch, stream);
    lists_.place(stream.device());
  }

  // Of batch i, counted in a circle.
  std::span<const TableLookup<int32_t>> lookups(size_t i) const {
    return lists_.get<TableLookup<int32_t>>(2 * (i % memory_.size()));
  }
  std::span<const TableUpdate<int32_t>> updates(size_t i) const {
    return lists_.get<TableUpdate<int32_t>>(2 * (i % memory_.size()) + 1);
  }

 private:
  void add(const Workload& workload, const Batch& batch, const DeviceStream& stream) {
    size_t numbers = 0;
    for (const SparseFeature& f : batch.sparse) numbers += f.offsets.size() + f.ids.size();
    const Arena& memory = memory_.emplace_back(numbers * sizeof(int32_t), stream.device());
    std::vector<int32_t> narrow;
    std::vector<TableLookup<int32_t>> lookups;
    std::vector<TableUpdate<int32_t>> updates;
    for (size_t t = 0; t < batch.sparse.size(); ++t) {
      const SparseFeature& f = batch.sparse[t];
      const Table& table = *workload.model().embeddings().tables()[t];
      const int32_t* const offsets = memory.as<int32_t>() + narrow.size();
      const Bags<int32_t> bags{offsets, offsets + f.offsets.size()};
      for (const auto* values : {&f.offsets, &f.ids}) {
        for (int64_t value : *values) narrow.push_back(static_cast<int32_t>(value));
      }
      lookups.push_back({table.stored(), bags});
      updates.push_back({table.stored(), table.state(), bags, table.rounding()});
    }
    driver(stream.device()).copy(memory.data(), narrow.data(), memory.size(), stream.native());
    stream.wait();
    lists_.add(lookups);
    lists_.add(updates);
  }

  std::vector<Arena> memory_;  // a batch: offsets and ids of its tables
  Lists lists_;                // a batch: lookups, updates
};

// A model's bags, and memory for their pooled rows side by side.
struct BagRun {
  BagRun(Suite& suite, const WorkloadOptions& options)
      : B(options.config.batch),
        T(std::ssize(options.config.model.table_rows)),
        D(options.config.model.dim),
        workload(use_workload(suite, options)),
        inputs(workload, suite.stream),
        memory(static_cast<size_t>(B * T * D) * sizeof(float), suite.stream.device()) {}
  Matrix pooled() const { return {memory.as<float>(), {B, T * D}}; }

  int64_t B, T, D;
  Workload& workload;
  SparseInputs inputs;
  Arena memory;
};

void time_copy_ids(benchmark::State& state, Suite& suite, const WorkloadOptions& options) {
  const Workload& workload = use_workload(suite, options);
  const std::vector<int64_t>& rows = options.config.model.table_rows;
  std::vector<int32_t> out(static_cast<size_t>(options.config.batch * options.config.lookups));
  size_t next = 0;
  time_calls(state, sum_floor(copy_ids_cost(workload.row_use().ids), suite.machine), [&] {
    const Batch& batch = workload.batches()[next++ % kBenchBatches];
    for (size_t t = 0; t < rows.size(); ++t) {
      const std::vector<int64_t>& ids = batch.sparse[t].ids;
      benchmark::DoNotOptimize(
          copy_ids(out.data(), ids.data(), std::ssize(ids), rows[t], CpuStream{}));
    }
  });
}

void time_bag_forward(benchmark::State& state, Suite& suite, const WorkloadOptions& options) {
  const BagRun run(suite, options);
  const Cost cost = embedding_bag_forward_cost(run.B, run.T, run.D, options.config.model.table_type,
                                               run.workload.row_use());
  size_t next = 0;
  time_op(state, suite, sum_floor(cost, suite.machine), [&] {
    const auto lookups = run.inputs.lookups(next++);
    dispatch(suite.stream, [&](auto stream) {
      if constexpr (std::is_same_v<decltype(stream), CudaStream>) {
        embedding_bag_forward<int32_t>(run.pooled(), lookups, 0, Pooling::kSum, run.D, stream);
      } else {
        embedding_bag_forward<int32_t>(run.pooled(), lookups, 0, Pooling::kSum, stream);
      }
    });
  });
}

// What the update of a GPU takes beside its operands.
struct GpuUpdate {
  GpuUpdate(Suite& suite, const BagRun& run, const WorkloadOptions& options)
      : sizes{.batch = run.B, .dim = run.D, .max_ids = run.B * run.T * options.config.lookups},
        scratch(embedding_update_scratch_bytes(run.T, with_rows(run, sizes)), Device::kCuda),
        kind(options.optimizer),
        gpu({.workspace_bytes = 0, .strict_fp32 = suite.strict_fp32}) {
    gpu.set_rule(bench_rule(kind), suite.stream);
  }
  static const UpdateSizes& with_rows(const BagRun& run, UpdateSizes& sizes) {
    for (const auto& table : run.workload.model().embeddings().tables())
      sizes.total_rows += table->rows();
    return sizes;
  }
  std::span<std::byte> bytes() const { return {scratch.data(), scratch.size()}; }
  void prepare(std::span<const TableUpdate<int32_t>> tables, CudaStream stream) const {
    embedding_update_prepare<int32_t>(tables, sizes, bytes(), stream);
  }
  void apply(std::span<const TableUpdate<int32_t>> tables, Matrix dout, CudaStream stream) const {
    embedding_update_apply<int32_t>(tables, dout, 0, Pooling::kSum, kind, gpu.constants(), sizes,
                                    bytes(), stream);
  }

  UpdateSizes sizes;
  Arena scratch;
  UpdateKind kind;
  GpuStep gpu;
};

void time_gpu_update(benchmark::State& state, Suite& suite, const WorkloadOptions& options,
                     const BagRun& run, const Floor& floor) {
  const GpuUpdate update(suite, run, options);
  const CudaStream stream{suite.stream.native()};
  size_t next = 0;
  time_op(state, suite, floor, [&] {
    const auto tables = run.inputs.updates(next++);
    update.prepare(tables, stream);
    update.apply(tables, run.pooled(), stream);
  });
}

void time_prepare(benchmark::State& state, Suite& suite, const WorkloadOptions& options) {
  const BagRun run(suite, options);
  const GpuUpdate update(suite, run, options);
  const Cost cost = update_prepare_cost(run.B, run.T, run.workload.row_use());
  size_t next = 0;
  time_op(state, suite, sum_floor(cost, suite.machine),
          [&] { update.prepare(run.inputs.updates(next++), CudaStream{suite.stream.native()}); });
}

void time_update(benchmark::State& state, Suite& suite, const WorkloadOptions& options) {
  const BagRun run(suite, options);
  const Matrix dout = run.pooled();
  write_rows(rows_of(dout), suite.stream,
             [](const TableRows& host, int64_t) { fill_quickly(host, 1e-4f); });
  const RowUse& use = run.workload.row_use();
  // No forward pass has just read the rows: they come from where those of all batches are.
  const Cost cost = embedding_update_cost(options.optimizer, run.B, run.T, run.D,
                                          options.config.model.table_type, use, use.cycle);
  const Floor floor = sum_floor(cost, suite.machine);
  if (options.device == Device::kCuda) return time_gpu_update(state, suite, options, run, floor);
  const std::vector<int64_t> max_ids(static_cast<size_t>(run.T), run.B * options.config.lookups);
  const Arena scratch(embedding_update_scratch_bytes(max_ids));
  const UpdateRule rule = bench_rule(options.optimizer);
  size_t next = 0;
  time_calls(state, floor, [&] {
    embedding_update<int32_t>(run.inputs.updates(next++), dout, 0, Pooling::kSum, rule,
                              {scratch.data(), scratch.size()}, CpuStream{});
  });
}

void time_step(benchmark::State& state, Suite& suite, const WorkloadOptions& options) {
  Workload& workload = use_workload(suite, options);
  // Calls that do not count: a GPU's libraries choose in the first, the second is recorded.
  for (int i = 0; i < 2; ++i) workload.run_step();
  const double seconds = time_loop(state, sum_floor(workload.costs(), suite.machine), [&] {
    for ([[maybe_unused]] auto _ : state) workload.run_step();
    workload.wait();
  });
  state.counters["samples_per_s"] = static_cast<double>(options.config.batch) / seconds;
}

std::string ids_name(double zipf) {
  return zipf == 0 ? std::string("uniform") : fmt::format("zipf{}", zipf);
}

using TimeSparse = void (*)(benchmark::State&, Suite&, const WorkloadOptions&);

void add(Suite& suite, const std::string& name, const WorkloadOptions& options, TimeSparse time) {
  register_op(name,
              [&suite, options, time](benchmark::State& state) { time(state, suite, options); });
}

WorkloadOptions workload_options(const Suite& suite, const BenchConfig& config, Mode mode,
                                 UpdateKind kind, double zipf) {
  return {config, mode, kind, zipf, suite.stream.device(), suite.strict_fp32};
}

// Benchmarks on the same workload stand together, so that it is made once.
void register_training(Suite& suite, const BenchConfig& config, UpdateKind kind, double zipf) {
  const WorkloadOptions options = workload_options(suite, config, Mode::kTrain, kind, zipf);
  const bool gpu = options.device == Device::kCuda;
  const std::string ids = ids_name(zipf), optimizer = optimizer_name(kind);
  if (kind == UpdateKind::kSgd) {
    add(suite,
        fmt::format("{}/{}/{}", gpu ? "embedding_update_prepare" : "copy_ids", config.name, ids),
        options, gpu ? time_prepare : time_copy_ids);
    add(suite, fmt::format("embedding_bag_forward/{}/{}", config.name, ids), options,
        time_bag_forward);
  }
  add(suite, fmt::format("embedding_update/{}/{}/{}", config.name, optimizer, ids), options,
      time_update);
  add(suite, fmt::format("step/{}/train/{}/{}", config.name, optimizer, ids), options, time_step);
}

}  // namespace

const char* optimizer_name(UpdateKind kind) {
  switch (kind) {
    case UpdateKind::kSgd:
      return "sgd";
    case UpdateKind::kAdagrad:
      return "adagrad";
    case UpdateKind::kRowwiseAdagrad:
      return "rwsadagrad";
    case UpdateKind::kAdam:
      return "adam";
  }
  return "";
}

const char* precision_name(Precision precision) {
  return precision == Precision::kBfloat16 ? "bf16" : "fp32";
}

void register_sparse_benchmarks(Suite& suite, const BenchConfig& config) {
  for (double zipf : {0.0, kSkew}) {
    for (UpdateKind kind : {UpdateKind::kSgd, UpdateKind::kAdagrad, UpdateKind::kRowwiseAdagrad}) {
      register_training(suite, config, kind, zipf);
    }
    add(suite, fmt::format("step/{}/inference/{}", config.name, ids_name(zipf)),
        workload_options(suite, config, Mode::kServe, UpdateKind::kSgd, zipf), time_step);
  }
}

void register_suite(Suite& suite) {
  const bool gpu = suite.stream.device() == Device::kCuda;
  for (const BenchConfig& named : bench_configs()) {
    if (named.needs_gpu && !gpu) continue;
    BenchConfig config = bench_config(named.name, suite.max_rows);
    config.model.precision = suite.precision;
    config.model.table_type = suite.table_type;
    if (suite.batch > 0) config.batch = suite.batch;
    register_dense_benchmarks(suite, config);
    register_sparse_benchmarks(suite, config);
  }
  if (!gpu) register_read_benchmarks(suite);
}

}  // namespace hotrow
