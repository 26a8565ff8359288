// The dot interaction of bf16 features on tensor cores. A warp works alone: it has a sample and one
// square of kSquare x kSquare pairs (forward), or the gradients of kSquare features (backward), and
// takes the columns in chunks, of which the next is on its way into shared memory while this one is
// multiplied. Products are exact, and what is written is rounded once.
#include <cuda_bf16.h>

#include <algorithm>

#include "kernels/interaction_cuda.cuh"
#include "kernels/interaction_shapes.h"

namespace hotrow {
namespace {

using Bf16Args = Interaction<Bf16, 32>;

constexpr int kWarps = 4;  // of a block
constexpr int kThreads = kWarps * kWarpSize;
constexpr int kSquare = Bf16Args::kSquare;  // a lane for each feature
static_assert(kSquare == kWarpSize);
constexpr int kStride = 72;   // from row to row in shared memory: rows start in different banks
constexpr int kGStride = 40;  // from row to row of a square of gradients
constexpr int kVector = 8;    // numbers in 16 bytes
constexpr int kRowLanes = kChunk / kVector;  // lanes side by side in a row

__device__ Bf16 round_bf16(float x) { return {__bfloat16_as_ushort(__float2bfloat16_rn(x))}; }

// Eight numbers, or the first `left` of them and zeros.
__device__ void copy_vector(Bf16* shared, const Bf16* from, int left) {
  if (left >= kVector && is_aligned16(from)) return copy_async16(shared, from);
  for (int c = 0; c < kVector; ++c) shared[c] = c < left ? from[c] : Bf16{0};
}

// Starts the copy of columns [k0, k0 + kChunk) of `features` features from `first` on, a row each,
// with zeros up to a multiple of 16.
__device__ void copy_rows(Bf16* shared, const Bf16Args& args, int64_t sample, int64_t first,
                          int features, int64_t k0) {
  const int column = lane() % kRowLanes * kVector, width = args.chunk(k0);
  if (column >= (width + 15) / 16 * 16) return;
  for (int f = lane() / kRowLanes; f < features; f += kWarpSize / kRowLanes) {
    const Bf16Feature from = args.x[first + f];
    copy_vector(shared + f * kStride + column, from.data + sample * from.stride + k0 + column,
                width - column);
  }
}

// `count` numbers from shared memory, aligned there, by a warp.
__device__ void write_run(Bf16* to, const Bf16* shared, int count) {
  const int whole = is_aligned16(to) ? count / kVector : 0;
  for (int v = lane(); v < whole; v += kWarpSize) {
    __stcs(reinterpret_cast<uint4*>(to) + v, reinterpret_cast<const uint4*>(shared)[v]);
  }
  for (int i = whole * kVector + lane(); i < count; i += kWarpSize) to[i] = shared[i];
}

// This lane's row for load_matrix4 of a tile of 16 rows and columns, whose first row is `row`; rows
// past the last one stand for it.
__device__ const Bf16* tile_row(const Bf16* shared, int stride, int row, int rows) {
  const int matrix = lane() / 8, within = matrix % 2 * 8 + lane() % 8;
  return shared + std::min(row + within, rows - 1) * stride + matrix / 2 * 8;
}

// ---- forward

// Sums of the pairs of a square, in tiles of 16 x 8: of rows 16 a and columns 16 b + 8 h.
struct PairSums {
  float of[2][2][2][4] = {};

  // Adds the products of `width` columns. `x` holds the rows, and behind them the columns.
  __device__ void add(const Bf16* x, const Square& square, int width) {
    const Bf16* y = square.diagonal ? x : x + square.rows * kStride;
    for (int k = 0; k < width; k += 16) {
      uint32_t rows[2][4], columns[2][4];
#pragma unroll
      for (int a = 0; a < 2; ++a) {
        load_matrix4(rows[a], tile_row(x, kStride, 16 * a, square.rows) + k);
        load_matrix4(columns[a], tile_row(y, kStride, 16 * a, square.columns) + k);
      }
#pragma unroll
      for (int a = 0; a < 2; ++a) {
#pragma unroll
        for (int b = 0; b < 2; ++b) {
          if (square.diagonal && b > a) continue;
#pragma unroll
          for (int h = 0; h < 2; ++h) {  // the factor on the right has the layout of the one left
            mma_bf16(of[a][b][h], rows[a], {columns[b][h], columns[b][h + 2]});
          }
        }
      }
    }
  }

