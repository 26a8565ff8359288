// The backward pass of embedding bags and the optimizer in one: rows are updated in place, and no
// gradient of table size, dense or sparse, ever exists.
//
// For each row r of table t that occurs in the batch, at positions j_0 < j_1 < ... of its ids:
//
//   c_j  = weight_j * scale(bag of j)    weight_j = 1 without weights; scale = 1, for kMean 1 / n
//   g    = sum over j of c_j * dout[bag of j, first_column + t D : + D]
//
// and the rule is applied to (row, state) once with g, however often the row occurs:
//
//   kSgd             w = fma(-lr, g, w)
//   kAdagrad         s = fma(g, g, s);  w = fma(-lr, g / (sqrt(s) + eps), w)
//   kRowwiseAdagrad  m = m + sum_d(g[d]^2) / D;  w = fma(-(lr / (sqrt(m) + eps)), g, w)
//   kAdam            m = fma(1 - beta1, g - m, m);  v = fma(1 - beta2, fma(g, g, -v), v)
//                    w = fma(-rate, m / (sqrt(v) + eps), w)
//                    rate = lr sqrt(1 - beta2^step) / (1 - beta1^step), in double, then rounded
//
// Rows of 16 bits are computed as floats too, from the floats that they hold.
//   kSplitBf16: joins both halves and splits the result, so that they hold, bit for bit, what rows
//               of floats would.
//   kBf16, kFp16: round stochastically. w lies a fraction f of the way from one number of the type
//               to the next one further from zero and becomes that one if f + u / 2^16 >= 1, so
//               with probability f. f is a multiple of 2^-16, rounded to one below fp16's normal
//               numbers. What would come after the largest number is infinity. NaN stays NaN.
// u is 16 bits of Philox 4x32-10: of column d, half d mod 2 (0: the low one) of word d / 2 mod 4 of
// counter (d / 8, row, step mod 2^32, step / 2^32) under key (seed, table).
//
// Rows that do not occur keep every bit of their values and state, with Adam too (lazy rows).
//
// Shapes: rows (R, D), R < 2^32; state null for kSgd, (R, D) Adagrad, (R) row-wise Adagrad,
// (2, R, D) Adam: all m, then all v; dout (B, W), W >= first_column + T D. fp32 but for the rows,
// which are of any TableType, each table its own; Id is int32_t or int64_t; ids of a table < 2^32.
// Aliasing: nothing overlaps; two tables of a call are distinct memory.
// Determinism: g is summed in chunks of 64 occurrences counted from the row's first: a chunk starts
// from +0 and adds c_j * dout in order of j (p = p + dout when all c_j are 1, else
// p = fma(c_j, dout, p)), then the chunks are added in order, g = ((p_0 + p_1) + p_2) + ... The
// squares of a row fold as in kernels/embedding_bag.h. Work is cut by shapes and ids alone. So bits
// depend neither on threads nor on vector width, and a GPU can follow the same order. (A CPU
// without fma instructions rounds the products first.)
// Cost: unique rows are read and written once (8 D bytes, 16 D with Adagrad, 24 D with Adam; rows
// of kBf16 and kFp16 4 D less), dout once an occurrence (4 D, mostly from cache); N D flop for the
// sum. Sorting moves about 50 bytes an id.
// Errors: InvalidArgument for shapes, rule or scratch that do not fit. Ids and offsets are NOT
// checked here: see kernels/sparse_route.h.
// Source: own derivation; Adagrad Duchi et al. (2011), Adam Kingma and Ba (2015), section 2,
// applied to the rows of a batch only; Philox Salmon et al., "Parallel random numbers: as easy as
// 1, 2, 3" (2011), section 3.3.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "kernels/core/stream.h"
#include "kernels/core/table_rows.h"
#include "kernels/core/view.h"
#include "kernels/embedding_bag.h"
#include "kernels/update_rule.h"

namespace hotrow {

// Whose random numbers round a table of 16 bits.
struct RoundingKey {
  uint32_t seed = 0;
  uint32_t table = 0;  // its number among the tables of that seed
};

template <class Id>
struct TableUpdate {
  TableRows rows;          // (R, D), in and out
  float* state = nullptr;  // as the rule wants it, in and out
  Bags<Id> bags;
  RoundingKey rounding = {};  // read for kBf16 and kFp16
};

// Floats of state that a rule keeps for a table of (rows, dim).
int64_t embedding_state_size(UpdateKind kind, int64_t rows, int64_t dim);

// Scratch for any batch with at most max_ids[t] ids in table t.
size_t embedding_update_scratch_bytes(std::span<const int64_t> max_ids);

template <class Id>
void embedding_update(std::span<const TableUpdate<Id>> tables, ConstMatrix dout,
                      int64_t first_column, Pooling pooling, const UpdateRule& rule,
                      std::span<std::byte> scratch, CpuStream stream);

// ---- CUDA: the same in two calls ----
//
// embedding_update_prepare sorts the occurrences and cuts them into chunks. It reads descriptors,
// offsets and ids, so it may run beside the step before, on a stream of its own.
// embedding_update_apply sums and applies; it reads weights and dout. Between the two the scratch
// belongs to the batch.
//
// Shapes: as above, and rows, low and state begin at multiples of 16 bytes. Grids follow from
// UpdateSizes and what else the host passes, so that a captured graph serves any batch within it;
// ids fewer than max_ids cost the sorting of max_ids.
// Determinism: the bits are those of the CPU (NaN stays NaN, of whatever bits).
// Cost: apply 4 D bytes an occurrence and each unique row and its state once, as above, 16 an
// occurrence of lists, 8 D for each chunk of a run of several. Rows are wide loads where D, W and
// the address of dout are multiples of 4 floats. Row-wise Adagrad sums rows of more than 256
// columns twice. Prepare moves about 100 bytes an id.
// Errors: InvalidArgument for max_ids >= 2^31, 2^32 rows, 2^23 tables, columns or scratch that do
// not fit; DeviceError where a launch fails.

// What the host must know of descriptors that lie on the device.
struct UpdateSizes {
  int64_t batch = 0;       // B
  int64_t dim = 0;         // D, at least 1
  int64_t max_ids = 0;     // at least the ids of all tables together
  int64_t total_rows = 0;  // of all tables together
  int64_t most_rows = 0;   // of one of them
  bool weighted = false;   // some table has weights
};

// Throws as the two calls do for sizes that no scratch fits.
size_t embedding_update_scratch_bytes(int64_t num_tables, const UpdateSizes& sizes);

template <class Id>
void embedding_update_prepare(std::span<const TableUpdate<Id>> tables, const UpdateSizes& sizes,
                              std::span<std::byte> scratch, CudaStream stream);

// constants: on the device, of a rule of this kind; see update_constants().
template <class Id>
void embedding_update_apply(std::span<const TableUpdate<Id>> tables, ConstMatrix dout,
                            int64_t first_column, Pooling pooling, UpdateKind kind,
                            const UpdateConstants* constants, const UpdateSizes& sizes,
                            std::span<std::byte> scratch, CudaStream stream);

}  // namespace hotrow
