#include "kernels/concat.h"

#include <cstdint>

#include "kernels/core/columns.cuh"
#include "kernels/core/launch.cuh"
#include "kernels/core/parallel.h"
#include "kernels/core/warp.cuh"

namespace hotrow {
namespace {

constexpr int kThreads = 256;
constexpr int kRows = 4;  // of a warp; some columns of each are under way at a time

struct Block {  // of columns
  float* to;
  const float* from;
  int64_t to_stride, from_stride, width;
  bool accumulate;
};

// `rows` rows of a block, by a warp.
template <int kVec>
__device__ void copy_rows(const Block& block, int rows) {
  for (int64_t c = int64_t{lane()} * kVec; c < block.width; c += kWarpSize * kVec) {
    Columns<kVec> x[kRows] = {};
#pragma unroll
    for (int r = 0; r < kRows; ++r) {
      if (r < rows) x[r] = load_columns<kVec>(block.from + r * block.from_stride + c);
    }
#pragma unroll
    for (int r = 0; r < kRows; ++r) {
      if (r >= rows) continue;
      float* to = block.to + r * block.to_stride + c;
      if (block.accumulate) {
        const auto before = load_columns<kVec>(to);
        for (int i = 0; i < kVec; ++i) x[r].x[i] = before.x[i] + x[r].x[i];
      }
      store_columns(to, x[r]);
    }
  }
}

__device__ void copy_block(const Block& block, int rows) {
  const bool wide = is_aligned16(block.to) && is_aligned16(block.from) &&
                    block.to_stride % 4 == 0 && block.from_stride % 4 == 0 && block.width % 4 == 0;
  if (wide) {
    copy_rows<4>(block, rows);
  } else {
    copy_rows<1>(block, rows);
  }
}

struct Rows {
  int64_t first;
  int count;
};

// The rows of this warp, of `batch` in all.
__device__ Rows rows_of_warp(int64_t batch) {
  const int64_t warp = int64_t{blockIdx.x} * (kThreads / kWarpSize) + warp_in_block();
  const int64_t first = warp * kRows, left = batch - first;
  return {first, static_cast<int>(left < 0 ? 0 : left < kRows ? left : kRows)};
}

__global__ void concat_forward_kernel(float* out, int64_t batch, int64_t cols, const Part* parts,
                                      int64_t num_parts) {
  const Rows rows = rows_of_warp(batch);
  float* to = out + rows.first * cols;
  for (const Part* part = parts; part < parts + num_parts; ++part) {
    const float* from = part->data + rows.first * part->stride;
    copy_block({to, from, cols, part->stride, part->width, false}, rows.count);
    to += part->width;
  }
}

// A warp goes through the parts in order, because a later one may add to the memory of an earlier.
__global__ void concat_backward_kernel(const PartGrad* dparts, int64_t num_parts, const float* dout,
                                       int64_t batch, int64_t cols) {
  const Rows rows = rows_of_warp(batch);
  const float* from = dout + rows.first * cols;
  for (const PartGrad* part = dparts; part < dparts + num_parts; ++part) {
    float* to = part->data + rows.first * part->stride;
    copy_block({to, from, part->stride, cols, part->width, part->accumulate}, rows.count);
    from += part->width;
    __syncwarp(kFullMask);
  }
}

LaunchShape shape_for(int64_t batch) {
  return {ceil_div(batch, kRows * (kThreads / kWarpSize)), kThreads};
}

}  // namespace

void concat_forward(Matrix out, std::span<const Part> parts, CudaStream stream) {
  launch("concat", concat_forward_kernel, shape_for(out.rows()), stream, out.data, out.rows(),
         out.cols(), parts.data(), std::ssize(parts));
}

void concat_backward(std::span<const PartGrad> dparts, ConstMatrix dout, CudaStream stream) {
  launch("concat backward", concat_backward_kernel, shape_for(dout.rows()), stream, dparts.data(),
         std::ssize(dparts), dout.data, dout.rows(), dout.cols());
}

}  // namespace hotrow