  // In the order of z.
  __device__ void keep(Bf16* shared, const Square& square) const {
#pragma unroll
    for (int n = 0; n < 32; ++n) {
      const int a = n / 16, b = n / 8 % 2, h = n / 4 % 2, e = n % 4;
      const int i = 16 * a + lane() / 4 + e / 2 * 8, j = 16 * b + 8 * h + lane() % 4 * 2 + e % 2;
      if (i < square.rows && j < square.length(i)) {
        shared[square.start(i) + j] = round_bf16(of[a][b][h][e]);
      }
    }
  }
};

// The pairs of one square to a row of z; the first square has the padding too.
__device__ void write_pairs(Bf16* z, Bf16* shared, const Bf16Args& args, const Square& square) {
  if (square.row0 == 0) {
    const int count = square.start(square.rows), padding = static_cast<int>(args.padding());
    if (args.F <= kSquare) {  // all in one
      if (lane() < padding) shared[count + lane()] = Bf16{0};
      __syncwarp();
      return write_run(z + args.D, shared, count + padding);
    }
    if (lane() < padding) z[args.D + args.pairs_before(args.F) + lane()] = Bf16{0};
    return write_run(z + args.D, shared, count);
  }
  for (int i = 0; i < square.rows; ++i) {
    Bf16* row = z + args.D + args.pairs_before(square.row0 + i) + square.column0;
    for (int j = lane(); j < square.length(i); j += kWarpSize) row[j] = shared[square.start(i) + j];
  }
}

__global__ void __launch_bounds__(kThreads, 5)  // else sm_90 saves registers and spills
    dot_pairs_bf16(Bf16* z, Bf16Args args, unsigned squares, int rows_of_warp) {
  const int64_t sample = int64_t{blockIdx.x / squares} * kWarps + warp_in_block();
  if (sample >= args.B) return;
  const Square square(args, static_cast<int>(blockIdx.x % squares));
  Bf16* shared = dynamic_shared<Bf16>() + warp_in_block() * 2 * rows_of_warp * kStride;
  z += sample * args.cols;
  const auto buffer = [&](int step) { return shared + step % 2 * rows_of_warp * kStride; };
  const auto start_copy = [&](int step) {
    const int64_t k0 = int64_t{step} * kChunk;
    if (k0 < args.D) {
      copy_rows(buffer(step), args, sample, square.row0, square.rows, k0);
      if (!square.diagonal) {
        copy_rows(buffer(step) + square.rows * kStride, args, sample, square.column0,
                  square.columns, k0);
      }
    }
    copy_async_commit();
  };
  PairSums sums;
  start_copy(0);
  for (int step = 0; int64_t{step} * kChunk < args.D; ++step) {
    const int64_t k0 = int64_t{step} * kChunk;
    start_copy(step + 1);
    copy_async_wait<1>();
    __syncwarp();
    sums.add(buffer(step), square, args.chunk(k0));
    if (square.row0 == 0) write_run(z + k0, buffer(step), args.chunk(k0));  // x_0 itself
    __syncwarp();
  }
  sums.keep(shared, square);
  __syncwarp();
  write_pairs(z, shared, args, square);
}

// ---- backward

// The square of g between the features from row0 on and those from column0 on, by rows: 2 g on the
// diagonal, or 0 without self interaction, and 0 beyond the last feature. `dz` is a sample's.
__device__ void load_gradients(Bf16* shared, const Bf16* dz, const Bf16Args& args, int64_t row0,
                               int64_t column0) {
  for (int v = lane(); v < kSquare * kGStride / kVector; v += kWarpSize) {
    reinterpret_cast<uint4*>(shared)[v] = {0, 0, 0, 0};
  }
  __syncwarp();
  // Pairs lie in the order of their larger feature.
  const bool diagonal = row0 == column0;
  const int64_t high0 = std::max(row0, column0), low0 = std::min(row0, column0);
  const int highs = args.square(high0), lows = args.square(low0);
#pragma unroll 4
  for (int high = 0; high < highs; ++high) {
    const int low = lane();
    if (low >= (diagonal ? high + args.self : lows)) continue;
    const Bf16* pairs = dz + args.D + args.pairs_before(high0 + high) + low0;
    const Bf16 g{__ldg(&pairs[low].bits)};
    if (diagonal && low == high) {
      shared[high * kGStride + low] = round_bf16(2 * widen(g));
    } else {
      if (row0 >= column0) shared[high * kGStride + low] = g;
      if (row0 <= column0) shared[low * kGStride + high] = g;
    }
  }
}

// Sums of kSquare rows of dx and kChunk columns, in tiles of 16 x 8.
struct RowSums {
  float of[2][kChunk / 8][4];

