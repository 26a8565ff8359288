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

// Bags::begin is for the host. Id counts bags, too: there are fewer than 2^31.
template <class Id>
__device__ __forceinline__ Id begin_of(const Id* offsets, int b) {
  return offsets == nullptr ? Id{b} : offsets[b];
}

// ---- forward ----

constexpr int kAhead = 4;  // rows of a group under way
// Bags of a group: more than one only where this many warps have work. No bit depends on it.
constexpr int64_t kMostBags = 8;
constexpr int64_t kWarpsToFill = 16384;

struct Forward {
  float* out;      // the first column of the first table in bag 0
  int64_t stride;  // floats from bag to bag
  int batch, dim;
  int group_bags;  // bags of a group
  int groups;      // for all bags of a table
  // Of a table of floats. What other tables have more of slices or groups, their blocks do in turn.
  int slices, slice_blocks;
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

// The bag that a group is adding up, of those before `last`.
template <class Piece, class Id>
struct OpenBag {
  const Id* offsets;
  int bag, last;
  Id end;                  // position behind its last id
  Id count = 0, left = 0;  // its ids in all, and those still to be added
  float sum[Piece::kSize] = {};

  __device__ __forceinline__ OpenBag(const Bags<Id>& bags, int first, int last_)
      : offsets(bags.offsets), bag(first), last(last_), end(begin_of(offsets, first)) {
    open();
  }
  __device__ __forceinline__ Id begin() const { return end - count; }
  __device__ __forceinline__ void open() {
    if (bag == last) return;
    const Id first = end;
    end = begin_of(offsets, bag + 1);
    count = left = end - first;
  }
  __device__ __forceinline__ void add(float weight, const Piece& piece) {
    float x[Piece::kSize];
    piece.widen_to(x);
#pragma unroll
    for (int i = 0; i < Piece::kSize; ++i) sum[i] = fmaf(weight, x[i], sum[i]);
  }
  // Writes the sum, where this lane has columns, and opens the next bag. out: bag 0.
  __device__ __forceinline__ void close(const Forward& f, float* out, bool in_row) {
    const float scale = f.mean && count > 0 ? 1.0f / static_cast<float>(count) : 1.0f;
#pragma unroll
    for (int i = 0; i < Piece::kSize; ++i) sum[i] = scale * sum[i];
    if (in_row) Piece::store(out + bag * f.stride, sum);
#pragma unroll
    for (int i = 0; i < Piece::kSize; ++i) sum[i] = 0;
    ++bag;
    open();
  }
};

// The ids and weights of a group that are still to be added. Each lane reads one of a turn.
template <class Id>
struct Queue {
  const Id* ids;         // of this lane
  const float* weights;  // of this lane, or null
  Id left;               // of the group

