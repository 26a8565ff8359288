// Columns of a native block as the numbers and ids of a batch, or of Rows.
//
// `begin` and `count` are rows of the block, except where they are said to be ids. The column must
// be one that NativeFile::block gave, the range inside of it.
#pragma once

#include <cstdint>

#include "data/formats/native_file.h"
#include "data/transform.h"

namespace hotrow::native {

// out[k * stride] = transform(value of row begin + k), 0 where it is missing.
void decode_floats(float* out, int64_t stride, const NativeColumn& column, int64_t begin,
                   int64_t count, const Transformer& transform);

// The values as they are, NaN where they are missing.
void decode_doubles(double* out, int64_t stride, const NativeColumn& column, int64_t begin,
                    int64_t count);

// Ids [begin, begin + count) of the block. False if one of them is outside [0, cardinality).
bool decode_ids(int64_t* out, const NativeColumn& column, int64_t begin, int64_t count,
                int64_t cardinality);

// out[k] = end of bag begin + k, where the bag before bag `begin` ends at `at`; `out` has `count`.
// Gives the last end. `hotness` is the ids of a bag where all have as many.
int64_t decode_ends(int64_t* out, const NativeColumn& column, int64_t begin, int64_t count,
                    int64_t at, int64_t hotness);

// Ids of the first `rows` rows of the block.
int64_t ids_before(const NativeColumn& column, int64_t rows, int64_t hotness);

}  // namespace hotrow::native
