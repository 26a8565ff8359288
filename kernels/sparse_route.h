// Ids on their way into a step: checked, narrowed, split. Lookup and update trust what passed here.
//
// Shapes: vectors of n. Ids are int32_t or int64_t; a row count is `rows`.
// Aliasing: outputs overlap no input.
// Determinism: integers, exact.
// CUDA: all lists of a batch in one launch. What the CPU returns of a list becomes a word of device
// memory and is the same number.
// Cost: one pass over the bytes named; no flops.
// Source: own derivation; quotient and remainder: Shi et al., "Compositional Embeddings" (2020),
// section 3.
#pragma once

#include <cstdint>
#include <span>

#include "kernels/core/stream.h"

namespace hotrow {

// out[i] = ids[i] in (n), each in [0, rows). Position of the first id outside, or -1; what stands
// in `out` at a bad id is unspecified. Errors: InvalidArgument when an id below `rows` may not fit
// into Out.
template <class Out, class In>
int64_t copy_ids(Out* out, const In* ids, int64_t n, int64_t rows, CpuStream stream);

// out[b] = offsets[b] in (bags + 1), which must start at 0, never fall and end at num_ids. Position
// of the first that breaks this, or -1: read nothing through offsets that have not passed. Errors:
// InvalidArgument when num_ids may not fit into Out.
template <class Out, class In>
int64_t copy_offsets(Out* out, const In* offsets, int64_t bags, int64_t num_ids, CpuStream stream);

// Ids of a table, or the offsets of its bags.
template <class Out, class In>
struct RouteList {
  Out* out;       // (n)
  const In* in;   // (n)
  int64_t n;      // ids, or bags + 1 offsets
  int64_t limit;  // of ids the rows, of offsets the number of ids
  bool offsets;   // what it is
};

// copy_ids and copy_offsets of every list; bad[l] is what they return. n of no list is above
// max_n, from which the grid follows. Whatever the lists hold, `out` gets numbers within the bounds
// (0 for a bad id, a bad offset clamped): unless a table has no rows, lookups queued behind touch
// no foreign memory before anybody has seen `bad`. A number that does not fit into Out is a bad
// one.
template <class Out, class In>
void copy_lists(std::span<const RouteList<Out, In>> lists, int64_t* bad, int64_t max_n,
                CudaStream stream);

// quotient[i] = ids[i] / collisions, remainder[i] = ids[i] % collisions: the rows of the two tables
// of the QR trick. Ids are >= 0. Errors: InvalidArgument unless collisions >= 1.
template <class Id>
void quotient_remainder(Id* quotient, Id* remainder, const Id* ids, int64_t n, Id collisions,
                        CpuStream stream);
template <class Id>
void quotient_remainder(Id* quotient, Id* remainder, const Id* ids, int64_t n, Id collisions,
                        CudaStream stream);

}  // namespace hotrow
