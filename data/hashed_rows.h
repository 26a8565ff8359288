// Ids taken modulo a largest table: NVIDIA DLRM's --hash-indices with --max-table-size.
#pragma once

#include <cstdint>
#include <memory>

#include "data/rows.h"

namespace hotrow {

// The samples of `rows` with id % max_table_size in each column, whose cardinality becomes at most
// max_table_size (an unknown one becomes max_table_size). DataError for a negative id.
// InvalidArgument: max_table_size below 1.
std::unique_ptr<RowSource> hash_ids(std::unique_ptr<RowSource> rows, int64_t max_table_size);

// What the two flags together ask for: `rows` as they are where neither is given (`max_table_size`
// 0), hash_ids where both are. InvalidArgument for one without the other: ids beyond a smaller
// table would be out of range, and without a size there is nothing to hash to.
std::unique_ptr<RowSource> apply_hash_flags(std::unique_ptr<RowSource> rows, bool hash_indices,
                                            int64_t max_table_size);

}  // namespace hotrow
