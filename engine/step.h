// A plan bound to memory: runs a recorded program again and again without allocating.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/arena.h"
#include "engine/dispatch.h"
#include "engine/gpu_step.h"
#include "engine/inbox.h"
#include "engine/lists.h"
#include "engine/mirror.h"
#include "engine/plan.h"
#include "engine/tape.h"
#include "kernels/core/view.h"
#include "kernels/update_rule.h"

namespace hotrow {

struct StepOptions {
  // Debug switch: memory is filled with NaN when its tensor dies. Must not change one bit of any
  // result.
  bool poison = false;
  // Of a GPU: full batches replay one graph of the forward pass and one of the backward pass,
  // except where an op's work grows with the ids of a batch (gather, quotient_remainder). Debug
  // switch: must not change one bit of any result.
  bool graph = true;
  // Of a GPU: products are in fp32, not in TF32 (kernels/core/gemm_cuda.h).
  bool strict_fp32 = false;
};

// Seconds since construction or the last take_times(). With a GPU they are the host's, and only
// their sum tells something: `forward` holds what it takes to queue the pass and to wait for
// results, so for the backward pass before, the others what it takes to queue that.
struct StepTimes {
  double forward = 0, backward = 0, update = 0;
};

// On a GPU work is queued: forward() and backward() return before it is done, value() waits for
// what it shows. Steps that share parameters may follow each other in any way, but not run on two
// threads. `tape` and what it refers to, on the plan's device, must outlive the step; tables have
// their optimizer's state before it is made.
class Step {
 public:
  Step(const Tape& tape, Plan plan, StepOptions options = {});

  // Begins a batch of this many samples, at most the tape's batch: inputs are written after it. On
  // a GPU it waits until the batch before has left the host's memory, not for the work on it.
  void set_rows(int64_t rows);
  int64_t rows() const { return rows_; }
  // Where the caller writes an input's live rows before forward(): memory of the host.
  Matrix input(Var v);
  // Copies the bags of one sparse input: `offsets` (rows + 1), `ids` (N) with ids in [0,
  // table_rows). Returns the position of the first id outside, or -1; after a bad id or an error
  // the step must be fed anew. Different inputs may be set from different threads at once.
  int64_t set_bags(SparseVar v, std::span<const int64_t> offsets, std::span<const int64_t> ids,
                   int64_t table_rows);

  // On a GPU the batch goes up beside the step before, and what backward needs of ids alone is made
  // beside this forward pass.
  void forward();
  // Also updates tables, in place, as their gradients arrive, and last the dense parameters. Throws
  // InvalidArgument for a rule out of range, and nothing has changed.
  void backward(const UpdateRule& rule);

  // A result of the plan as the last forward() made it, in memory of the host; valid until the next
  // forward().
  ConstMatrix value(Var v) const;
  // Returns when all that was queued is done. Throws DeviceError for what went wrong in it.
  void wait() const { stream_->wait(); }
  // Why full batches are queued call by call although StepOptions::graph is on; empty where they
  // are not.
  std::string graph_refusal() const { return gpu_ == nullptr ? "" : gpu_->refusal(); }
  StepTimes take_times();
  const Plan& plan() const { return plan_; }
  // All that the step takes on its device and the host, but for short lists.
  std::vector<MemoryUse> memory() const;

 private:
  friend class Context;
  class Laps;
  void bind(size_t v);
  void make_lists();
  void poison(int time);
  std::span<const ByteRange> live_inputs();
  void queue_forward();
  void queue_backward(const UpdateRule& rule, Laps& laps);
  void update_parameters(const UpdateRule& rule, CpuStream);
  void update_parameters(const UpdateRule& rule, CudaStream stream);
  bool replays() const {
    return gpu_ != nullptr && options_.graph && !counts_ids_ && rows_ == tape_->batch();
  }
  int64_t live_rows(const Tensor& tensor) const;
  std::byte* address(const Slot& slot) const {
    return slot.bytes == 0 ? nullptr : arena_.data() + slot.offset;
  }

  const Tape* tape_;
  Plan plan_;
  StepOptions options_;
  DeviceStream* stream_;  // that of the parameters
  Arena arena_;
  Inbox inbox_;
  Mirror results_;
  Lists lists_;
  std::vector<size_t> first_list_;  // a record: its first in lists_
  std::unique_ptr<GpuStep> gpu_;    // null on the CPU
  bool counts_ids_ = false;         // some op's work grows with the ids of a batch
  int64_t rows_ = 0;
  std::vector<int64_t> id_counts_;              // a sparse input: live ids
  std::vector<ByteRange> live_;                 // of the inputs
  std::vector<std::byte*> values_, gradients_;  // a var: addresses of the device
  DeviceEvent results_there_;
  mutable StepTimes times_;  // value() waits
};

// What an op sees of a step: views of its record's values on the device, sized to the live rows,
// and to the columns that the plan gives them.
class Context {
 public:
  template <class T>
  T attributes() const {
    return record_->attributes.as<T>();
  }
  const DeviceStream& stream() const { return *stream_; }
  // In backward only; rule() on the CPU only, a GPU has constants().
  const UpdateRule& rule() const;
  UpdateKind update_kind() const { return rule_->kind; }

  size_t inputs() const { return record_->in.size(); }
  const Tensor& tensor(size_t i) const { return step_->tape_->tensor(record_->in[i]); }
  ConstMatrix in(size_t i) const { return matrix(step_->values_, record_->in[i]); }
  Matrix out(size_t i = 0) const { return matrix(step_->values_, record_->out[i]); }
  ConstMatrix saved_out(size_t i = 0) const { return out(i); }
  // Null data: this gradient is not wanted.
  Matrix in_grad(size_t i) const { return matrix(step_->gradients_, record_->in[i]); }
  bool runs_backward() const { return step_->plan_.runs_backward[static_cast<size_t>(index_)]; }
  // Of a record that runs backward.
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
  int64_t in_rows(size_t i) const { return live_rows(record_->in[i]); }

  // The op's list i, in the order of Op::add_lists.
  template <class T>
  std::span<const T> list(size_t i) const {
    return step_->lists_.get<T>(step_->first_list_[static_cast<size_t>(index_)] + i);
  }
  // Of forward, or of backward.
  std::span<std::byte> scratch() const;
  std::span<std::byte> prepared() const { return bytes(step_->plan_.prepared); }

  // On a GPU only.
  GemmContext& gemms() const { return step_->gpu_->gemms(); }
  const UpdateConstants* constants() const { return step_->gpu_->constants(); }

 private:
  friend class Step;
  // `rule` null: a forward pass.
  Context(const Step& step, int index, const UpdateRule* rule, const DeviceStream& stream);
  int64_t live_rows(Var v) const;
  std::span<std::byte> bytes(const std::vector<Slot>& slots) const;
  Matrix matrix(const std::vector<std::byte*>& addresses, Var v) const;
  std::byte* address(Var v) const { return step_->values_[static_cast<size_t>(v.index)]; }

  const Step* step_;
  int index_;
  const Record* record_;
  const UpdateRule* rule_;
  const DeviceStream* stream_;
};

}  // namespace hotrow
