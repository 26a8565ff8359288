// Embedding bags: each bag of ids becomes the sum or mean of its rows, for many tables in one call.
//
//   out[b, first_column + t D + d] = scale * sum over j in bag b of weight_j * rows_t[ids[j], d]
//   scale = 1 (kSum) or 1 / (number of ids in the bag) (kMean); weight_j = 1 without weights;
//   an empty bag gives 0.
//
// Shapes: out (B, W) with W >= first_column + T D, so that bags may be written into a block of
// columns of a wider matrix (other columns are left alone); tables (R_t, D), one D a call; bag b of
// a table holds positions offsets[b] .. offsets[b + 1] - 1 of ids; without offsets, position b
// alone. out, weights and sums are fp32; Id is int32_t or int64_t.
// Rows are of any TableType, each table its own. A row of 16 bits is the floats that it holds; of
// kSplitBf16 only the high half is read: each element rounded toward zero to bf16.
// Aliasing: out and dweights overlap no input. Two tables may share rows.
// Determinism: a bag starts from +0 and adds its rows in the order of its ids, s = s + row or
// s = fma(weight, row, s); the mean multiplies by the rounded 1 / n at the end. No sum crosses the
// lanes of a vector, so bits depend neither on threads nor on vector width. (A CPU without fma
// instructions rounds the product first.) CUDA's bits are the CPU's, but for those of a NaN.
// Cost: N D flop (2 N D with weights) and D (s N + 4 T B) bytes plus ids, where N counts the ids of
// all tables and s the bytes that a lookup reads of an element: 4 or, of 16-bit rows, 2.
// Errors: InvalidArgument for shapes that do not fit; those in a list that lies on a device are
// trusted, and B and D are below 2^31 there. Ids and offsets are NOT checked here: whoever feeds a
// batch does it once, see kernels/sparse_route.h.
// Source: Naumov et al., "Deep Learning Recommendation Model" (2019), section 2.1; the order is our
// own.
#pragma once

#include <cstdint>
#include <span>

#include "kernels/core/stream.h"
#include "kernels/core/table_rows.h"
#include "kernels/core/view.h"

namespace hotrow {

enum class Pooling { kSum, kMean };

// The bags of one table in a batch of B.
template <class Id>
struct Bags {
  const Id* offsets = nullptr;     // (B + 1), offsets[0] == 0, ascending; null: one id a bag
  const Id* ids = nullptr;         // (offsets[B]), each in [0, R)
  const float* weights = nullptr;  // (offsets[B]) or null

  // Position of bag b's first id; of b = B, the number of ids.
  int64_t begin(int64_t b) const { return offsets == nullptr ? b : int64_t{offsets[b]}; }
};

template <class Id>
struct TableLookup {
  ConstTableRows rows;  // (R, D)
  Bags<Id> bags;
};

template <class Id>
void embedding_bag_forward(Matrix out, std::span<const TableLookup<Id>> tables,
                           int64_t first_column, Pooling pooling, CpuStream stream);
// dim: D, because the list of the tables lies on the device.
template <class Id>
void embedding_bag_forward(Matrix out, std::span<const TableLookup<Id>> tables,
                           int64_t first_column, Pooling pooling, int64_t dim, CudaStream stream);

// Gradient of the per-id weights of one table; the weights themselves are not read:
//
//   dweights[j] = scale * dot(dout[bag of j, first_column : first_column + D], rows[ids[j]])
//
// Shapes: dweights (N), overwritten; dout (B, W).
// Determinism: the order of the dot product depends on D alone. D is cut into blocks of 256 columns
// whose sums are added in order; a block is padded with zeros to P = 16, 32, ... or 256 products
// that fold in halves:
//   h = P / 2:            q[d] = fma(a[d + h], b[d + h], a[d] b[d]) for d < h
//   h = P / 4, P / 8 .. 1: q[d] = q[d] + q[d + h]                    for d < h
// Cost: 2 N D flop, D (s N + 4 B) bytes plus ids.
template <class Id>
void embedding_bag_weight_grad(float* dweights, ConstMatrix dout, int64_t first_column,
                               const TableLookup<Id>& table, Pooling pooling, CpuStream stream);
template <class Id>
void embedding_bag_weight_grad(float* dweights, ConstMatrix dout, int64_t first_column,
                               const TableLookup<Id>& table, Pooling pooling, CudaStream stream);

}  // namespace hotrow
