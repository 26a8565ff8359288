// From a tape to a schedule and one arena: who needs a gradient, when each value dies, which
// gradient writer overwrites and which adds, and where every tensor lies.
#pragma once

#include <vector>

#include "engine/arena.h"
#include "engine/tape.h"

namespace hotrow {

enum class Mode { kTrain, kServe };

struct PlanOptions {
  Mode mode = Mode::kTrain;
  // Debug switch: every tensor gets memory of its own. Must not change one bit of any result.
  bool reuse = true;
  // Where it is to run: what ops need to themselves depends on it.
  Device device = Device::kCpu;
};

// Time runs over the forward records, then back over the backward ones: 0 .. times - 1.
struct Slot {
  size_t bytes = 0;  // 0: no memory in the arena (a parameter, a gradient that nobody wants)
  int born = 0;      // first time at which it is written
  int dies = 0;      // last time at which it is read
  size_t offset = 0;
};

struct Plan {
  PlanOptions options;
  std::vector<int> order;           // records that the results need, in tape order
  std::vector<bool> runs_backward;  // a record
  std::vector<bool> has_gradient;   // a var
  std::vector<std::vector<bool>>
      accumulate;                       // a record, an input: add to the gradient, don't overwrite
  std::vector<Slot> values, gradients;  // a var
  std::vector<int64_t> columns;  // a var: of its memory, more than its own where it is padded
  std::vector<Slot> forward_scratch, backward_scratch, prepared;  // a record
  std::vector<bool> kept;  // a var: an input or a result, which lives for the whole step
  int times = 0;
  // The arena begins with the inputs, side by side, then the results: one copy carries each.
  size_t input_bytes = 0, kept_bytes = 0, arena_bytes = 0;
  size_t workspace_bytes = 0;  // of a GPU's matrix products, at least

  int forward_time(int position) const { return position; }
  int backward_time(int position) const { return times - 1 - position; }
  std::vector<MemoryUse> memory() const;  // sums to arena_bytes
};

// `results` stay readable after a step; in training results[0] is the loss, whose op knows its own
// gradient.
Plan make_plan(const Tape& tape, const std::vector<Var>& results, PlanOptions options = {});

}  // namespace hotrow
