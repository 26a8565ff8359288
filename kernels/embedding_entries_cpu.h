// What the two halves of the CPU's embedding update share: kernels/embedding_update_cpu.cpp sorts
// occurrences by row, kernels/embedding_apply_cpu.cpp sums and applies them.
#pragma once

#include <cstdint>

#include "kernels/core/table_rows.h"
#include "kernels/embedding_update.h"
#include "kernels/update_rule.h"

namespace hotrow {

// One occurrence of a row in a batch, as it is sorted; `bag` is the row of dout.
struct PlainEntry {
  uint32_t row;
  uint32_t bag;
};
struct ScaledEntry {
  uint32_t row;
  uint32_t bag;
  float coefficient;  // of the bag's gradient: weight times scale
};

struct RowRule {
  UpdateKind kind;
  UpdateConstants constants;
};

struct RowTarget {
  TableRows rows;
  float* state;
  RoundingKey rounding;
  const float* dout;  // at the first column of the table
  int64_t dout_stride;
  RowRule rule;
};

// Applies the rule once to every row that occurs. entries[0 .. n) are sorted by row, those of a row
// in the order of their ids.
void apply_entries(const RowTarget& target, const PlainEntry* entries, int64_t n);
void apply_entries(const RowTarget& target, const ScaledEntry* entries, int64_t n);

}  // namespace hotrow
