// What both passes of the dot interaction share on a GPU.
//
// They take features in squares of kSquare x kSquare pairs and columns in chunks, so that neither F
// nor D is limited; the next chunk of the rows is on its way into shared memory while this one is
// multiplied. A block has whole samples, several where they are small.
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

constexpr int kSquare = 64;  // features
constexpr int kChunk = 64;   // columns

struct InteractionArgs {
  const Feature* x;
  int64_t B, F, D;
  bool self;
  int samples;    // of a block
  int stages;     // buffers of rows in shared memory, 1 or 2
  int stride;     // floats from row to row in one of them
  int row_shift;  // 2^row_shift threads copy a row

  constexpr int64_t pairs_before(int64_t f) const { return interaction_pairs(f, self); }
  constexpr int64_t cols() const { return D + pairs_before(F); }
  // Features of the square that starts at `first`, and columns of the chunk that starts at k0.
  constexpr int square(int64_t first) const {
    return static_cast<int>(std::min<int64_t>(F - first, kSquare));
  }
  constexpr int chunk(int64_t k0) const {
    return static_cast<int>(std::min<int64_t>(D - k0, kChunk));
  }
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

inline InteractionArgs make_args(std::span<const Feature> x, int64_t B, int64_t D, bool self) {
  return {.x = x.data(),
          .B = B,
          .F = static_cast<int64_t>(x.size()),
          .D = D,
          .self = self,
          .samples = 1,
          .stages = 1,
          .stride = 0,
          .row_shift = 0};
}

}  // namespace hotrow
