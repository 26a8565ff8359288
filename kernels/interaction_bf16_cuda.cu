// The dot interaction of bf16 features on tensor cores. A warp works alone: it has a sample and one
// square of kSquare x kSquare pairs (forward), or the gradients of kSquare features (backward), and
// takes the columns in chunks, of which the next is on its way into shared memory while this one is
// multiplied. Products are exact, and what is written is rounded once.
#include <cuda_bf16.h>

#include <algorithm>

#include "kernels/core/async.cuh"
#include "kernels/core/launch.cuh"
#include "kernels/core/parallel.h"
#include "kernels/core/vec.cuh"
#include "kernels/core/warp.cuh"
#include "kernels/interaction.h"
#include "kernels/interaction_shapes.h"

namespace hotrow {
namespace {

constexpr int kWarps = 4;  // of a block
constexpr int kThreads = kWarps * kWarpSize;
constexpr int kSquare = 32;   // features
constexpr int kChunk = 64;    // columns
constexpr int kStride = 72;   // from row to row in shared memory: rows start in different banks
constexpr int kGStride = 40;  // from row to row of a square of gradients
constexpr int kVector = 8;    // numbers in 16 bytes
constexpr int kRowLanes = kChunk / kVector;  // lanes side by side in a row

struct Bf16Args {
  const Bf16Feature* x;
  int64_t B, F, D, cols;
  bool self;

  constexpr int square(int64_t first) const {
    return static_cast<int>(std::min<int64_t>(F - first, kSquare));
  }
  constexpr int chunk(int64_t k0) const {
    return static_cast<int>(std::min<int64_t>(D - k0, kChunk));
  }
};

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

// Pairs (i, j), i from the rows of features and j from the columns; on the diagonal i > j, or >=.
struct Square {
  int64_t row0, column0;
  int rows, columns;  // features
  bool diagonal, self;

