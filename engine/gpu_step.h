// What a step has on a GPU alone.
#pragma once

#include <functional>
#include <string>

#include "engine/arena.h"
#include "engine/device.h"
#include "engine/mirror.h"
#include "kernels/core/gemm_cuda.h"
#include "kernels/update_rule.h"

namespace hotrow {

// Work that a step queues again and again: call by call at first, when libraries make their
// choices; then it is recorded, and from then on replayed. Where the device refuses to record it,
// or to make a graph of it, call by call for good.
class RepeatedWork {
 public:
  // work() queues the same at every call, as DeviceGraph::record() wants it. Throws what it throws,
  // but for the DeviceError of a refusal.
  void queue(const DeviceStream& stream, const std::function<void()>& work);
  // Why there is no graph; empty while nobody has refused one.
  const std::string& refusal() const { return refusal_; }

 private:
  bool queued_once_ = false;
  std::string refusal_;
  DeviceGraph graph_;
};

// A stream beside that of a step.
class SideStream {
 public:
  // What is queued on the stream that it gives begins when all that `main` has so far is done.
  const DeviceStream& fork(const DeviceStream& main);
  // What is queued on `main` from now on begins when all that was forked off is done.
  void join(const DeviceStream& main);

 private:
  DeviceStream stream_{Device::kCuda};
  DeviceEvent forked_{Device::kCuda}, done_{Device::kCuda};
  bool open_ = false;
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
  // the copy of a rule's constants to constants(). Waits for that of the call before, no more.
  // Throws InvalidArgument for a rule out of range.
  void set_rule(const UpdateRule& rule, const DeviceStream& stream);
  const UpdateConstants* constants() const { return constants_.as<const UpdateConstants>(); }

  SideStream& side() { return side_; }
  RepeatedWork& forward() { return forward_; }
  // The backward pass with the rule that was set last: kernels are the kind's own, so those of
  // another kind are recorded anew.
  RepeatedWork& backward();
  // Of either pass; see RepeatedWork.
  const std::string& refusal() const;

 private:
  Arena workspace_, constants_;
  Mirror host_constants_;
  DeviceEvent constants_taken_{Device::kCuda};
  GemmContext gemms_;
  SideStream side_;
  UpdateKind kind_ = UpdateKind::kSgd, recorded_kind_ = UpdateKind::kSgd;
  RepeatedWork forward_, backward_;
};

}  // namespace hotrow
