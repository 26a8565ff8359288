// Names for planned memory. A Tensor holds no pointer: engine/plan.h gives it a place,
// engine/step.h an address.
#pragma once

#include <cstddef>
#include <cstdint>

namespace hotrow {

enum class DType : uint8_t { kFloat32, kInt32, kInt64 };

inline size_t size_of(DType dtype) { return dtype == DType::kInt64 ? 8 : 4; }

// Which count of a batch says how many of a tensor's rows are live.
struct Axis {
  static constexpr int kFixed = -2;    // all of them, always
  static constexpr int kSamples = -1;  // one a sample
  int source = kFixed;                 // or, from 0 on: one an id of that sparse input
  bool operator==(const Axis&) const = default;
};

// Row-major (rows, cols); a vector has one column. `rows` is capacity: a short batch lowers the
// live rows.
struct Tensor {
  DType dtype = DType::kFloat32;
  Axis axis;
  int64_t rows = 0;
  int64_t cols = 1;

  size_t bytes() const { return static_cast<size_t>(rows * cols) * size_of(dtype); }
};

// A value on a tape: an index, meaningless without its tape.
struct Var {
  int index = -1;
  bool operator==(const Var&) const = default;
};

}  // namespace hotrow
