// A plan bound to memory: runs a recorded program again and again without allocating.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "engine/arena.h"
#include "engine/dispatch.h"
#include "engine/plan.h"
#include "engine/tape.h"
#include "kernels/core/view.h"
#include "kernels/update_rule.h"

namespace hotrow {

struct StepOptions {
  Device device = Device::kCpu;
  // Debug switch: memory is filled with NaN when its tensor dies. Must not change one bit of any
  // result.
  bool poison = false;
};

// Seconds since construction or the last take_times().
struct StepTimes {
  double forward = 0, backward = 0, update = 0;
};

// Not safe to use from two threads. `tape` and what it refers to must outlive the step.
class Step {
 public:
  Step(const Tape& tape, Plan plan, StepOptions options = {});

  // What comes next has this many samples, at most the tape's batch.
  void set_rows(int64_t rows);
  int64_t rows() const { return rows_; }
  // Where the caller writes an input's live rows before forward().
  Matrix input(Var v);
  // Copies the bags of one sparse input: `offsets` (rows + 1), `ids` (N) with ids in [0,
  // table_rows). Returns the position of the first id outside, or -1; after a bad id or an error
  // the step must be fed anew. Different inputs may be set from different threads at once.
  int64_t set_bags(SparseVar v, std::span<const int64_t> offsets, std::span<const int64_t> ids,
                   int64_t table_rows);

  void forward();
  // Also updates tables, in place, as their gradients arrive, and last the dense parameters.
  void backward(const UpdateRule& rule);

  // Any value that the plan keeps: its results, and in training its loss.
  ConstMatrix value(Var v) const;
  StepTimes take_times();
  const Plan& plan() const { return plan_; }

 private:
  friend class Context;
  void poison(int time);
  int64_t live_rows(const Tensor& tensor) const;
  std::byte* address(const Slot& slot) const {
    return slot.bytes == 0 ? nullptr : arena_.data() + slot.offset;
  }

  const Tape* tape_;
  Plan plan_;
  StepOptions options_;
  Arena arena_;
  int64_t rows_ = 0;
  std::vector<int64_t> id_counts_;              // a sparse input: live ids
  std::vector<std::byte*> values_, gradients_;  // a var
  StepTimes times_;
};

// What an op sees of a step: views of its record's values, sized to the live rows.
class Context {
 public:
  template <class T>
  T attributes() const {
    return record_->attributes.as<T>();
  }
  Device device() const { return step_->options_.device; }
  const UpdateRule& rule() const { return *rule_; }  // in backward only

  size_t inputs() const { return record_->in.size(); }
  const Tensor& tensor(size_t i) const { return step_->tape_->tensor(record_->in[i]); }
  ConstMatrix in(size_t i) const { return matrix(step_->values_, record_->in[i]); }
  Matrix out(size_t i = 0) const { return matrix(step_->values_, record_->out[i]); }
  ConstMatrix saved_out(size_t i = 0) const { return out(i); }
  // Null data: this gradient is not wanted.
  Matrix in_grad(size_t i) const { return matrix(step_->gradients_, record_->in[i]); }
  bool accumulate(size_t i) const {
    return step_->plan_.accumulate[static_cast<size_t>(index_)][i];
  }
  Matrix out_grad(size_t i = 0) const { return matrix(step_->gradients_, record_->out[i]); }

  // Inputs and outputs of integer type; `Id` must be the tensor's own.
  template <class Id>
  const Id* in_ids(size_t i) const {
    return reinterpret_cast<const Id*>(address(record_->in[i]));
  }
  template <class Id>
  Id* out_ids(size_t i) const {
    return reinterpret_cast<Id*>(address(record_->out[i]));
  }
  int64_t in_rows(size_t i) const { return step_->live_rows(tensor(i)); }
  std::span<std::byte> scratch() const;

 private:
  friend class Step;
  Context(const Step& step, int index, const UpdateRule* rule);
  Matrix matrix(const std::vector<std::byte*>& addresses, Var v) const;
  std::byte* address(Var v) const { return step_->values_[static_cast<size_t>(v.index)]; }

  const Step* step_;
  int index_;
  const Record* record_;
  const UpdateRule* rule_;
};

}  // namespace hotrow
