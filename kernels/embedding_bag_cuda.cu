// Forward: a group of lanes, as many as a row has pieces of 16 bytes, walks through the ids of a
// few neighbouring bags. It asks for kAhead rows, and for the ids behind them, before it adds the
// first, so that what is under way depends neither on how long bags are nor on whether there are
// offsets. All groups of a warp take the same number of turns, because shuffles need all lanes.
#include "kernels/embedding_bag.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "kernels/argument_checks.h"
#include "kernels/core/launch.cuh"
#include "kernels/core/parallel.h"
#include "kernels/core/vec.cuh"
#include "kernels/core/warp.cuh"

namespace hotrow {
namespace {

constexpr int kThreads = 256;
constexpr int kWarps = kThreads / kWarpSize;

// Lanes for so many pieces of a row: a power of two.
__host__ __device__ __forceinline__ int lanes_for(int64_t pieces) {
  int lanes = 1;
  while (lanes < kWarpSize && lanes < pieces) lanes *= 2;
  return lanes;
}

// Bags::begin is for the host.
template <class Id>
__device__ __forceinline__ int64_t begin_of(const Bags<Id>& bags, int64_t b) {
  return bags.offsets == nullptr ? b : int64_t{bags.offsets[b]};
}

// ---- forward ----

constexpr int kAhead = 4;  // rows of a group under way
// Bags of a group: more than one only where this many warps have work. No bit depends on it.
constexpr int64_t kMostBags = 8;
constexpr int64_t kWarpsToFill = 16384;

struct Forward {
  float* out;      // the first column of the first table in bag 0
  int64_t stride;  // floats from bag to bag
  int64_t batch, dim;
  int group_bags;
  int64_t groups;  // for all bags of a table
  // Of a table of floats. What other tables have more of slices or groups, their blocks do in turn.
  unsigned slices, slice_blocks;
  bool mean;
};

// Neighbouring elements of a row as they lie in memory: 16 bytes, or one element where rows or bags
// do not begin at multiples of 16 bytes.
template <class T>
struct WidePiece {
  static constexpr int kSize = Packed<T>::kSize;
  Packed<T> x = {};
  __device__ __forceinline__ void load(const T* p) { x = load_packed_read_only(p); }
  __device__ __forceinline__ void widen_to(float (&values)[kSize]) const { widen(values, x); }
  static __device__ __forceinline__ void store(float* p, const float (&sum)[kSize]) {
#pragma unroll
    for (int i = 0; i < kSize; i += 4) {
      store4_streaming(p + i, {{sum[i], sum[i + 1], sum[i + 2], sum[i + 3]}});
    }
  }
};
template <class T>
struct NarrowPiece {
  static constexpr int kSize = 1;
  T x = {};
  __device__ __forceinline__ void load(const T* p) { x = *p; }
  __device__ __forceinline__ void widen_to(float (&values)[1]) const { values[0] = widen(x); }
  static __device__ __forceinline__ void store(float* p, const float (&sum)[1]) {
    __stcs(p, sum[0]);
  }
};

// The columns of a row that a group sums.
struct Slice {
  int lanes;       // of a group
  int64_t column;  // the first of this lane
  bool in_row;     // not of the lanes that the row does not fill
};

// The bag that a group is adding up, of those before `last`.
template <class Piece, class Id>
struct OpenBag {
  int64_t bag, last;
  Id end;          // position behind its last id
  Id count, left;  // ids in all, and those still to be added
  float sum[Piece::kSize] = {};

