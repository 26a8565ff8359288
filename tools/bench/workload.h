// One named model with memory, batches and a step: what a whole-model benchmark runs again and
// again.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/core/table_rows.h"
#include "kernels/core/view.h"
#include "model/dlrm.h"
#include "model/dlrm_step.h"
#include "tools/bench/batches.h"
#include "tools/bench/configs.h"
#include "tools/bench/cost.h"

namespace hotrow {

// Uniform in [-limit, limit), every element from its own index: in parallel and at the speed of
// memory, where NumPy's stream would take minutes for a large table. Touches every page.
void fill_quickly(const TableRows& rows, float limit);
inline void fill_quickly(Matrix m, float limit) { fill_quickly(TableRows{m.data, m.dims}, limit); }

// The optimizer of that kind with the learning rate of the benchmarks: 0.1 SGD, 0.01 the others.
UpdateRule bench_rule(UpdateKind kind);

class Workload {
 public:
  struct Options {
    BenchConfig config;
    Mode mode = Mode::kTrain;
    UpdateKind optimizer = UpdateKind::kSgd;
    double zipf = 0;  // exponent of the ids; 0: uniform
    Device device = Device::kCpu;
    bool strict_fp32 = false;  // StepOptions::strict_fp32
    bool operator==(const Options& other) const;
  };

  explicit Workload(Options options);

  // Feeds the next batch (copy and checks), then runs forward, reads the result as training and
  // testing do, and in training runs backward with all updates. On a GPU those are queued.
  void run_step();
  void wait() const { step_.wait(); }

  const Options& options() const { return options_; }
  const std::vector<Batch>& batches() const { return batches_; }
  const RowUse& row_use() const { return row_use_; }
  std::vector<OpCost> costs() const;
  const Dlrm& model() const { return model_; }

 private:
  Options options_;
  std::vector<Batch> batches_;
  RowUse row_use_;
  Dlrm model_;
  DlrmStep step_;
  UpdateRule rule_;
  size_t next_ = 0;
};

}  // namespace hotrow
