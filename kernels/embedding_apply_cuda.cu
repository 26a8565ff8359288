#include <cuda_runtime.h>

#include <algorithm>
#include <cstdint>

#include "kernels/argument_checks.h"
#include "kernels/core/async.cuh"
#include "kernels/core/launch.cuh"
#include "kernels/core/parallel.h"
#include "kernels/core/vec.cuh"
#include "kernels/core/warp.cuh"
#include "kernels/embedding_fold_cuda.cuh"
#include "kernels/embedding_row_cuda.cuh"
#include "kernels/embedding_update_cuda.cuh"

// A group of lanes as wide as a row looks at as many places of the sorted occurrences at once and
// takes the chunks that start there in turn: the gradients of a chunk are summed in registers,
// several rows in flight, beside the row that they change. A run of several chunks leaves its sums
// in the scratch, where a block adds them in order, each thread a column.

namespace hotrow {
namespace {

constexpr const char* kOp = "embedding_update_apply";
constexpr int kThreads = 256;
constexpr int kRowsInFlight = 4;   // of dout, a group
constexpr int kFoldThreads = 128;  // of a block that adds up long runs
constexpr int64_t kMaxFoldBlocks = 1024;
// A thread's. A row that 65,536 bags share has 1,024 partial sums: 32 round trips to the cache.
constexpr int kPartialsInFlight = 32;

// What the kernels are given.
struct Apply {
  UpdateScratch scratch;
  const float* dout;  // at the first column of the first table
  uint32_t dout_stride, max_ids;
  int dim;
  const float* coefficients;  // null: all are 1
  UpdateKind kind;
  const UpdateConstants* constants;
};

// The lanes of a warp that work on one row.
template <int kLanes>
struct Group {
  int lane = static_cast<int>(threadIdx.x) % kLanes;
  int in_block = static_cast<int>(threadIdx.x) / kLanes;
  int shift = hotrow::lane() / kLanes * kLanes;
  unsigned mask = (kFullMask >> (kWarpSize - kLanes)) << shift;
};

// Floats of shared memory that a group folds its squares in: it holds wider rows than a group of
// fewer than 32 lanes works on.
constexpr int fold_floats(int lanes) { return lanes == 32 ? kFold : 4 * lanes; }

// The sum of squares of a[0 .. n), folded; in lane 0. `a` is shared memory with room for the zeros
// that pad it.
template <int kLanes>
__device__ __forceinline__ float fold_squares(float* a, int n, const Group<kLanes>& group) {
  const int half = half_of_fold(n);
  for (int d = n + group.lane; d < 2 * half; d += kLanes) a[d] = 0;
  __syncwarp(group.mask);
  Float4 q{};
  if (4 * group.lane < half) {
    const Float4 low = load4(a + 4 * group.lane), high = load4(a + 4 * group.lane + half);
    for (int i = 0; i < 4; ++i) q[i] = fmaf(high[i], high[i], low[i] * low[i]);
  }
  const float sum = fold_in_group(q, half, group.mask);
  __syncwarp(group.mask);
  return sum;
}

// The gradient of a row that occurs up to kChunk times.
template <int kVec>
struct ChunkGradient {
  const float* dout;  // at the first column of the table
  uint32_t stride;
  const uint32_t* bags;
  const float* coefficients;  // or null
  int count;

