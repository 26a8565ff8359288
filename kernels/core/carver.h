// Cuts the arrays of an op out of its scratch.
#pragma once

#include <cstddef>
#include <cstdint>

namespace hotrow {

constexpr size_t kCarveAlignment = 64;  // of every array

// What an array takes of a scratch; kCarveAlignment more in all let the first one begin anywhere.
constexpr size_t carved_bytes(size_t bytes) {
  return (bytes + kCarveAlignment - 1) / kCarveAlignment * kCarveAlignment;
}

// Reads and writes no memory: the scratch may be a device's.
class Carver {
 public:
  explicit Carver(const void* scratch)
      : begin_(carved_bytes(reinterpret_cast<uintptr_t>(scratch))), next_(begin_) {}

  template <class T>
  T* take(size_t bytes) {
    T* array = reinterpret_cast<T*>(next_);
    next_ += carved_bytes(bytes);
    return array;
  }
  // What the scratch must hold for the arrays taken so far, wherever it begins.
  size_t scratch_bytes() const { return kCarveAlignment + (next_ - begin_); }

 private:
  uintptr_t begin_, next_;
};

}  // namespace hotrow