  __device__ __forceinline__ Queue(const Bags<Id>& bags, Id begin, Id end, int in_group)
      : ids(bags.ids + begin + in_group),
        weights(bags.weights == nullptr ? nullptr : bags.weights + begin + in_group),
        left(end - begin) {}
  // 1 without weights: fma(1, x, s) == s + x.
  __device__ __forceinline__ void read(Id& id, float& weight, int in_group) const {
    id = 0;
    weight = 1;
    if (in_group >= left) return;
    id = *ids;
    if (weights != nullptr) weight = *weights;
  }
  __device__ __forceinline__ void advance(int turn) {
    ids += turn;
    if (weights != nullptr) weights += turn;
    left -= turn;
  }
};

// Bags [first, last) of a table, none where both are equal, in the columns [column, column + size
// of a Piece) of this lane; beyond the row where it does not fill the group. out: the first column
// of the table in bag 0.
template <class Piece, class T, class Id>
__device__ __forceinline__ void pool_bags(const Forward& f, float* out,
                                          const TableLookup<Id>& table, int first, int last,
                                          int column, int lanes) {
  const int in_group = lane() & (lanes - 1), leader = lane() - in_group;
  const int turn = lanes < kAhead ? lanes : kAhead;
  const bool in_row = column < f.dim;
  const T* rows = static_cast<const T*>(table.rows.data) + (in_row ? column : 0);
  out += column;
  OpenBag<Piece, Id> open(table.bags, first, last);
  Queue<Id> queue(table.bags, open.begin(), begin_of(open.offsets, last), in_group);
  Id next_id;
  float next_weight;
  queue.read(next_id, next_weight, in_group);
  do {
    const Id lane_id = next_id;
    const float lane_weight = next_weight;
    const int rows_now = queue.left < turn ? max(static_cast<int>(queue.left), 0) : turn;
    Piece pieces[kAhead];
    float weights[kAhead];
#pragma unroll
    for (int u = 0; u < kAhead; ++u) {
      const int from = leader + (u & (lanes - 1));
      const Id id = __shfl_sync(kFullMask, lane_id, from);
      weights[u] = __shfl_sync(kFullMask, lane_weight, from);
      if (u < rows_now) pieces[u].load(rows + int64_t{id} * f.dim);
    }
    queue.advance(turn);
    queue.read(next_id, next_weight, in_group);
    int done = 0;
    bool closes;
    do {  // rows of one bag
      const int end = open.left < rows_now - done ? done + static_cast<int>(open.left) : rows_now;
#pragma unroll
      for (int u = 0; u < kAhead; ++u) {
        if (u >= done && u < end) open.add(weights[u], pieces[u]);
      }
      open.left -= end - done;
      done = end;
      closes = open.left == 0 && open.bag < last;
      if (closes) open.close(f, out, in_row);
    } while (closes);
  } while (__any_sync(kFullMask, queue.left > 0));
}

// The part of block `block` of a table.
template <class Piece, class T, class Id>
__device__ __forceinline__ void pool_table(const Forward& f, float* out,
                                           const TableLookup<Id>& table, int block) {
  const int pieces = f.dim / Piece::kSize, lanes = lanes_for(pieces), of_warp = kWarpSize / lanes;
  const int slice_begin = block / f.slice_blocks;
  const int warp = (block - slice_begin * f.slice_blocks) * kWarps + warp_in_block();
  // A row has one slice unless a group is a warp.
  for (int slice = slice_begin; slice * kWarpSize < pieces; slice += f.slices) {
    const int column = (slice * lanes + (lane() & (lanes - 1))) * Piece::kSize;
    for (int group = warp * of_warp; group < f.groups; group += f.slice_blocks * kWarps * of_warp) {
      const int mine = group + lane() / lanes;
      const int first = mine < f.groups ? mine * f.group_bags : f.batch;
      const int last = f.batch - first < f.group_bags ? f.batch : first + f.group_bags;
      pool_bags<Piece, T>(f, out, table, first, last, column, lanes);
    }
  }
}

template <class T, class Id>
__device__ __forceinline__ void pool_rows(const Forward& f, float* out,
                                          const TableLookup<Id>& table, int block) {
  if (f.dim % Packed<T>::kSize == 0 && f.stride % 4 == 0 && is_aligned16(table.rows.data) &&
      is_aligned16(out)) {
    pool_table<WidePiece<T>, T>(f, out, table, block);
  } else {
    pool_table<NarrowPiece<T>, T>(f, out, table, block);
  }
}

template <class Id>
__global__ void __launch_bounds__(kThreads)
    embedding_bag_kernel(Forward f, const TableLookup<Id>* tables) {
  const unsigned table_blocks = static_cast<unsigned>(f.slices) * f.slice_blocks;
  const unsigned t = blockIdx.x / table_blocks;
  const int block = static_cast<int>(blockIdx.x - t * table_blocks);
  const TableLookup<Id>& table = tables[t];
  float* out = f.out + int64_t{t} * f.dim;
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
  int batch, dim;
  int lanes;       // of a group
  int bag_groups;  // groups of a bag
  bool mean;
};

// Half of the products that the fold of n > 0 columns has.
__host__ __device__ __forceinline__ int half_of_fold(int n) {
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
  const int64_t group_bag = g.bag_groups == 1 ? group : group / kBagGroups;
  const int in_group = lane() & (g.lanes - 1), bag_group = group - group_bag * g.bag_groups;
  // Groups behind the last bag do nothing, but come to the shuffles.
  const int bag = group_bag < g.batch ? static_cast<int>(group_bag) : g.batch - 1;
  const Id begin = begin_of(table.bags.offsets, bag);
  const Id count = group_bag < g.batch ? begin_of(table.bags.offsets, bag + 1) - begin : 0;
  const float scale = g.mean && count > 0 ? 1.0f / static_cast<float>(count) : 1.0f;
  const float* dout = g.dout + bag * g.stride;
  for (Id i = bag_group; __any_sync(kFullMask, i < count); i += g.bag_groups) {
    const bool active = i < count;
    const T* row = static_cast<const T*>(table.rows.data);
    if (active) row += int64_t{table.bags.ids[begin + i]} * g.dim;
    float sum = 0;
    for (int column = 0; column < g.dim; column += kFold) {
      const int left = g.dim - column, n = left < kFold ? left : kFold;
      sum += fold(dout + column, row + column, active ? n : 0, half_of_fold(n), in_group);
    }
    if (active && in_group == 0) g.dweights[begin + i] = scale * sum;
  }
}

template <class T, class Id>
void launch_weight_grad(const WeightGrad& g, const TableLookup<Id>& table, CudaStream stream) {
  const int64_t groups_of_block = kWarps * (kWarpSize / g.lanes);
  launch("embedding_bag_weight_grad", weight_grad_kernel<T, Id>,
         {ceil_div(int64_t{g.batch} * g.bag_groups, groups_of_block), kThreads}, stream, g, table);
}

}  // namespace

