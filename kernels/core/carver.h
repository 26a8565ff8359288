// Cuts the arrays of an op out of its scratch.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/core/alignment.h"

namespace hotrow {

// Reads and writes no memory: the scratch may be a device's.
class Carver {
 public:
  explicit Carver(const void* scratch)
      : begin_(align_up(reinterpret_cast<uintptr_t>(scratch))), next_(begin_) {}

  template <class T>
  T* take(size_t bytes) {
    T* array = reinterpret_cast<T*>(next_);
    next_ += align_up(bytes);
    return array;
  }
  // What the scratch must hold for the arrays taken so far, wherever it begins.
  size_t scratch_bytes() const { return kAlignment + (next_ - begin_); }

 private:
  uintptr_t begin_, next_;
};

}  // namespace hotrow
