#include <fmt/format.h>

#include <utility>

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
  explicit SparseInputs(Workload& workload) : workload_(&workload) {
    for (const Batch& batch : workload.batches()) {
      std::vector<Narrow>& tables = narrow_.emplace_back();
      for (const SparseFeature& feature : batch.sparse) {
        tables.push_back({{feature.offsets.begin(), feature.offsets.end()},
                          {feature.ids.begin(), feature.ids.end()}});
      }
    }
  }

  std::vector<std::vector<TableLookup<int32_t>>> lookups() const {
    std::vector<std::vector<TableLookup<int32_t>>> all;
    for (const std::vector<Narrow>& tables : narrow_) {
      auto& list = all.emplace_back();
      for (size_t t = 0; t < tables.size(); ++t) {
        list.push_back({table(t).stored(), tables[t].bags()});
      }
    }
    return all;
  }

  std::vector<std::vector<TableUpdate<int32_t>>> updates() const {
    std::vector<std::vector<TableUpdate<int32_t>>> all;
    for (const std::vector<Narrow>& tables : narrow_) {
      auto& list = all.emplace_back();
      for (size_t t = 0; t < tables.size(); ++t) {
        list.push_back(
            {table(t).stored(), table(t).state(), tables[t].bags(), table(t).rounding()});
      }
    }
    return all;
  }

 private:
  struct Narrow {
    std::vector<int32_t> offsets, ids;
    Bags<int32_t> bags() const { return {offsets.data(), ids.data()}; }
  };
  const Table& table(size_t t) const { return *workload_->model().embeddings().tables()[t]; }

  Workload* workload_;
  std::vector<std::vector<Narrow>> narrow_;  // a batch, a table
};

// A model's bags, and memory for their pooled rows side by side.
struct BagRun {
  BagRun(Suite& suite, const WorkloadOptions& options)
      : B(options.config.batch),
        T(std::ssize(options.config.model.table_rows)),
        D(options.config.model.dim),
        workload(use_workload(suite, options)),
        inputs(workload),
        memory(static_cast<size_t>(B * T * D) * sizeof(float)) {}
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
  time_op(state, sum_floor(copy_ids_cost(workload.row_use().ids), suite.machine), [&] {
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
  const auto lookups = run.inputs.lookups();
  const Cost cost = embedding_bag_forward_cost(run.B, run.T, run.D, options.config.model.table_type,
                                               run.workload.row_use());
  size_t next = 0;
  time_op(state, sum_floor(cost, suite.machine), [&] {
    embedding_bag_forward<int32_t>(run.pooled(), lookups[next++ % kBenchBatches], 0, Pooling::kSum,
                                   CpuStream{});
  });
}

void time_update(benchmark::State& state, Suite& suite, const WorkloadOptions& options) {
  const BagRun run(suite, options);
  const auto updates = run.inputs.updates();
  const Matrix dout = run.pooled();
  fill_quickly(dout, 1e-4f);
  const std::vector<int64_t> max_ids(static_cast<size_t>(run.T), run.B * options.config.lookups);
  const Arena scratch(embedding_update_scratch_bytes(max_ids));
  const RowUse& use = run.workload.row_use();
  // No forward pass has just read the rows: they come from where those of all batches are.
  const Cost cost = embedding_update_cost(options.optimizer, run.B, run.T, run.D,
                                          options.config.model.table_type, use, use.cycle);
  const UpdateRule rule = bench_rule(options.optimizer);
  size_t next = 0;
  time_op(state, sum_floor(cost, suite.machine), [&] {
    embedding_update<int32_t>(updates[next++ % kBenchBatches], dout, 0, Pooling::kSum, rule,
                              {scratch.data(), scratch.size()}, CpuStream{});
  });
}

void time_step(benchmark::State& state, Suite& suite, const WorkloadOptions& options) {
  Workload& workload = use_workload(suite, options);
  const double seconds =
      time_op(state, sum_floor(workload.costs(), suite.machine), [&] { workload.run_step(); });
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

// Benchmarks on the same workload stand together, so that it is made once.
void register_training(Suite& suite, const BenchConfig& config, UpdateKind kind, double zipf) {
  const WorkloadOptions options{config, Mode::kTrain, kind, zipf};
  const std::string ids = ids_name(zipf), optimizer = optimizer_name(kind);
  if (kind == UpdateKind::kSgd) {
    add(suite, fmt::format("copy_ids/{}/{}", config.name, ids), options, time_copy_ids);
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
        {config, Mode::kServe, UpdateKind::kSgd, zipf}, time_step);
  }
}

void register_suite(Suite& suite) {
  for (const BenchConfig& named : bench_configs()) {
    BenchConfig config = bench_config(named.name, suite.max_rows);
    config.model.precision = suite.precision;
    config.model.table_type = suite.table_type;
    register_dense_benchmarks(suite, config);
    register_sparse_benchmarks(suite, config);
  }
  register_read_benchmarks(suite);
}

}  // namespace hotrow
