// Forward: a group of lanes, four columns each, walks through the ids of a few neighbouring bags.
// It asks for several rows, and for the ids behind them, before it adds the first, so that what is
// under way depends neither on how long bags are nor on whether there are offsets. Four columns are
// 16 bytes of what is written, whatever the type of the rows: whole sectors leave a warp.
#include "kernels/embedding_bag.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <type_traits>

#include "kernels/argument_checks.h"
#include "kernels/core/launch.cuh"
#include "kernels/core/parallel.h"
#include "kernels/core/vec.cuh"
#include "kernels/core/warp.cuh"
#include "kernels/embedding_fold_cuda.cuh"

namespace hotrow {
namespace {

constexpr int kThreads = 256;
constexpr int kWarps = kThreads / kWarpSize;

constexpr int kColumns = 4;  // of a lane

// Lanes for so many pieces of a row: a power of two.
int lanes_for(int64_t pieces) {
  int lanes = 1;
  while (lanes < kWarpSize && lanes < pieces) lanes *= 2;
  return lanes;
}

// Bags::begin is for the host. Id counts bags, too: there are fewer than 2^31.
template <class Id>
__device__ __forceinline__ Id begin_of(const Id* offsets, int b) {
  return offsets == nullptr ? Id{b} : offsets[b];
}

// Columns of a row as they lie in memory, all kColumns and aligned as a whole.
template <class T>
struct AlignedPiece {  // Bf16 and Fp16
  uint2 x = {};
  __device__ __forceinline__ void load(const T* p, int) {
    x = __ldg(reinterpret_cast<const uint2*>(p));
  }
  __device__ __forceinline__ float operator[](int i) const {
    const uint32_t pair = i < 2 ? x.x : x.y;
    return widen(T{static_cast<uint16_t>(i % 2 == 0 ? pair : pair >> 16)});
  }
};
template <>
struct AlignedPiece<float> {
  Float4 x = {};
  __device__ __forceinline__ void load(const float* p, int) { x = load4_read_only(p); }
  __device__ __forceinline__ float operator[](int i) const { return x[i]; }
};
// The first `columns` of kColumns, anywhere.
template <class T>
struct AnyPiece {
  T x[kColumns] = {};
  __device__ __forceinline__ void load(const T* p, int columns) {
#pragma unroll
    for (int i = 0; i < kColumns; ++i) {
      if (i < columns) x[i] = p[i];
    }
  }
  __device__ __forceinline__ float operator[](int i) const { return widen(x[i]); }
};

template <class T, bool kAligned>
using Piece = std::conditional_t<kAligned, AlignedPiece<T>, AnyPiece<T>>;

// ---- forward ----

constexpr int kAhead = 4;  // rows of a group under way
// Bags of a group: more than one only where this many warps have work. No bit depends on it.
constexpr int64_t kMostBags = 8;
constexpr int64_t kWarpsToFill = 16384;

struct Forward {
  float* out;      // the first column of the first table in bag 0
  int64_t stride;  // floats from bag to bag
  int batch, dim;
  int lanes;         // of a group
  int group_bags;    // bags of a group
  int slices;        // groups beside each other, where a warp is narrower than a row; else 1
  int slice_blocks;  // for one slice of all bags of a table
  bool aligned;      // what a lane writes begins at a multiple of 16 bytes
  bool mean;
};

// The bag that a group is adding up, and how many are left with it.
template <class Id>
struct OpenBag {
  const Id* ends;  // where the positions of this bag end; null: behind one id
  float* out;      // this lane's columns
  int bags;
  Id end;                  // position behind its last id
  Id count = 0, left = 0;  // its ids in all, and those still to be added
  Float4 sum = {};