  __device__ void clear() {
#pragma unroll
    for (int n = 0; n < kChunk; ++n) of[n / 32][n / 4 % 8][n % 4] = 0;
  }
  // Adds g times the `count` rows of features at x.
  __device__ void add(const Bf16* g, const Bf16* x, int count, int width) {
    for (int k = 0; k < count; k += 16) {
      uint32_t factors[2][4];
      load_matrix4(factors[0], tile_row(g, kGStride, 0, kSquare) + k);
      load_matrix4(factors[1], tile_row(g, kGStride, 16, kSquare) + k);
#pragma unroll
      for (int n = 0; n < kChunk; n += 16) {
        if (n >= width) break;
        uint32_t rows[4];
        load_matrix4_transposed(rows, tile_row(x, kStride, k, count) + n);
#pragma unroll
        for (int a = 0; a < 2; ++a) {
          mma_bf16(of[a][n / 8], factors[a], {rows[0], rows[1]});
          mma_bf16(of[a][n / 8 + 1], factors[a], {rows[2], rows[3]});
        }
      }
    }
  }
  // Adds what comes beside the products, rounds, and leaves `rows` in shared memory, where those of
  // them in `old` find what they add to. `dz`: what row 0 gets, or null, at the first column of the
  // chunk.
  __device__ void finish(Bf16* shared, unsigned rows, unsigned old, const Bf16* dz,
                         int width) const {
#pragma unroll
    for (int part = 0; part < 4; ++part) {
      const int i = part * 8 + lane() / 4;
      if ((rows >> i & 1) == 0) continue;
      const bool adds = (old >> i & 1) != 0;
      const Bf16* more = i == 0 ? dz : nullptr;
#pragma unroll
      for (int b = 0; b < kChunk / 8; ++b) {
        const int k = 8 * b + lane() % 4 * 2;
        auto* pair = reinterpret_cast<uint32_t*>(shared + i * kStride + k);
        const uint32_t before = adds ? *pair : 0;
        uint32_t after = 0;
#pragma unroll
        for (int c = 0; c < 2; ++c) {
          float v = of[part / 2][b][part % 2 * 2 + c];
          if (more != nullptr && k + c < width) v += widen(more[k + c]);
          if (adds) v += widen(Bf16{static_cast<uint16_t>(before >> 16 * c)});
          after |= uint32_t{round_bf16(v).bits} << 16 * c;
        }
        *pair = after;
      }
    }
  }
};

// One chunk of the gradients of a square of features: bits and lanes are its rows.
struct GradientRows {
  const Bf16FeatureGrad* dx;
  Bf16* shared;
  int64_t sample, k0;
  int width;

