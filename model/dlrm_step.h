// One recorded DLRM bound to memory, and fed from batches of data.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "data/batch.h"
#include "data/reader.h"
#include "engine/step.h"
#include "model/dlrm.h"

namespace hotrow {

class DlrmStep {
 public:
  // Plans for groups of `mini_batches` batches of `batch` samples of this shape. `model` must
  // outlive the step, and lie on the plan's device.
  DlrmStep(Dlrm& model, const BatchShape& shape, int64_t batch, PlanOptions plan = {},
           StepOptions options = {}, int64_t mini_batches = 1);

  // Copies a group of 1 to mini_batches batches in, side by side: one step whose gradients are the
  // sum of theirs. All but the last have exactly `batch` samples. Throws DataError, with the place
  // in the file, for an id beyond its table, a dense value or a label that is not finite;
  // InvalidArgument for batches that are not of the shape (more samples, columns or ids than it
  // promised).
  void feed(std::span<const Batch> group);
  void feed(const Batch& batch) { feed({&batch, 1}); }
  // Predictions and losses of what was fed.
  void forward() { step_.forward(); }
  void backward(const UpdateRule& rule) { step_.backward(rule); }

  std::span<const float> predictions() const;
  std::span<const float> losses() const;  // the mean of each batch fed; in training only

  void wait() const { step_.wait(); }  // for all that was queued
  std::string graph_refusal() const { return step_.graph_refusal(); }
  StepTimes take_times() { return step_.take_times(); }
  std::vector<MemoryUse> memory() const { return step_.memory(); }

 private:
  void check_group(std::span<const Batch> group) const;
  const SparseFeature& join(std::span<const Batch> group, size_t t);
  int64_t rows(size_t t) const;  // ids of table t must be below
  void require_good_ids(std::span<const Batch> group, size_t t) const;

  const DlrmConfig* config_;
  BatchShape shape_;
  int64_t batch_;
  size_t fed_ = 0;  // batches
  Tape tape_;
  DlrmVars vars_;
  Step step_;
  std::vector<SparseFeature> joined_;  // a table: the bags of a group of several batches
  std::vector<int64_t> bad_ids_;       // a table: position of its first bad id in the group, or -1
};

}  // namespace hotrow
