// One recorded DLRM bound to memory, and fed from batches of data.
#pragma once

#include <span>
#include <vector>

#include "data/batch.h"
#include "data/reader.h"
#include "engine/step.h"
#include "model/dlrm.h"

namespace hotrow {

class DlrmStep {
 public:
  // Plans for batches of `batch` samples of this schema. `model` must outlive the step.
  DlrmStep(Dlrm& model, const Schema& schema, int64_t batch, PlanOptions plan = {},
           StepOptions options = {});

  // Copies a batch in. Throws DataError, with the place in the file, for an id beyond its table, a
  // dense value or a label that is not finite; InvalidArgument for a batch that is not of the
  // schema (more samples, columns or ids than it promised).
  void feed(const Batch& batch);
  // Predictions and loss of what was fed.
  void forward() { step_.forward(); }
  void backward(const UpdateRule& rule) { step_.backward(rule); }

  std::span<const float> predictions() const;
  float loss() const;  // in training only

  StepTimes take_times() { return step_.take_times(); }
  std::vector<MemoryUse> memory() const { return step_.plan().memory(); }

 private:
  void feed_numbers(const Batch& batch, Var input, std::span<const float> values, const char* what);
  int64_t rows(size_t t) const;  // ids of table t must be below
  void require_good_ids(const Batch& batch, size_t t) const;

  const DlrmConfig* config_;
  Schema schema_;
  Tape tape_;
  DlrmVars vars_;
  Step step_;
  std::vector<int64_t> bad_ids_;  // a table: position of its first bad id in the batch, or -1
};

}  // namespace hotrow
