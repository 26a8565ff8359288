// What the passes of the dot interaction share on a GPU.
//
// They take features in squares of kSquare x kSquare pairs and columns in chunks, so that neither F
// nor D is limited; the next chunk of the rows is on its way into shared memory while this one is
// multiplied. In fp32 a block has whole samples, several where they are small; in bf16 a warp works
// alone.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <span>

#include "kernels/core/async.cuh"
#include "kernels/core/launch.cuh"
#include "kernels/core/parallel.h"
#include "kernels/core/vec.cuh"
#include "kernels/core/warp.cuh"
#include "kernels/interaction.h"

namespace hotrow {

constexpr int kChunk = 64;  // columns

template <class T, int kSide>
struct Interaction {
  static constexpr int kSquare = kSide;  // features

  const BasicFeature<T>* x;
  int64_t B, F, D;
  int64_t cols;  // of z or dz
  bool self;

  constexpr int64_t pairs_before(int64_t f) const { return interaction_pairs(f, self); }
  // The columns behind the last pair.
  constexpr int64_t padding() const { return cols - D - pairs_before(F); }
  // Features of the square that starts at `first`, and columns of the chunk that starts at k0.
  constexpr int square(int64_t first) const {
    return static_cast<int>(std::min<int64_t>(F - first, kSquare));
  }
  constexpr int chunk(int64_t k0) const {
    return static_cast<int>(std::min<int64_t>(D - k0, kChunk));
  }
};

// A square of pairs (i, j), i from the rows of features and j from the columns; on the diagonal of
// squares both are the same features and i > j, or i >= j with self interaction.
struct Square {
  int64_t row0, column0;
  int rows, columns;  // features
  bool diagonal, self;

  // Squares count as pairs do: (0, 0), (1, 0), (1, 1), (2, 0), ...
  template <class T, int kSide>
  constexpr Square(const Interaction<T, kSide>& args, int number) : self(args.self) {
    int row = 0;
    while (number > row) number -= ++row;
    row0 = int64_t{row} * kSide;
    column0 = int64_t{number} * kSide;
    rows = args.square(row0);
    columns = args.square(column0);
    diagonal = number == row;
  }
  // Rows of features in shared memory: the square's rows, and behind them its columns.
  constexpr int height() const { return diagonal ? rows : rows + columns; }
  // Where the pairs of row i start among those of the square that are kept, and how many there are.
  constexpr int start(int i) const {
    return diagonal ? static_cast<int>(interaction_pairs(i, self)) : i * columns;
  }
  constexpr int length(int i) const { return diagonal ? i + self : columns; }
};

// A step of a backward pass: the gradients of the square of features from row0 on get what the
// features of the square from column0 on give to the columns of the chunk from k0 on.
struct SpreadStep {
  int64_t row0, column0, k0;
};

// All that goes to one chunk of one square of gradients comes one after the other, and squares of
// gradients come in their order, so that those that share memory add to it in that order.
struct SpreadSteps {
  int side, squares, chunks;

