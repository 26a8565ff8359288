// How long a model takes for a batch, and how many samples a second it predicts.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <span>
#include <vector>

#include "data/reader.h"
#include "model/dlrm.h"
#include "model/dlrm_step.h"
#include "model/report.h"

namespace hotrow {

// Rows `first`, first + 1, ... of `pool`, as often around as it takes for `rows` of them.
// pool.rows >= 1.
Batch take_rows(const Batch& pool, int64_t first, int64_t rows);

// A call goes from a batch in the host's memory, which is checked and copied, to its predictions
// there. Each batch size has a step of its own, on a GPU with a graph of its own.
class InferenceBenchmark {
 public:
  struct Limits {
    int64_t warmup = 10, fewest = 100;          // calls; of those that count
    double seconds = 1, too_many_seconds = 10;  // how long they go on, and however few they are
  };

  // Takes the memory of all sizes, each at least 1. `model` and `reader` must outlive this.
  InferenceBenchmark(Dlrm& model, Reader& reader, std::span<const int64_t> batch_sizes,
                     const PlanOptions& plan, const StepOptions& options);

  // Times batches of the first samples of a pass, the same ones again where there are too few, and
  // reports each size when it is done. Ends early after the call at hand when `stop` is set. Throws
  // DataError where there is no sample, and what feeding a batch throws.
  void run(Report& report, const std::atomic<bool>& stop, const Limits& limits);
  void run(Report& report, const std::atomic<bool>& stop) { run(report, stop, Limits()); }

  std::vector<MemoryUse> memory() const;

 private:
  struct Size {
    Size(Dlrm& model, const BatchShape& shape, int64_t batch_size, const PlanOptions& plan,
         const StepOptions& options)
        : batch(batch_size), step(model, shape, batch_size, plan, options) {}
    int64_t batch;
    DlrmStep step;
  };
  Batch read_pool() const;

  Reader* reader_;
  std::deque<Size> sizes_;  // a step cannot move
};

}  // namespace hotrow