template <class Id>
void embedding_bag_forward(Matrix out, std::span<const TableLookup<Id>> tables,
                           int64_t first_column, Pooling pooling, int64_t dim, CudaStream stream) {
  const int64_t batch = out.rows(), num_tables = std::ssize(tables);
  check_bag_columns("embedding_bag_forward", out.cols(), first_column, dim * num_tables);
  check_holds<int32_t>("embedding_bag_forward", std::max(batch, dim));
  if (batch == 0 || dim == 0) return;
  const int64_t pieces = ceil_div(dim, Packed<float>::kSize), slices = ceil_div(pieces, kWarpSize);
  const int64_t of_warp = kWarpSize / lanes_for(pieces);
  const int64_t warps = num_tables * slices * ceil_div(batch, of_warp);  // of one bag a group
  const int64_t group_bags = std::clamp<int64_t>(warps / kWarpsToFill, 1, kMostBags);
  const int64_t groups = ceil_div(batch, group_bags);
  const int64_t slice_blocks = ceil_div(groups, kWarps * of_warp);
  const Forward f{out.data + first_column,      out.cols(),
                  static_cast<int>(batch),      static_cast<int>(dim),
                  static_cast<int>(group_bags), static_cast<int>(groups),
                  static_cast<int>(slices),     static_cast<int>(slice_blocks),
                  pooling == Pooling::kMean};
  launch("embedding_bag_forward", embedding_bag_kernel<Id>,
         {num_tables * slices * slice_blocks, kThreads}, stream, f, tables.data());
}

template <class Id>
void embedding_bag_weight_grad(float* dweights, ConstMatrix dout, int64_t first_column,
                               const TableLookup<Id>& table, Pooling pooling, CudaStream stream) {
  const int64_t batch = dout.rows(), dim = table.rows.cols();
  check_bag_columns("embedding_bag_weight_grad", dout.cols(), first_column, dim);
  check_holds<int32_t>("embedding_bag_weight_grad", std::max(batch, dim));
  const WeightGrad g{dweights,
                     dout.data + first_column,
                     dout.cols(),
                     static_cast<int>(batch),
                     static_cast<int>(dim),
                     lanes_for(half_of_fold(static_cast<int>(dim))),
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
