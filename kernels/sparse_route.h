// Ids on their way into a step: checked, narrowed, split. Lookup and update trust what passed here.
//
// Shapes: vectors of n. Ids are int32_t or int64_t; a row count is `rows`.
// Aliasing: outputs overlap no input.
// Determinism: integers, exact.
// Cost: one pass over the bytes named; no flops.
// Source: own derivation; quotient and remainder: Shi et al., "Compositional Embeddings" (2020),
// section 3.
#pragma once

#include <cstdint>

#include "kernels/core/stream.h"

namespace hotrow {

// Position of the first id outside [0, rows), or -1.
template <class Id>
int64_t first_bad_id(const Id* ids, int64_t n, int64_t rows, CpuStream stream);

// offsets (bags + 1) must start at 0, never fall and end at num_ids. Position of the first that
// breaks this, or -1. Read nothing through offsets that have not passed.
template <class Id>
int64_t first_bad_offset(const Id* offsets, int64_t bags, int64_t num_ids, CpuStream stream);

// out[i] = ids[i], with the check of first_bad_id in the same pass: its return value. What stands
// in `out` at a bad id is unspecified. Offsets are copied by it too, with rows = num_ids + 1.
// Errors: InvalidArgument when an id below `rows` may not fit into Out.
template <class Out, class In>
int64_t copy_ids(Out* out, const In* ids, int64_t n, int64_t rows, CpuStream stream);

// quotient[i] = ids[i] / collisions, remainder[i] = ids[i] % collisions: the rows of the two tables
// of the QR trick. Ids are >= 0. Errors: InvalidArgument unless collisions >= 1.
template <class Id>
void quotient_remainder(Id* quotient, Id* remainder, const Id* ids, int64_t n, Id collisions,
                        CpuStream stream);

}  // namespace hotrow