  // Writes the sums of this lane's columns, and goes to the next bag.
  template <bool kAligned>
  __device__ __forceinline__ void close(const Forward& f, int columns) {
    const float scale = f.mean && count > 0 ? 1.0f / static_cast<float>(count) : 1.0f;
#pragma unroll
    for (int i = 0; i < kColumns; ++i) {
      sum[i] *= scale;
      if (!kAligned && i < columns) __stcs(out + i, sum[i]);
    }
    if (kAligned && columns > 0) store4_streaming(out, sum);
    sum = {};
    out += f.stride;
    if (ends != nullptr) ++ends;
    --bags;
    open();
  }
  __device__ __forceinline__ void open() {
    if (bags == 0) return;
    const Id begin = end;
    end = ends == nullptr ? begin + 1 : *ends;
    count = left = end - begin;
  }
  template <class AnyOrAligned>
  __device__ __forceinline__ void add(float weight, const AnyOrAligned& piece) {
#pragma unroll
    for (int i = 0; i < kColumns; ++i) sum[i] = fmaf(weight, piece[i], sum[i]);
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

// What a group does: some columns of the bags [first, last), none where both are equal.
struct Task {
  int first, last;
  int column;  // the first of this lane; at or beyond the end of a row that does not fill the group
};

// out: the first column of the table in bag 0.
template <class T, bool kAligned, class Id>
__device__ __forceinline__ void pool_bags(const Forward& f, float* out,
                                          const TableLookup<Id>& table, const Task& task) {
  const int in_group = lane() & (f.lanes - 1);
  const unsigned group = (kFullMask >> (kWarpSize - f.lanes)) << (lane() - in_group);
  const int turn = f.lanes < kAhead ? f.lanes : kAhead, columns = f.dim - task.column;
  // A lane without columns reads what the first lane reads.
  const T* rows = static_cast<const T*>(table.rows.data) + (columns > 0 ? task.column : 0);
  const Id* offsets = table.bags.offsets;
  const Id begin = begin_of(offsets, task.first), end = begin_of(offsets, task.last);
  OpenBag<Id> open{offsets == nullptr ? nullptr : offsets + task.first + 1,
                   out + task.first * f.stride + task.column, task.last - task.first, begin};
  open.open();
  Queue<Id> queue(table.bags, begin, end, in_group);
  Id next_id;
  float next_weight;
  queue.read(next_id, next_weight, in_group);
  do {
    const Id lane_id = next_id;
    const float lane_weight = next_weight;
    const int rows_now = queue.left >= turn ? turn
                         : queue.left > 0   ? static_cast<int>(queue.left)
                                            : 0;
    Piece<T, kAligned> pieces[kAhead];
#pragma unroll
    for (int u = 0; u < kAhead; ++u) {
      const Id id = __shfl_sync(kFullMask, lane_id, u, f.lanes);
      if (u < rows_now) pieces[u].load(rows + int64_t{id} * f.dim, columns);
    }
    queue.advance(turn);
    queue.read(next_id, next_weight, in_group);
    int done = 0;
    bool closes;
    do {  // rows of one bag
      const int stop = open.left < rows_now - done ? done + static_cast<int>(open.left) : rows_now;
#pragma unroll
      for (int u = 0; u < kAhead; ++u) {
        if (u < done || u >= stop) continue;
        // Not asked for before: a weight a row under way would be registers that rows need.
        open.add(__shfl_sync(group, lane_weight, u, f.lanes), pieces[u]);
      }
      open.left -= stop - done;
      done = stop;
      closes = open.left == 0 && open.bags > 0;
      if (closes) open.template close<kAligned>(f, columns);
    } while (closes);
  } while (__any_sync(kFullMask, queue.left > 0));
}

template <class T, class Id>
__device__ __forceinline__ void pool_any(const Forward& f, float* out, const TableLookup<Id>& table,
                                         const Task& task) {
  if (f.aligned && is_aligned16(table.rows.data)) {
    pool_bags<T, true>(f, out, table, task);
  } else {
    pool_bags<T, false>(f, out, table, task);
  }
}

// Four blocks a processor have 32 KB under way of rows of 16 bits, 64 KB of floats.
template <class Id>
__global__ void __launch_bounds__(kThreads, 4)
    embedding_bag_kernel(Forward f, const TableLookup<Id>* tables) {
  const unsigned slice_blocks = static_cast<unsigned>(f.slice_blocks);
  const unsigned slice_of_all = blockIdx.x / slice_blocks;
  const unsigned t = slice_of_all / static_cast<unsigned>(f.slices);
  const int slice = static_cast<int>(slice_of_all - t * static_cast<unsigned>(f.slices));
  const unsigned warp = (blockIdx.x - slice_of_all * slice_blocks) * kWarps + warp_in_block();
  const int64_t group = int64_t{warp} * (kWarpSize / f.lanes) + lane() / f.lanes;
  const int64_t first = group * f.group_bags, last = first + f.group_bags;
  const Task task{static_cast<int>(first < f.batch ? first : f.batch),
                  static_cast<int>(last < f.batch ? last : f.batch),
                  (slice * f.lanes + (lane() & (f.lanes - 1))) * kColumns};
  float* out = f.out + int64_t{t} * f.dim;
  const TableLookup<Id>& table = tables[t];
  switch (table.rows.type) {
    case TableType::kFloat32:
      return pool_any<float>(f, out, table, task);
    case TableType::kSplitBf16:
    case TableType::kBf16:
      return pool_any<Bf16>(f, out, table, task);
    case TableType::kFp16:
      return pool_any<Fp16>(f, out, table, task);
  }
}

// ---- gradient of the weights ----

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

// The fold of n columns, padded with zeros to twice `half`; right in the first lane of a group.
template <class T, bool kAligned>
__device__ __forceinline__ float fold(const float* a, const T* b, int n, int half, int in_group) {
  const int low = in_group * kColumns, high = low + half;
  Piece<float, kAligned> a_low, a_high;
  Piece<T, kAligned> b_low, b_high;
  if (low < half && low < n) {
    a_low.load(a + low, n - low);
    b_low.load(b + low, n - low);
  }
  if (low < half && high < n) {
    a_high.load(a + high, n - high);
    b_high.load(b + high, n - high);
  }
  Float4 q;
#pragma unroll
  for (int i = 0; i < kColumns; ++i) q[i] = fmaf(a_high[i], b_high[i], a_low[i] * b_low[i]);
  return fold_in_group(q, half, kFullMask);
}

template <class T, bool kAligned, class Id>
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
      sum +=
          fold<T, kAligned>(dout + column, row + column, active ? n : 0, half_of_fold(n), in_group);
    }
    if (active && in_group == 0) g.dweights[begin + i] = scale * sum;
  }
}

template <class T, class Id>
void launch_weight_grad(const WeightGrad& g, const TableLookup<Id>& table, CudaStream stream) {
  const int64_t groups_of_block = kWarps * (kWarpSize / g.lanes);
  const bool aligned = g.dim % kColumns == 0 && g.stride % kColumns == 0 && is_aligned16(g.dout) &&
                       is_aligned16(table.rows.data);
  launch("embedding_bag_weight_grad",
         aligned ? weight_grad_kernel<T, true, Id> : weight_grad_kernel<T, false, Id>,
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
  const int64_t pieces = ceil_div(dim, kColumns), slices = ceil_div(pieces, kWarpSize);
  const int lanes = lanes_for(pieces), of_warp = kWarpSize / lanes;
  const int64_t warps = num_tables * slices * ceil_div(batch, of_warp);  // of one bag a group
  const int64_t group_bags = std::clamp<int64_t>(warps / kWarpsToFill, 1, kMostBags);
  const int64_t slice_blocks = ceil_div(ceil_div(batch, group_bags), kWarps * of_warp);
  float* const first = out.data + first_column;
  const Forward f{first,
                  out.cols(),
                  static_cast<int>(batch),
                  static_cast<int>(dim),
                  lanes,
                  static_cast<int>(group_bags),
                  static_cast<int>(slices),
                  static_cast<int>(slice_blocks),
                  dim % kColumns == 0 && out.cols() % kColumns == 0 && is_aligned16(first),
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
                     half_of_fold(static_cast<int>(dim)) / kColumns,
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
