// A few neighbouring floats in a thread's registers: four, which move as 16 bytes, or one, where
// width or address is odd.
#pragma once

#include "kernels/core/vec.cuh"

namespace hotrow {

template <int kVec>
struct Columns {
  static_assert(kVec == 1 || kVec == 4);
  float x[kVec];
};

template <int kVec>
__device__ __forceinline__ Columns<kVec> load_columns(const float* from) {
  if constexpr (kVec == 1) {
    return {{*from}};
  } else {
    const Float4 v = load4(from);
    return {{v[0], v[1], v[2], v[3]}};
  }
}

template <int kVec>
__device__ __forceinline__ void store_columns(float* to, const Columns<kVec>& c) {
  if constexpr (kVec == 1) {
    *to = c.x[0];
  } else {
    store4(to, {{c.x[0], c.x[1], c.x[2], c.x[3]}});
  }
}

}  // namespace hotrow