  template <class T, int kSide>
  explicit constexpr SpreadSteps(const Interaction<T, kSide>& args)
      : side(kSide),
        squares(static_cast<int>((args.F + kSide - 1) / kSide)),
        chunks(static_cast<int>((args.D + kChunk - 1) / kChunk)) {}
  constexpr int count() const { return squares * chunks * squares; }
  constexpr SpreadStep operator[](int n) const {
    return {int64_t{n / squares / chunks} * side, int64_t{n % squares} * side,
            int64_t{n / squares % chunks} * kChunk};
  }
};

// ---- fp32

struct InteractionArgs : Interaction<float, 64> {
  int samples;    // of a block
  int stages;     // buffers of rows in shared memory, 1 or 2
  int stride;     // floats from row to row in one of them
  int row_shift;  // 2^row_shift threads copy a row
};

struct Samples {
  int64_t first;
  int count;
};

// Of the blocks of a group.
constexpr Samples samples_of(const InteractionArgs& args, int64_t group) {
  const int64_t first = group * args.samples;
  return {first, static_cast<int>(std::min<int64_t>(args.B - first, args.samples))};
}

// Four floats, or the first `left` of them and zeros.
__device__ inline void copy_vector(float* shared, const float* from, int left) {
  if (left >= 4 && is_aligned16(from)) return copy_async16(shared, from);
  for (int c = 0; c < 4; ++c) {
    if (c < left) {
      copy_async4(shared + c, from + c);
    } else {
      shared[c] = 0;
    }
  }
}

// Starts the copy of columns [k0, k0 + kChunk) of `features` features from `first` on: the row of
// sample s and feature f goes to row s * features + f of `shared`, with zeros up to a whole vector.
__device__ inline void copy_rows(float* shared, const InteractionArgs& args, Samples samples,
                                 int64_t first, int features, int64_t k0) {
  constexpr int kAhead = 4;  // descriptors that are read before the first of them is used
  const int thread = static_cast<int>(threadIdx.x);
  const int column = 4 * (thread & ((1 << args.row_shift) - 1)), row = thread >> args.row_shift;
  const int rows = static_cast<int>(blockDim.x) >> args.row_shift;
  const int left = args.chunk(k0) - column;
  if (left <= 0) return;
  for (int f0 = row; f0 < features; f0 += kAhead * rows) {
    Feature from[kAhead];
#pragma unroll
    for (int i = 0; i < kAhead; ++i) {
      from[i] = args.x[first + std::min(f0 + i * rows, features - 1)];
    }
    for (int s = 0; s < samples.count; ++s) {
#pragma unroll
      for (int i = 0; i < kAhead; ++i) {
        const int f = f0 + i * rows;
        if (f >= features) break;
        copy_vector(shared + (s * features + f) * args.stride + column,
                    from[i].data + (samples.first + s) * from[i].stride + k0 + column, left);
      }
    }
  }
}

// What a sample wants of a block.
struct SampleNeeds {
  int64_t threads;
  int64_t steps;                // copies of rows, one after the other
  int64_t rows;                 // of features in one of them
  int64_t more = 0, least = 0;  // floats beside the rows, and floats in all
};

// Chooses what `args` leaves open, with about `threads` threads in a block.
inline LaunchShape shape_blocks(InteractionArgs& args, const SampleNeeds& needs, int64_t threads,
                                int64_t blocks_of_group) {
  constexpr int64_t kSharedTarget = 48 * 1024;  // bytes of several samples
  constexpr int64_t kCopyThreads = 64;
  const int64_t width = ceil_div(args.chunk(0), 4) * 4;
  // An odd number of vectors: eight rows one after the other start in eight groups of banks.
  args.stride = static_cast<int>(width % 8 == 0 ? width + 4 : width);
  args.row_shift = std::countr_zero(std::bit_ceil(static_cast<unsigned>(width / 4)));
  args.stages = needs.steps > 1 ? 2 : 1;
  const int64_t floats = std::max(args.stages * needs.rows * args.stride + needs.more, needs.least);
  const int64_t bytes = floats * static_cast<int64_t>(sizeof(float));
  const int64_t samples =
      std::max<int64_t>(1, std::min(threads / needs.threads, kSharedTarget / bytes));
  args.samples = static_cast<int>(samples);
  const int64_t used = std::max(kCopyThreads, samples * needs.threads);
  return {ceil_div(args.B, samples) * blocks_of_group,
          static_cast<int>(ceil_div(used, kWarpSize) * kWarpSize),
          static_cast<size_t>(samples * bytes)};
}

inline InteractionArgs make_args(std::span<const Feature> x, ConstMatrix z, int64_t D, bool self) {
  return {{x.data(), z.rows(), static_cast<int64_t>(x.size()), D, z.cols(), self}, 1, 1, 0, 0};
}

}  // namespace hotrow
