// The columns of a block of rows as the bytes of a block of a native file.
#pragma once

#include <cstddef>
#include <vector>

#include "data/rows.h"

namespace hotrow::native {

// Replaces `out` with a block of data/formats/native_layout.h that holds `rows`, which fit
// `schema`: at least one row, ids >= 0, as many in each bag as the schema says. A multiple of 64
// bytes.
void encode_block(std::vector<std::byte>& out, const Rows& rows, const Schema& schema);

}  // namespace hotrow::native