  __device__ __forceinline__ Columns<kVec> operator()(int column) const {
    Columns<kVec> sum{};
    for (int begin = 0; begin < count; begin += kRowsInFlight) {
      Columns<kVec> row[kRowsInFlight];
      float coefficient[kRowsInFlight];
      for (int i = 0; i < kRowsInFlight; ++i) {
        if (begin + i >= count) continue;
        row[i] = load_columns<kVec>(dout + uint64_t{bags[begin + i]} * stride + column);
        coefficient[i] = coefficients == nullptr ? 1.0f : coefficients[begin + i];
      }
      for (int i = 0; i < kRowsInFlight; ++i) {
        if (begin + i >= count) continue;
        // With 1 the very bits of an addition.
        for (int v = 0; v < kVec; ++v) {
          sum.x[v] = fmaf(coefficient[i], row[i].x[v], sum.x[v]);
        }
      }
    }
    return sum;
  }
};

// The gradient of a row that already lies in memory.
template <int kVec>
struct StoredGradient {
  const float* g;
  __device__ __forceinline__ Columns<kVec> operator()(int column) const {
    return load_columns<kVec>(g + column);
  }
};

// Adds the mean square of the row's gradient to its state; returns the row's own learning rate to
// every lane. `shared` holds the last kFold columns of the gradient afterwards; those of a lane are
// its own to read and to write.
template <int kVec, int kLanes, class Gradient>
__device__ __forceinline__ float rowwise_rate(const Apply& a, const TablePlan& table, uint32_t row,
                                              float* shared, const Group<kLanes>& group,
                                              const Gradient& gradient) {
  float mean = group.lane == 0 ? table.state[row] : 0;
  float squares = 0;
  for (int block = 0; block < a.dim; block += kFold) {
    const int width = a.dim - block < kFold ? a.dim - block : kFold;
    for (int c = group.lane * kVec; c < width; c += kLanes * kVec) {
      store_columns(shared + c, gradient(block + c));
    }
    squares += fold_squares(shared, width, group);
  }
  mean += squares / static_cast<float>(a.dim);
  if (group.lane == 0) table.state[row] = mean;
  const float rate = a.constants->table_rate / (sqrtf(mean) + a.constants->eps);
  return __shfl_sync(group.mask, rate, 0, kLanes);
}

// Applies the rule to a row, whose gradient in kVec columns is gradient(column). Table and rule are
// read where they are used, again behind a store: copies would take 13 registers more, and with
// them a quarter of the warps.
template <int kVec, int kLanes, class Gradient>
__device__ __forceinline__ void update_row(const Apply& a, const TablePlan& table, uint32_t row,
                                           float* shared, const Group<kLanes>& group,
                                           const Gradient& gradient) {
  const UpdateConstants& c = *a.constants;
  const bool rowwise = a.kind == UpdateKind::kRowwiseAdagrad;
  const float rate =
      rowwise ? rowwise_rate<kVec>(a, table, row, shared, group, gradient) : c.table_rate;
  for (int column = group.lane * kVec; column < a.dim; column += kLanes * kVec) {
    const int64_t at = int64_t{row} * a.dim + column;
    Columns<kVec> w = load_row<kVec>(table, at);  // on their way beside the gradients
    RowState<kVec> state = load_state<kVec>(a.kind, table, at);
    const Columns<kVec> g =
        rowwise && a.dim <= kFold ? load_columns<kVec>(shared + column) : gradient(column);
    apply_rule(a.kind, c, rate, w, state, g);
    store_state(a.kind, table, at, state);
    store_row(table, at, w, {table.rounding, c.step, row}, column);
  }
}

template <int kVec, int kLanes>
__device__ __forceinline__ void apply_chunk(const Apply& a, uint32_t place, const Chunk& chunk,
                                            float* shared, const Group<kLanes>& group) {
  const ChunkGradient<kVec> gradient{
      a.dout + int64_t{chunk.table} * a.dim, a.dout_stride, a.scratch.bags + place,
      a.coefficients == nullptr ? nullptr : a.coefficients + place, static_cast<int>(chunk.count)};
  if (!chunk.is_part) {
    return update_row<kVec>(a, a.scratch.tables[chunk.table], chunk.row, shared, group, gradient);
  }
  float* partial = a.scratch.partials + partial_slot(place, chunk.is_first) * a.dim;
  for (int column = group.lane * kVec; column < a.dim; column += kLanes * kVec) {
    store_columns(partial + column, gradient(column));
  }
}

template <int kVec, int kLanes>
__global__ void __launch_bounds__(kThreads) apply_chunks(Apply a) {
  const Group<kLanes> group;
  float* shared = dynamic_shared<float>() + group.in_block * fold_floats(kLanes);
  const uint32_t mine = blockIdx.x * kThreads + threadIdx.x;
  const bool starts = mine < a.max_ids && a.scratch.chunks[mine].count != 0;
  unsigned left = (__ballot_sync(kFullMask, starts) & group.mask) >> group.shift;
  for (; left != 0; left &= left - 1) {
    const uint32_t place = mine - group.lane + __ffs(static_cast<int>(left)) - 1;
    apply_chunk<kVec>(a, place, a.scratch.chunks[place], shared, group);
  }
}

// A thread's column of a long run: g = ((p_0 + p_1) + p_2) + ..., left where p_0 was.
__device__ __forceinline__ void add_partials(float* first, uint32_t chunks, int dim) {
  float sum = *first;
  for (uint32_t begin = 1; begin < chunks; begin += kPartialsInFlight) {
    float p[kPartialsInFlight];
    for (uint32_t i = 0; i < kPartialsInFlight; ++i) {
      if (begin + i < chunks) p[i] = first[(2 * int64_t{begin + i} + 1) * dim];
    }
    for (uint32_t i = 0; i < kPartialsInFlight; ++i) {
      if (begin + i < chunks) sum += p[i];
    }
  }
  *first = sum;
}

// More than four blocks a processor would spill what a thread has under way.
template <int kVec, int kLanes>
__global__ void __launch_bounds__(kFoldThreads, 4) apply_long_runs(Apply a) {
  const uint32_t num_runs = *a.scratch.num_long_runs;
  for (uint32_t i = blockIdx.x; i < num_runs; i += gridDim.x) {
    const LongRun run = a.scratch.long_runs[i];
    const Chunk chunk = a.scratch.chunks[run.begin];
    float* g = a.scratch.partials + partial_slot(run.begin, true) * a.dim;
    for (int column = static_cast<int>(threadIdx.x); column < a.dim; column += kFoldThreads) {
      add_partials(g + column, run.chunks, a.dim);
    }
    __syncthreads();
    if (threadIdx.x < kLanes) {
      update_row<kVec>(a, a.scratch.tables[chunk.table], chunk.row, dynamic_shared<float>(),
                       Group<kLanes>(), StoredGradient<kVec>{g});
    }
  }
}

// c_j of every place.
template <class Id>
__global__ void write_coefficients(float* coefficients, const TableUpdate<Id>* tables,
                                   UpdateScratch scratch, int64_t num_tables, int64_t max_ids,
                                   Pooling pooling) {
  const int64_t place = int64_t{blockIdx.x} * kThreads + threadIdx.x;
  if (place >= max_ids) return;
  const uint32_t position = scratch.positions[place];
  const int64_t t = table_of_position(scratch.tables, num_tables, position);
  if (t == num_tables) return;
  const Bags<Id> bags = tables[t].bags;
  float coefficient = 1;
  if (pooling == Pooling::kMean && bags.offsets != nullptr) {
    const uint32_t bag = scratch.bags[place];
    coefficient = 1.0f / static_cast<float>(bags.offsets[bag + 1] - bags.offsets[bag]);
  }
  if (bags.weights != nullptr) {
    coefficient = bags.weights[position - scratch.tables[t].first_position] * coefficient;
  }
  coefficients[place] = coefficient;
}

LaunchShape over_places(int64_t max_ids) { return {ceil_div(max_ids, kThreads), kThreads}; }

template <int kVec, int kLanes>
void launch_apply(const Apply& a, CudaStream stream) {
  LaunchShape shape = over_places(a.max_ids);
  LaunchShape long_shape{std::min<int64_t>(a.max_ids / (kChunk + 1), kMaxFoldBlocks), kFoldThreads};
  if (a.kind == UpdateKind::kRowwiseAdagrad) {
    constexpr size_t kGroupBytes = fold_floats(kLanes) * sizeof(float);
    shape.shared_bytes = kThreads / kLanes * kGroupBytes;
    long_shape.shared_bytes = kGroupBytes;
  }
  launch(kOp, apply_chunks<kVec, kLanes>, shape, stream, a);
  launch(kOp, apply_long_runs<kVec, kLanes>, long_shape, stream, a);
}

// Lanes for a row of `dim` columns, so that few idle.
void launch_apply(bool aligned, const Apply& a, CudaStream stream) {
  if (!aligned) return a.dim <= 8 ? launch_apply<1, 8>(a, stream) : launch_apply<1, 32>(a, stream);
  if (a.dim <= 16) return launch_apply<4, 4>(a, stream);
  if (a.dim <= 32) return launch_apply<4, 8>(a, stream);
  if (a.dim <= 64) return launch_apply<4, 16>(a, stream);
  launch_apply<4, 32>(a, stream);
}

}  // namespace

template <class Id>
void embedding_update_apply(std::span<const TableUpdate<Id>> tables, ConstMatrix dout,
                            int64_t first_column, Pooling pooling, UpdateKind kind,
                            const UpdateConstants* constants, const UpdateSizes& sizes,
                            std::span<std::byte> scratch, CudaStream stream) {
  if (tables.empty() || sizes.max_ids == 0) return;
  check_bag_columns(kOp, dout.cols(), first_column, sizes.dim * std::ssize(tables));
  Apply a{.scratch = carve_scratch(kOp, scratch, std::ssize(tables), sizes),
          .dout = dout.data + first_column,
          .dout_stride = static_cast<uint32_t>(dout.cols()),
          .max_ids = static_cast<uint32_t>(sizes.max_ids),
          .dim = static_cast<int>(sizes.dim),
          .coefficients = nullptr,
          .kind = kind,
          .constants = constants};
  if (sizes.weighted || pooling == Pooling::kMean) {
    launch(kOp, write_coefficients<Id>, over_places(a.max_ids), stream, a.scratch.coefficients,
           tables.data(), a.scratch, std::ssize(tables), sizes.max_ids, pooling);
    a.coefficients = a.scratch.coefficients;
  }
  const bool aligned = sizes.dim % 4 == 0 && dout.cols() % 4 == 0 && is_aligned16(a.dout);
  launch_apply(aligned, a, stream);
}

template void embedding_update_apply(std::span<const TableUpdate<int32_t>>, ConstMatrix, int64_t,
                                     Pooling, UpdateKind, const UpdateConstants*,
                                     const UpdateSizes&, std::span<std::byte>, CudaStream);
template void embedding_update_apply(std::span<const TableUpdate<int64_t>>, ConstMatrix, int64_t,
                                     Pooling, UpdateKind, const UpdateConstants*,
                                     const UpdateSizes&, std::span<std::byte>, CudaStream);

}  // namespace hotrow