  constexpr Square(const Bf16Args& args, int number) : self(args.self) {
    int row = 0;
    while (number > row) number -= ++row;
    row0 = int64_t{row} * kSquare;
    column0 = int64_t{number} * kSquare;
    rows = args.square(row0);
    columns = args.square(column0);
    diagonal = number == row;
  }
  // Where the pairs of row i start among those that are kept, and how many there are.
  constexpr int start(int i) const {
    return diagonal ? static_cast<int>(interaction_pairs(i, self)) : i * kSquare;
  }
  constexpr int length(int i) const { return diagonal ? i + self : columns; }
};

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

// The pairs of one square to a row of z; the first square has the zeros behind the last pair.
__device__ void write_pairs(Bf16* z, Bf16* shared, const Bf16Args& args, const Square& square,
                            int64_t pairs) {
  if (square.row0 == 0) {
    const int count = square.start(square.rows);
    if (args.F <= kSquare) {  // all in one
      const int more = static_cast<int>(args.cols - args.D) - count;
      if (lane() < more) shared[count + lane()] = Bf16{0};
      __syncwarp();
      return write_run(z + args.D, shared, count + more);
    }
    if (lane() < args.cols - args.D - pairs) z[args.D + pairs + lane()] = Bf16{0};
    return write_run(z + args.D, shared, count);
  }
  for (int i = 0; i < square.rows; ++i) {
    Bf16* row = z + args.D + interaction_pairs(square.row0 + i, args.self) + square.column0;
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
  write_pairs(z, shared, args, square, interaction_pairs(args.F, args.self));
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
    const Bf16* pairs = dz + args.D + interaction_pairs(high0 + high, args.self) + low0;
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
  // Adds what comes beside the products, rounds, and leaves the rows in shared memory. `dz`: what
  // row 0 gets, or null; all pointers at the first column of the chunk.
  __device__ void finish(Bf16* shared, const Bf16FeatureGrad* dx, int rows, const Bf16* dz,
                         int64_t sample, int64_t k0, int width) const {
#pragma unroll
    for (int part = 0; part < 4; ++part) {
      const int i = part * 8 + lane() / 4;
      if (i >= rows) continue;
      const Bf16FeatureGrad grad = dx[i];
      const Bf16* old = grad.accumulate ? grad.data + sample * grad.stride + k0 : nullptr;
      const Bf16* more = i == 0 ? dz : nullptr;
#pragma unroll
      for (int b = 0; b < kChunk / 8; ++b) {
        const int k = 8 * b + lane() % 4 * 2;
        uint32_t pair = 0;
#pragma unroll
        for (int c = 0; c < 2; ++c) {
          float v = of[part / 2][b][part % 2 * 2 + c];
          if (more != nullptr && k + c < width) v += widen(more[k + c]);
          if (old != nullptr && k + c < width) v += widen(old[k + c]);
          pair |= uint32_t{round_bf16(v).bits} << 16 * c;
        }
        *reinterpret_cast<uint32_t*>(shared + i * kStride + k) = pair;
      }
    }
  }
};

// Rows of a chunk of dx from shared memory.
__device__ void write_rows(const Bf16FeatureGrad* dx, const Bf16* shared, int rows, int64_t sample,
                           int64_t k0, int width) {
  const int column = lane() % kRowLanes * kVector;
  for (int i = lane() / kRowLanes; i < rows; i += kWarpSize / kRowLanes) {
    const Bf16* from = shared + i * kStride + column;
    Bf16* to = dx[i].data + sample * dx[i].stride + k0 + column;
    if (column + kVector <= width && is_aligned16(to)) {
      __stcs(reinterpret_cast<uint4*>(to), *reinterpret_cast<const uint4*>(from));
    } else {
      for (int c = 0; c < kVector && column + c < width; ++c) to[c] = from[c];
    }
  }
}

__global__ void __launch_bounds__(kThreads)
    spread_gradients_bf16(const Bf16FeatureGrad* dx, const Bf16* dz, Bf16Args args, int squares) {
  const int block = static_cast<int>(blockIdx.x);
  const int64_t sample = int64_t{block / squares} * kWarps + warp_in_block();
  const int64_t row0 = int64_t{block % squares} * kSquare;
  if (sample >= args.B) return;
  const int rows = args.square(row0), most = args.square(0);
  const int of_warp = 2 * most * kStride + kSquare * kGStride;
  Bf16* shared = dynamic_shared<Bf16>() + warp_in_block() * of_warp;
  Bf16* g = shared + 2 * most * kStride;
  dz += sample * args.cols;
  // Step n: chunk n / squares of the columns, square n % squares of the features that are summed.
  const int steps = static_cast<int>((args.D + kChunk - 1) / kChunk) * squares;
  const auto buffer = [&](int n) { return shared + n % 2 * most * kStride; };
  const auto start_copy = [&](int n) {
    if (n < steps) {
      const int64_t first = int64_t{n % squares} * kSquare, k0 = int64_t{n / squares} * kChunk;
      copy_rows(buffer(n), args, sample, first, args.square(first), k0);
    }
    copy_async_commit();
  };
  RowSums sums;
  start_copy(0);
  for (int n = 0; n < steps; ++n) {
    const int64_t first = int64_t{n % squares} * kSquare, k0 = int64_t{n / squares} * kChunk;
    const int count = args.square(first), width = args.chunk(k0);
    start_copy(n + 1);
    if (n == 0 || squares > 1) load_gradients(g, dz, args, row0, first);
    copy_async_wait<1>();
    __syncwarp();
    if (first == 0) sums.clear();
    sums.add(g, buffer(n), count, width);
    __syncwarp();
    if (first + count < args.F) continue;
    const Bf16* of_row0 = row0 == 0 ? dz + k0 : nullptr;
    sums.finish(buffer(n), dx + row0, rows, of_row0, sample, k0, width);
    __syncwarp();
    write_rows(dx + row0, buffer(n), rows, sample, k0, width);
    __syncwarp();
  }
}

}  // namespace

void interaction_forward(View<Bf16, 2> z, std::span<const Bf16Feature> x, int64_t D,
                         bool self_interaction, CudaStream stream) {
  const auto F = static_cast<int64_t>(x.size());
  check_interaction_shapes("interaction", z.cols(), F, D, self_interaction, kBf16Padding);
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
  check_interaction_shapes("interaction backward", dz.cols(), F, D, self_interaction, kBf16Padding);
  check_gradient_count(dx.size(), x.size());
  const int64_t squares = ceil_div(F, kSquare);
  const int64_t numbers = 2 * std::min<int64_t>(F, kSquare) * kStride + kSquare * kGStride;
  launch("interaction backward", spread_gradients_bf16,
         {ceil_div(dz.rows(), kWarps) * squares, kThreads,
          static_cast<size_t>(kWarps * numbers) * sizeof(Bf16)},
         stream, dx.data(), dz.data,
         Bf16Args{x.data(), dz.rows(), F, D, dz.cols(), self_interaction},
         static_cast<int>(squares));
}

}  // namespace hotrow
