#include "kernels/interaction_cuda.cuh"
#include "kernels/interaction_shapes.h"

namespace hotrow {
namespace {

constexpr int kTile = 8;       // a thread has kTile rows of dx, four columns wide
constexpr int kThreads = 128;  // of a block, at most
constexpr int kSquare = InteractionArgs::kSquare;

// g of the pairs of features [row0, + rows) and [column0, + columns): row i and column j at
// j * stride + i; on the diagonal 2 g, or 0 without self interaction. `dz` is a sample's.
__device__ void load_gradients(float* shared, int stride, const float* dz,
                               const InteractionArgs& args, int64_t row0, int rows, int64_t column0,
                               int columns) {
  const bool diagonal = row0 == column0, transposed = row0 >= column0;
  // Pairs lie in the order of their larger feature.
  const int64_t high0 = transposed ? row0 : column0, low0 = transposed ? column0 : row0;
  const int highs = transposed ? rows : columns, lows = transposed ? columns : rows;
  const int warps = static_cast<int>(blockDim.x) / kWarpSize;
#pragma unroll 4
  for (int high = warp_in_block(); high < highs; high += warps) {
    const float* g = dz + args.D + args.pairs_before(high0 + high) + low0;
    const int length = diagonal ? high + args.self : lows;
#pragma unroll
    for (int half = 0; half < kSquare / kWarpSize; ++half) {
      const int low = half * kWarpSize + lane();
      if (low >= length) continue;
      const float v = __ldg(g + low) * (diagonal && low == high ? 2.0f : 1.0f);
      if (transposed) shared[low * stride + high] = v;
      if (diagonal || !transposed) shared[high * stride + low] = v;
    }
    if (diagonal && !args.self && lane() == 0) shared[high * stride + high] = 0;
  }
}

// The first `count` of four floats; the others are 0.
__device__ Float4 load_first(const float* p, int count) {
  return {{p[0], count > 1 ? p[1] : 0, count > 2 ? p[2] : 0, count > 3 ? p[3] : 0}};
}

__device__ void write_gradient(const FeatureGrad& grad, int64_t sample, int64_t column, Float4 v,
                               int count) {
  float* to = grad.data + sample * grad.stride + column;
  if (count >= 4 && is_aligned16(to)) {
    if (grad.accumulate) {
      const Float4 old = load4(to);
#pragma unroll
      for (int c = 0; c < 4; ++c) v[c] = old[c] + v[c];
    }
    return store4_streaming(to, v);
  }
#pragma unroll
  for (int c = 0; c < 4; ++c) {
    if (c < count) to[c] = grad.accumulate ? to[c] + v[c] : v[c];
  }
}

// Sums of kTile rows of dx and four columns.
struct RowSums {
  Float4 of[kTile];

  __device__ void clear() {
#pragma unroll
    for (int r = 0; r < kTile; ++r) of[r] = {{0, 0, 0, 0}};
  }
  // Adds g_ij x_j for the `count` features x_j in their order; g at its first row.
  __device__ void add(const float* g, int g_stride, const float* x, int x_stride, int count) {
    for (int j = 0; j < count; ++j) {
      const Float4 v = load4(x + j * x_stride);
      const Float4 factors[] = {load4(g + j * g_stride), load4(g + j * g_stride + 4)};
#pragma unroll
      for (int r = 0; r < kTile; ++r) {
#pragma unroll
        for (int c = 0; c < 4; ++c) of[r][c] = fmaf(factors[r / 4][r % 4], v[c], of[r][c]);
      }
    }
  }
  // To the first `rows` gradients of dx.
  __device__ void write(const FeatureGrad* dx, int rows, int64_t sample, int64_t column,
                        int columns) const {
#pragma unroll
    for (int r = 0; r < kTile; ++r) {
      if (r < rows) write_gradient(dx[r], sample, column, of[r], columns);
    }
  }
};

// By all threads of the block.
__device__ bool any_accumulates(const FeatureGrad* dx, int64_t F) {
  bool any = false;
  for (int64_t f = threadIdx.x; f < F; f += blockDim.x) any |= dx[f].accumulate;
  return __syncthreads_or(any) != 0;
}

// Floats from column to column of a square's g, whose rows fill whole tiles.
constexpr int gradient_stride(int rows) { return (rows + kTile - 1) / kTile * kTile + 4; }

// What a thread computes of each chunk: kTile rows of dx from `row` on, counted from the first one
// of the block, and four columns from `column` on.
struct RowTile {
  int sample, row, column;

