#include "kernels/interaction_cuda.cuh"
#include "kernels/interaction_shapes.h"

namespace hotrow {
namespace {

constexpr int kTile = 4;      // a thread has kTile x kTile pairs
constexpr int kThreads = 64;  // of a block with several samples, at most
constexpr int kSquare = InteractionArgs::kSquare;
constexpr int kMostThreads = kSquare / kTile * (kSquare / kTile);

// The pairs {row + r rows, column + c columns}, r, c < kTile: features side by side belong to
// threads side by side, which then read different banks.
struct PairTile {
  int row, column;    // the first of each
  int rows, columns;  // from one to the next
  int sample;

  __device__ explicit PairTile(const Square& square) {
    rows = (square.rows + kTile - 1) / kTile;
    columns = (square.columns + kTile - 1) / kTile;
    const int tiles = square.diagonal ? rows * (rows + 1) / 2 : rows * columns;
    sample = static_cast<int>(threadIdx.x) / tiles;
    column = static_cast<int>(threadIdx.x) % tiles;
    row = 0;
    while (column >= (square.diagonal ? row + 1 : columns)) {
      column -= square.diagonal ? row + 1 : columns;
      ++row;
    }
  }
};

__device__ float add_products(float sum, const Float4& x, const Float4& y) {
#pragma unroll
  for (int c = 0; c < 4; ++c) sum = fmaf(x[c], y[c], sum);
  return sum;
}

struct PairSums {
  float of[kTile][kTile] = {};

  // Adds the products of `width` columns, a multiple of 4, in their order.
  __device__ void add(const float* rows, const float* columns, const PairTile& tile,
                      const Square& square, int stride, int width) {
    int a[kTile], b[kTile];
#pragma unroll
    for (int r = 0; r < kTile; ++r) {  // past the last feature it stands again
      a[r] = std::min(tile.row + r * tile.rows, square.rows - 1) * stride;
      b[r] = std::min(tile.column + r * tile.columns, square.columns - 1) * stride;
    }
    for (int k = 0; k < width; k += 4) {
      Float4 x[kTile], y[kTile];
#pragma unroll
      for (int r = 0; r < kTile; ++r) {
        x[r] = load4(rows + a[r] + k);
        y[r] = load4(columns + b[r] + k);
      }
#pragma unroll
      for (int r = 0; r < kTile; ++r) {
#pragma unroll
        for (int c = 0; c < kTile; ++c) of[r][c] = add_products(of[r][c], x[r], y[c]);
      }
    }
  }

  // Into the order of z.
  __device__ void keep(float* shared, const PairTile& tile, const Square& square) const {
#pragma unroll
    for (int r = 0; r < kTile; ++r) {
#pragma unroll
      for (int c = 0; c < kTile; ++c) {
        const int i = tile.row + r * tile.rows, j = tile.column + c * tile.columns;
        if (i >= square.rows || j >= square.columns) continue;
        const int high = square.diagonal ? std::max(i, j) : i;
        const int low = square.diagonal ? std::min(i, j) : j;
        if (low < square.length(high)) shared[square.start(high) + low] = of[r][c];
      }
    }
  }
};

__device__ void write_run(float* z, const float* shared, int count) {
  const int threads = static_cast<int>(blockDim.x);
  for (int i = static_cast<int>(threadIdx.x); i < count; i += threads) __stcs(z + i, shared[i]);
}

// A row of z from shared memory: the pairs of one square; the first square has the padding too.
__device__ void write_pairs(float* z, const float* shared, const InteractionArgs& args,
                            const Square& square) {
  float* pairs = z + args.D;
  if (square.row0 == 0) {
    const int thread = static_cast<int>(threadIdx.x);
    if (thread < args.padding()) pairs[args.pairs_before(args.F) + thread] = 0;
    return write_run(pairs, shared, square.start(square.rows));
  }
  const int warps = static_cast<int>(blockDim.x) / kWarpSize;
  for (int i = warp_in_block(); i < square.rows; i += warps) {
    float* row = pairs + args.pairs_before(square.row0 + i) + square.column0;
    const float* from = shared + square.start(i);
    for (int j = lane(); j < square.length(i); j += kWarpSize) __stcs(row + j, from[j]);
  }
}

__global__ void __launch_bounds__(kMostThreads)
    dot_pairs(float* z, InteractionArgs args, unsigned squares) {
  const Square square(args, static_cast<int>(blockIdx.x % squares));
  const Samples samples = samples_of(args, blockIdx.x / squares);
  const PairTile tile(square);
  const bool busy = tile.sample < samples.count;
  const int height = square.height() * args.stride;
  float* shared = dynamic_shared<float>();
  const auto buffer = [&](int step) {
    return shared + (step & (args.stages - 1)) * args.samples * height;
  };
  const auto start_copy = [&](int step) {
    const int64_t k0 = int64_t{step} * kChunk;
    if (k0 < args.D) {
      copy_rows(buffer(step), args, samples, square.row0, square.rows, k0);
      if (!square.diagonal) {  // the only sample
        copy_rows(buffer(step) + square.rows * args.stride, args, samples, square.column0,
                  square.columns, k0);
      }
    }
    copy_async_commit();
  };
  PairSums sums;
  start_copy(0);
  for (int step = 0; int64_t{step} * kChunk < args.D; ++step) {
    const int64_t k0 = int64_t{step} * kChunk;
    const int width = args.chunk(k0);
    start_copy(step + 1);
    copy_async_wait<1>();
    __syncthreads();
    if (busy) {
      const float* rows = buffer(step) + tile.sample * height;
      const float* columns = square.diagonal ? rows : rows + square.rows * args.stride;
      sums.add(rows, columns, tile, square, args.stride, (width + 3) / 4 * 4);
    }
    for (int s = 0; s < samples.count && square.row0 == 0; ++s) {  // x_0 itself
      write_run(z + (samples.first + s) * args.cols + k0, buffer(step) + s * height, width);
    }
    __syncthreads();
  }
  const int kept = square.start(square.rows);
  if (busy) sums.keep(shared + tile.sample * kept, tile, square);
  __syncthreads();
  for (int s = 0; s < samples.count; ++s) {
    write_pairs(z + (samples.first + s) * args.cols, shared + s * kept, args, square);
  }
}

}  // namespace

void interaction_forward(Matrix z, std::span<const Feature> x, int64_t D, bool self_interaction,
                         CudaStream stream) {
  InteractionArgs args = make_args(x, z, D, self_interaction);
  check_interaction_shapes("interaction", z.cols(), args.F, D, self_interaction,
                           kInteractionPadding);
  const int64_t squares = ceil_div(args.F, kSquare), pairs = squares * (squares + 1) / 2;
  const int64_t side = ceil_div(std::min<int64_t>(args.F, kSquare), kTile);
  const bool one = squares == 1;
  const SampleNeeds needs{.threads = one ? side * (side + 1) / 2 : kMostThreads,
                          .steps = ceil_div(D, kChunk),
                          .rows = one ? args.F : 2 * kSquare,
                          .least = one ? interaction_pairs(args.F, true) : kSquare * kSquare};
  const LaunchShape shape = shape_blocks(args, needs, kThreads, pairs);
  launch("interaction", dot_pairs, shape, stream, z.data, args, static_cast<unsigned>(pairs));
}

}  // namespace hotrow