  // Calls move(vector of a gradient, its place in shared memory, numbers that exist from there on).
  template <class Move>
  __device__ void for_each_vector(unsigned rows, const Move& move) const {
    const int column = lane() % kRowLanes * kVector;
    if (column >= width) return;
    for (int i = lane() / kRowLanes; i < kSquare; i += kWarpSize / kRowLanes) {
      if ((rows >> i & 1) == 0) continue;
      move(dx[i].data + sample * dx[i].stride + k0 + column, shared + i * kStride + column,
           width - column);
    }
  }
  __device__ void load(unsigned rows) const {
    for_each_vector(rows, [](const Bf16* from, Bf16* to, int left) {
      if (left >= kVector && is_aligned16(from)) {
        *reinterpret_cast<uint4*>(to) = *reinterpret_cast<const uint4*>(from);
        return;
      }
      for (int c = 0; c < kVector && c < left; ++c) to[c] = from[c];
    });
    __syncwarp();
  }
  __device__ void store(unsigned rows) const {
    __syncwarp();
    for_each_vector(rows, [](Bf16* to, const Bf16* from, int left) {
      if (left >= kVector && is_aligned16(to)) {
        return __stcs(reinterpret_cast<uint4*>(to), *reinterpret_cast<const uint4*>(from));
      }
      for (int c = 0; c < kVector && c < left; ++c) to[c] = from[c];
    });
    __syncwarp();
  }
  // Finishes and writes the first `count` rows. Those that share memory take turns, so that each
  // finds what the one before it left there.
  __device__ void write(const RowSums& sums, int count, const Bf16* dz) const {
    const bool exists = lane() < count;
    const auto address = exists ? reinterpret_cast<uintptr_t>(dx[lane()].data) : uintptr_t{0};
    const bool accumulates = exists && dx[lane()].accumulate;
    const unsigned sharing = __match_any_sync(kFullMask, address);
    const int turn = __popc(sharing & ((1u << lane()) - 1));
    for (int t = 0; t < count; ++t) {
      const unsigned rows = __ballot_sync(kFullMask, exists && turn == t);
      if (rows == 0) break;
      const unsigned old = __ballot_sync(kFullMask, accumulates && turn == t);
      if (old != 0) load(old);
      sums.finish(shared, rows, old, dz, width);
      store(rows);
    }
  }
};

__global__ void __launch_bounds__(kThreads, 4)  // else sm_90 saves registers and spills
    spread_gradients_bf16(const Bf16FeatureGrad* dx, const Bf16* dz, Bf16Args args) {
  const int64_t sample = int64_t{blockIdx.x} * kWarps + warp_in_block();
  if (sample >= args.B) return;
  const int most = args.square(0), of_warp = 2 * most * kStride + kSquare * kGStride;
  Bf16* shared = dynamic_shared<Bf16>() + warp_in_block() * of_warp;
  Bf16* g = shared + 2 * most * kStride;
  dz += sample * args.cols;
  const auto buffer = [&](int n) { return shared + n % 2 * most * kStride; };
  const SpreadSteps steps(args);
  const auto start_copy = [&](int n) {
    if (n < steps.count()) {
      const SpreadStep step = steps[n];
      copy_rows(buffer(n), args, sample, step.column0, args.square(step.column0), step.k0);
    }
    copy_async_commit();
  };
  RowSums sums;
  start_copy(0);
  for (int n = 0; n < steps.count(); ++n) {
    const SpreadStep step = steps[n];
    const int count = args.square(step.column0), width = args.chunk(step.k0);
    start_copy(n + 1);
    if (n == 0 || steps.squares > 1) load_gradients(g, dz, args, step.row0, step.column0);
    copy_async_wait<1>();
    __syncwarp();
    if (step.column0 == 0) sums.clear();
    sums.add(g, buffer(n), count, width);
    __syncwarp();
    if (step.column0 + count < args.F) continue;
    GradientRows{dx + step.row0, buffer(n), sample, step.k0, width}.write(
        sums, args.square(step.row0), step.row0 == 0 ? dz + step.k0 : nullptr);
  }
}

}  // namespace

void interaction_forward(View<Bf16, 2> z, std::span<const Bf16Feature> x, int64_t D,
                         bool self_interaction, CudaStream stream) {
  const auto F = static_cast<int64_t>(x.size());
  check_interaction_shapes("interaction", z.cols(), F, D, self_interaction, kInteractionPadding);
  const int64_t side = ceil_div(F, kSquare), squares = side * (side + 1) / 2;
  const int64_t rows = side == 1 ? F : 2 * kSquare;
  const auto bytes = static_cast<size_t>(kWarps * 2 * rows * kStride) * sizeof(Bf16);
  launch("interaction", dot_pairs_bf16, {ceil_div(z.rows(), kWarps) * squares, kThreads, bytes},
         stream, z.data, Bf16Args{x.data(), z.rows(), F, D, z.cols(), self_interaction},
         static_cast<unsigned>(squares), static_cast<int>(rows));
}

void interaction_backward(std::span<const Bf16FeatureGrad> dx, View<const Bf16, 2> dz,
                          std::span<const Bf16Feature> x, int64_t D, bool self_interaction,
                          CudaStream stream) {
  const auto F = static_cast<int64_t>(x.size());
  check_interaction_shapes("interaction backward", dz.cols(), F, D, self_interaction,
                           kInteractionPadding);
  check_gradient_count(dx.size(), x.size());
  const Bf16Args args{x.data(), dz.rows(), F, D, dz.cols(), self_interaction};
  const int64_t numbers = 2 * args.square(0) * kStride + kSquare * kGStride;
  launch(
      "interaction backward", spread_gradients_bf16,
      {ceil_div(dz.rows(), kWarps), kThreads, static_cast<size_t>(kWarps * numbers) * sizeof(Bf16)},
      stream, dx.data(), dz.data, args);
}

}  // namespace hotrow
