// What a step has on a GPU alone.
#pragma once

#include <functional>
#include <utility>

#include "engine/arena.h"
#include "engine/device.h"
#include "engine/mirror.h"
#include "kernels/core/gemm_cuda.h"
#include "kernels/update_rule.h"

namespace hotrow {

// Work that a step queues again and again: call by call at first, when libraries make their
// choices; then it is recorded, and from then on replayed.
class RepeatedWork {
 public:
  void queue(const DeviceStream& stream, const std::function<void()>& work);

 private:
  bool queued_once_ = false;
  DeviceGraph graph_;
};

class GpuStep {
 public:
  struct Options {
    size_t workspace_bytes;  // of matrix products
    bool strict_fp32;
  };
  explicit GpuStep(const Options& options);

  GemmContext& gemms() { return gemms_; }
  size_t workspace_bytes() const { return workspace_.size(); }

  // What changes from step to step lies in memory, so that a graph follows it: set_rule() queues
  // the copy of a rule's constants to constants(). Throws InvalidArgument for a rule out of range.
  void set_rule(const UpdateRule& rule, DeviceStream& stream);
  const UpdateConstants* constants() const { return constants_.as<const UpdateConstants>(); }

  RepeatedWork& forward() { return forward_; }
  // The backward pass with the rule that was set last: kernels are the kind's own.
  RepeatedWork& backward();

 private:
  Arena workspace_, constants_;
  Mirror host_constants_;
  uint64_t constants_taken_ = 0;  // mark of the stream
  GemmContext gemms_;
  UpdateKind kind_ = UpdateKind::kSgd, recorded_kind_ = UpdateKind::kSgd;
  RepeatedWork forward_, backward_;
};

}  // namespace hotrow