  __device__ RowTile(int rows, int vectors) {
    const int thread = static_cast<int>(threadIdx.x), tiles = (rows + kTile - 1) / kTile;
    sample = thread / (tiles * vectors);
    row = thread / vectors % tiles * kTile;
    column = thread % vectors * 4;
  }
};

// `vectors` threads lie side by side in a row of dx. Rows that add to what is there may share it
// with rows before them: where there are any, tiles of rows write one after the other.
__global__ void __launch_bounds__(kThreads, 4)  // else sm_80 saves registers and spills
    spread_gradients(const FeatureGrad* dx, const float* dz, InteractionArgs args, int vectors) {
  const Samples samples = samples_of(args, blockIdx.x);
  const int most = args.square(0), g_stride = gradient_stride(most);
  const RowTile tile(most, vectors);
  const int64_t b = samples.first + tile.sample;
  float* shared = dynamic_shared<float>();
  float* g = shared + args.stages * args.samples * most * args.stride;
  const auto buffer = [&](int n) {
    return shared + (n & (args.stages - 1)) * args.samples * most * args.stride;
  };
  const SpreadSteps steps(args);
  const auto start_copy = [&](int n) {
    if (n < steps.count()) {
      const SpreadStep step = steps[n];
      copy_rows(buffer(n), args, samples, step.column0, args.square(step.column0), step.k0);
    }
    copy_async_commit();
  };
  RowSums sums;
  start_copy(0);
  const bool in_turn = any_accumulates(dx, args.F);
  for (int n = 0; n < steps.count(); ++n) {
    const SpreadStep step = steps[n];
    const int rows = args.square(step.row0), count = args.square(step.column0);
    const int left = args.chunk(step.k0) - tile.column;
    const bool busy = tile.sample < samples.count && tile.row < rows && left > 0;
    start_copy(n + 1);
    for (int s = 0; s < samples.count && (n == 0 || steps.squares > 1); ++s) {
      load_gradients(g + s * most * g_stride, g_stride, dz + (samples.first + s) * args.cols, args,
                     step.row0, rows, step.column0, count);
    }
    copy_async_wait<1>();
    __syncthreads();
    if (busy) {
      if (step.column0 == 0) {
        sums.clear();
        if (step.row0 + tile.row == 0)
          sums.of[0] = load_first(dz + b * args.cols + step.k0 + tile.column, left);
      }
      sums.add(g + tile.sample * most * g_stride + tile.row, g_stride,
               buffer(n) + tile.sample * count * args.stride + tile.column, args.stride, count);
    }
    const int turns = step.column0 + count < args.F ? 0 : in_turn ? rows : 1;
    for (int turn = 0; turn < turns; turn += kTile) {
      if (busy && (!in_turn || tile.row == turn)) {
        sums.write(dx + step.row0 + tile.row, rows - tile.row, b, step.k0 + tile.column, left);
      }
      if (in_turn) __syncthreads();
    }
    __syncthreads();
  }
}

}  // namespace

void interaction_backward(std::span<const FeatureGrad> dx, ConstMatrix dz,
                          std::span<const Feature> x, int64_t D, bool self_interaction,
                          CudaStream stream) {
  InteractionArgs args = make_args(x, dz, D, self_interaction);
  check_interaction_shapes("interaction backward", dz.cols(), args.F, D, self_interaction,
                           kInteractionPadding);
  check_gradient_count(dx.size(), x.size());
  const int64_t rows = args.square(0), vectors = ceil_div(args.chunk(0), 4);
  const SampleNeeds needs{.threads = ceil_div(rows, kTile) * vectors,
                          .steps = SpreadSteps(args).count(),
                          .rows = rows,
                          .more = rows * gradient_stride(static_cast<int>(rows))};
  const LaunchShape shape = shape_blocks(args, needs, kThreads, 1);
  launch("interaction backward", spread_gradients, shape, stream, dx.data(), dz.data, args,
         static_cast<int>(vectors));
}

}  // namespace hotrow
