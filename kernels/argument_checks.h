// Checks that all backends of an op make, so that all refuse with the same words.
#pragma once

#include <cstdint>
#include <limits>

#include "kernels/core/check.h"

namespace hotrow {

inline void check_size(const char* op, int64_t n) {
  require(n >= 0, "[{}] bad number of elements: got {}, expected >= 0", op, n);
}

// That all numbers up to `largest` fit into Out.
template <class Out>
void check_holds(const char* op, int64_t largest) {
  constexpr int64_t kMost = std::numeric_limits<Out>::max();
  require(largest <= kMost, "[{}] {} bits are too few: got numbers up to {}, expected at most {}",
          op, 8 * sizeof(Out), largest, kMost);
}

inline void check_collisions(int64_t collisions) {
  require(collisions >= 1, "[quotient_remainder] bad collisions: got {}, expected at least 1",
          collisions);
}

// That bags of `width` columns in all, from first_column on, lie within a matrix of `cols`.
inline void check_bag_columns(const char* op, int64_t cols, int64_t first_column, int64_t width) {
  require(first_column >= 0 && first_column + width <= cols,
          "[{}] bags do not fit into the matrix: got columns {} to {}, expected within 0 to {}", op,
          first_column, first_column + width, cols);
}

// That rows of a table which updates change have numbers of 32 bits.
inline void check_updated_rows(const char* op, int64_t rows) {
  constexpr int64_t kMost = std::numeric_limits<uint32_t>::max();
  require(rows <= kMost, "[{}] table too large: got {} rows, expected at most {}", op, rows, kMost);
}

}  // namespace hotrow
