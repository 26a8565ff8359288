// kernels/embedding_bag.h and kernels/embedding_update.h on a tape: the lookup, whose backward pass
// is the update of its tables.
#pragma once

#include <optional>
#include <vector>

#include "engine/table.h"
#include "engine/tape.h"
#include "kernels/embedding_bag.h"

namespace hotrow {

struct Lookup {
  Table* table;
  SparseVar bags;
  std::optional<Var> weights = std::nullopt;  // (N, 1), one an id
};

// One op for all tables of one dimension: y (B, T D), table t in columns [t D, (t + 1) D). Either
// all lookups are weighted or none, and either all tables are trainable or none.
Var embedding_bag(Tape& tape, const std::vector<Lookup>& lookups, Pooling pooling);

// The row of each single id: y (N, D). Pooling weights that belong to rows are a table of dimension
// 1 read so.
Var gather(Tape& tape, Table& table, Var ids);

}  // namespace hotrow