  // The ids from position `begin` on.
  __device__ __forceinline__ void open(const Bags<Id>& bags, Id begin) {
    end = bag < last ? static_cast<Id>(begin_of(bags, bag + 1)) : begin;
    count = left = end - begin;
  }
  __device__ __forceinline__ void add(float weight, const Piece& piece) {
    float x[Piece::kSize];
    piece.widen_to(x);
#pragma unroll
    for (int i = 0; i < Piece::kSize; ++i) sum[i] = fmaf(weight, x[i], sum[i]);
    --left;
  }
  // Writes the sum and opens the next bag. out: the columns of this lane in bag 0.
  __device__ __forceinline__ void close(const Forward& f, float* out, bool in_row,
                                        const Bags<Id>& bags) {
    const float scale = f.mean && count > 0 ? 1.0f / static_cast<float>(count) : 1.0f;
#pragma unroll
    for (int i = 0; i < Piece::kSize; ++i) sum[i] = scale * sum[i];
    if (in_row) Piece::store(out + bag * f.stride, sum);
#pragma unroll
    for (int i = 0; i < Piece::kSize; ++i) sum[i] = 0;
    ++bag;
    open(bags, end);
  }
};

// The id and the weight at a position, of which each lane of a group reads one.
template <class Id>
struct Lookup {
  Id id = 0;
  float weight = 1;  // fma(1, x, s) == s + x
};
template <class Id>
__device__ __forceinline__ Lookup<Id> lookup_at(const Bags<Id>& bags, int64_t at, bool exists) {
  Lookup<Id> lookup;
  if (exists) {
    lookup.id = bags.ids[at];
    if (bags.weights != nullptr) lookup.weight = bags.weights[at];
  }
  return lookup;
}

// Bags [first, last) of a table; none is allowed. out: the first column of the table in bag 0.
template <class Piece, class T, class Id>
__device__ __forceinline__ void pool_bags(const Forward& f, float* out, const T* rows,
                                          const Bags<Id>& bags, const Slice& slice, int64_t first,
                                          int64_t last) {
  const int in_group = lane() & (slice.lanes - 1), leader = lane() - in_group;
  const int turn = slice.lanes < kAhead ? slice.lanes : kAhead;
  out += slice.column;
  rows += slice.in_row ? slice.column : 0;
  int64_t at = begin_of(bags, first);
  Id left = static_cast<Id>(begin_of(bags, last) - at);  // ids of all bags
  OpenBag<Piece, Id> open{first, last};
  open.open(bags, static_cast<Id>(at));
  Lookup<Id> next = lookup_at(bags, at + in_group, in_group < left);
  while (__any_sync(kFullMask, left > 0)) {
    const Lookup<Id> now = next;
    Piece pieces[kAhead];
#pragma unroll
    for (int u = 0; u < kAhead; ++u) {
      const Id id = __shfl_sync(kFullMask, now.id, leader + (u & (slice.lanes - 1)));
      if (u < turn && u < left) pieces[u].load(rows + int64_t{id} * f.dim);
    }
    at += turn;
    next = lookup_at(bags, at + in_group, in_group + turn < left);
#pragma unroll
    for (int u = 0; u < kAhead; ++u) {
      const float weight = __shfl_sync(kFullMask, now.weight, leader + (u & (slice.lanes - 1)));
      if (u < turn && u < left) {
        while (open.left == 0 && open.bag < last) open.close(f, out, slice.in_row, bags);
        open.add(weight, pieces[u]);
      }
    }
    left -= turn;
  }
  while (open.bag < last) open.close(f, out, slice.in_row, bags);
}

// The part of block `block` of a table. out: the first column of the table in bag 0.
template <class Piece, class T, class Id>
__device__ __forceinline__ void pool_table(const Forward& f, float* out, const T* rows,
                                           const Bags<Id>& bags, unsigned block) {
  const int64_t pieces = (f.dim + Piece::kSize - 1) / Piece::kSize;
  const int64_t slices = (pieces + kWarpSize - 1) / kWarpSize;  // 1 unless a group is a warp
  const int lanes = lanes_for(pieces), of_warp = kWarpSize / lanes;
  const unsigned slice_begin = block / f.slice_blocks;
  const int64_t warp = int64_t{block - slice_begin * f.slice_blocks} * kWarps + warp_in_block();
  const int64_t step = int64_t{f.slice_blocks} * kWarps * of_warp;
  for (int64_t slice = slice_begin; slice < slices; slice += f.slices) {
    const int64_t column = (slice * lanes + (lane() & (lanes - 1))) * Piece::kSize;
    for (int64_t group = warp * of_warp; group < f.groups; group += step) {
      int64_t first = (group + lane() / lanes) * f.group_bags;
      if (first > f.batch) first = f.batch;
      const int64_t last = f.batch - first < f.group_bags ? f.batch : first + f.group_bags;
      pool_bags<Piece>(f, out, rows, bags, {lanes, column, column < f.dim}, first, last);
    }
  }
}

template <class T, class Id>
__device__ __forceinline__ void pool_rows(const Forward& f, float* out,
                                          const TableLookup<Id>& table, unsigned block) {
  const T* rows = static_cast<const T*>(table.rows.data);
  const Bags<Id> bags = table.bags;  // in registers: stores might change what memory holds
  if (f.dim % Packed<T>::kSize == 0 && f.stride % 4 == 0 && is_aligned16(rows) &&
      is_aligned16(out)) {
    pool_table<WidePiece<T>>(f, out, rows, bags, block);
  } else {
    pool_table<NarrowPiece<T>>(f, out, rows, bags, block);
  }
}

template <class Id>
__global__ void __launch_bounds__(kThreads)
    embedding_bag_kernel(Forward f, const TableLookup<Id>* tables) {
  const unsigned table_blocks = f.slices * f.slice_blocks;
  const unsigned t = blockIdx.x / table_blocks, block = blockIdx.x - t * table_blocks;
  const TableLookup<Id>& table = tables[t];
  float* out = f.out + t * f.dim;
  switch (table.rows.type) {
    case TableType::kFloat32:
      return pool_rows<float>(f, out, table, block);
    case TableType::kSplitBf16:
    case TableType::kBf16:
      return pool_rows<Bf16>(f, out, table, block);
    case TableType::kFp16:
      return pool_rows<Fp16>(f, out, table, block);
  }
}

// ---- gradient of the weights ----

constexpr int kFold = 256;     // columns that one fold sums
constexpr int kBagGroups = 4;  // groups that share a bag's ids, where it may have several

struct WeightGrad {
  float* dweights;
  const float* dout;  // the first column of the table in bag 0
  int64_t stride;     // floats from bag to bag
  int64_t batch, dim;
  int lanes;       // of a group
  int bag_groups;  // groups of a bag
  bool mean;
};

// Half of the products that the fold of n > 0 columns has.
__host__ __device__ __forceinline__ int half_of_fold(int64_t n) {
  int half = 8;
  while (2 * half < n && 2 * half < kFold) half *= 2;
  return half;
}

// The fold of kernels/embedding_bag.h over n columns, padded with zeros to twice `half`; right in
// the first lane of a group. A lane has the columns that are its own modulo 32, so that the large
// halves fold within it.
template <class T>
__device__ __forceinline__ float fold(const float* a, const T* b, int n, int half, int in_group) {
  float q[kFold / 2 / kWarpSize] = {};
#pragma unroll
  for (int m = 0; m < kFold / 2 / kWarpSize; ++m) {
    const int low = in_group + m * kWarpSize, high = low + half;
    if (low >= half) continue;
    const float product = low < n ? a[low] * widen(b[low]) : 0.0f;
    q[m] = fmaf(high < n ? a[high] : 0.0f, high < n ? widen(b[high]) : 0.0f, product);
  }
  if (half >= 4 * kWarpSize) {
    q[0] += q[2];
    q[1] += q[3];
  }
  if (half >= 2 * kWarpSize) q[0] += q[1];
  for (int h = (half < kWarpSize ? half : kWarpSize) / 2; h > 0; h /= 2) {
    q[0] += __shfl_xor_sync(kFullMask, q[0], h);
  }
  return q[0];
}

template <class T, class Id>
__global__ void __launch_bounds__(kThreads)
    weight_grad_kernel(WeightGrad g, TableLookup<Id> table) {
  const int64_t warp = int64_t{blockIdx.x} * kWarps + warp_in_block();
  const int64_t group = warp * (kWarpSize / g.lanes) + lane() / g.lanes;
  const int64_t bag = g.bag_groups == 1 ? group : group / kBagGroups;
  const int in_group = lane() & (g.lanes - 1);
  const int64_t begin = bag < g.batch ? begin_of(table.bags, bag) : 0;
  const int64_t end = bag < g.batch ? begin_of(table.bags, bag + 1) : 0;
  const float scale = g.mean && end > begin ? 1.0f / static_cast<float>(end - begin) : 1.0f;
  const float* dout = g.dout + bag * g.stride;
  int64_t at = begin + (group - bag * g.bag_groups);
  for (; __any_sync(kFullMask, at < end); at += g.bag_groups) {
    const bool active = at < end;
    const T* row = static_cast<const T*>(table.rows.data);
    if (active) row += int64_t{table.bags.ids[at]} * g.dim;
    float sum = 0;
    for (int64_t column = 0; column < g.dim; column += kFold) {
      const int64_t left = g.dim - column, n = left < kFold ? left : kFold;
      sum += fold(dout + column, row + column, active ? static_cast<int>(n) : 0, half_of_fold(n),
                  in_group);
    }
    if (active && in_group == 0) g.dweights[at] = scale * sum;
  }
}

template <class T, class Id>
void launch_weight_grad(const WeightGrad& g, const TableLookup<Id>& table, CudaStream stream) {
  const int64_t groups_of_block = kWarps * (kWarpSize / g.lanes);
  launch("embedding_bag_weight_grad", weight_grad_kernel<T, Id>,
         {ceil_div(g.batch * g.bag_groups, groups_of_block), kThreads}, stream, g, table);
}

}  // namespace

template <class Id>
void embedding_bag_forward(Matrix out, std::span<const TableLookup<Id>> tables,
                           int64_t first_column, Pooling pooling, int64_t dim, CudaStream stream) {
  const int64_t batch = out.rows(), num_tables = std::ssize(tables);
  check_bag_columns("embedding_bag_forward", out.cols(), first_column, dim * num_tables);
  if (batch == 0 || dim == 0) return;
  const int64_t pieces = ceil_div(dim, Packed<float>::kSize), slices = ceil_div(pieces, kWarpSize);
  const int64_t of_warp = kWarpSize / lanes_for(pieces);
  const int64_t warps = num_tables * slices * ceil_div(batch, of_warp);  // of one bag a group
  const int64_t group_bags = std::clamp<int64_t>(warps / kWarpsToFill, 1, kMostBags);
  const int64_t groups = ceil_div(batch, group_bags);
  const int64_t slice_blocks = ceil_div(groups, kWarps * of_warp);
  const Forward f{out.data + first_column,
                  out.cols(),
                  batch,
                  dim,
                  static_cast<int>(group_bags),
                  groups,
                  static_cast<unsigned>(slices),
                  static_cast<unsigned>(slice_blocks),
                  pooling == Pooling::kMean};
  launch("embedding_bag_forward", embedding_bag_kernel<Id>,
         {num_tables * slices * slice_blocks, kThreads}, stream, f, tables.data());
}

template <class Id>
void embedding_bag_weight_grad(float* dweights, ConstMatrix dout, int64_t first_column,
                               const TableLookup<Id>& table, Pooling pooling, CudaStream stream) {
  const int64_t dim = table.rows.cols();
  check_bag_columns("embedding_bag_weight_grad", dout.cols(), first_column, dim);
  const WeightGrad g{dweights,
                     dout.data + first_column,
                     dout.cols(),
                     dout.rows(),
                     dim,
                     lanes_for(half_of_fold(dim)),
                     table.bags.offsets == nullptr ? 1 : kBagGroups,
                     pooling == Pooling::kMean};
  switch (table.rows.type) {
    case TableType::kFloat32:
      return launch_weight_grad<float>(g, table, stream);
    case TableType::kSplitBf16:
    case TableType::kBf16:
      return launch_weight_grad<Bf16>(g, table, stream);
    case TableType::kFp16:
      return launch_weight_grad<Fp16>(g, table, stream);
  }
}

#define HOTROW_INSTANTIATE(Id)                                                                    \
  template void embedding_bag_forward(Matrix, std::span<const TableLookup<Id>>, int64_t, Pooling, \
                                      int64_t, CudaStream);                                       \
  template void embedding_bag_weight_grad(float*, ConstMatrix, int64_t, const TableLookup<Id>&,   \
                                          Pooling, CudaStream);
HOTROW_INSTANTIATE(int32_t)
HOTROW_INSTANTIATE(int64_t)
#undef HOTROW_INSTANTIATE

}  // namespace hotrow
