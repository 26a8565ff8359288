// The dense parameters of a model: one flat block of values, one of gradients, one of optimizer
// state, so that one kernel updates them all and one all-reduce can carry them.
#pragma once

#include <string>
#include <vector>

#include "engine/arena.h"
#include "kernels/core/stream.h"
#include "kernels/core/view.h"
#include "kernels/update_rule.h"

namespace hotrow {

// Several tapes (training, evaluation) share one Parameters by name. Addresses are fixed by
// allocate().
class Parameters {
 public:
  struct Parameter {
    std::string name;
    int64_t rows, cols;
    int64_t offset;  // in floats from the start of the block
  };

  // The index of `name`; adds it at its first use. Throws InvalidArgument if the shape differs from
  // the one it was added with, or if it is new after allocate().
  int add(const std::string& name, int64_t rows, int64_t cols);
  // Takes memory for all parameters, zeroed. Serving alone needs no gradients and no state. All
  // addresses are of `device`.
  void allocate(bool for_training, UpdateKind kind, Device device = Device::kCpu);

  const std::vector<Parameter>& list() const { return list_; }
  bool allocated() const { return allocated_; }
  // On which all work on them is queued, and on the tables beside them: in its order, whichever
  // step it is of. Its device is that of allocate().
  DeviceStream& stream() { return stream_; }
  Device device() const { return stream_.device(); }
  Matrix value(int i) const { return matrix(values_, i); }
  // As the last backward pass left it. Null data without `for_training`.
  Matrix gradient(int i) const { return matrix(gradients_, i); }
  // One rule application to the whole block. Elementwise: the same bits for any number of threads.
  void update(const UpdateRule& rule);
  // The same on a GPU with the constants of a rule of this kind (kernels/dense_update.h).
  void update(UpdateKind kind, const UpdateConstants* constants, CudaStream stream);

  int64_t count() const;  // numbers, without padding
  std::vector<MemoryUse> memory() const;

 private:
  Matrix matrix(const Arena& block, int i) const;
  void check_update(UpdateKind kind, Device rule_device) const;

  std::vector<Parameter> list_;
  int64_t floats_ = 0;
  bool allocated_ = false;
  DeviceStream stream_{Device::kCpu};
  Arena values_, gradients_, state_;
};

}  // namespace hotrow
