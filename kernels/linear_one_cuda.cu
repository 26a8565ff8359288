// A layer of one output, as every click model ends: its products are sums of products of vectors,
// which the matrix library has no good way for.
#include <algorithm>
#include <initializer_list>

#include "kernels/core/async.cuh"
#include "kernels/core/columns.cuh"
#include "kernels/core/vec.cuh"
#include "kernels/core/warp.cuh"
#include "kernels/linear_cuda.cuh"

namespace hotrow {
namespace {

constexpr int kWarps = kLinearThreads / kWarpSize;

// What the kernel only reads, so that later loads need not wait for earlier stores.
template <int kVec>
__device__ Columns<kVec> load_read_only(const float* from) {
  if constexpr (kVec == 1) {
    return {{__ldg(from)}};
  } else {
    const Float4 v = load4_read_only(from);
    return {{v[0], v[1], v[2], v[3]}};
  }
}

// A factor as the precision has it.
__device__ float factor(float x, bool bf16) { return bf16 ? widen(round_factor(x)) : x; }

// A warp has a row; its lanes take the vectors in turn, and their sums are folded.
template <int kVec>
__global__ void __launch_bounds__(kLinearThreads)
    dot_rows(float* y, ConstMatrix x, const float* w, int64_t columns, const float* bias,
             Activation activation, bool bf16) {
  const int64_t row = int64_t{blockIdx.x} * kWarps + warp_in_block();
  if (row >= x.dims[0]) return;
  float sum = 0;
#pragma unroll 4
  for (int64_t k = lane() * kVec; k < columns; k += kWarpSize * kVec) {
    const Columns<kVec> a = load_read_only<kVec>(x.data + row * x.dims[1] + k);
    const Columns<kVec> b = load_read_only<kVec>(w + k);
#pragma unroll
    for (int c = 0; c < kVec; ++c) sum = fmaf(factor(a.x[c], bf16), factor(b.x[c], bf16), sum);
  }
  sum = warp_sum(sum);
  if (lane() == 0) y[row] = activate(bias == nullptr ? sum : sum + *bias, activation);
}

// One pass over x and dx: dx = dz w, and of each part of the rows the sums of dz x. A thread keeps
// its columns; those of a block that have the same ones add their sums in the order of the rows.
template <int kVec>
__global__ void __launch_bounds__(kLinearThreads)
    spread_rows(float* sums, LinearBackward a, MatrixCover cover, int64_t parts, bool bf16) {
  const int64_t part = blockIdx.x / cover.across, columns = cover.vectors * kVec;
  const int64_t stride = kVec == 1 ? a.x.dims[1] : columns;  // whole vectors are whole rows
  const int64_t column = cover.vector() * kVec, end = cover.rows * (part + 1) / parts;
  const bool exists = cover.vector() < cover.vectors, wants_dx = a.dx.data != nullptr;
  Columns<kVec> sum{}, w{};
  if (exists && wants_dx) w = load_read_only<kVec>(a.w.data + column);
  int64_t row = exists ? cover.rows * part / parts + cover.down() : end;
#pragma unroll 4
  for (; row < end; row += cover.height()) {
    const float dz = factor(__ldg(a.dz + row), bf16);
    const int64_t at = row * stride + column;
    const Columns<kVec> x = load_read_only<kVec>(a.x.data + at);
    Columns<kVec> v{};
    if (wants_dx && a.accumulate_dx) v = load_columns<kVec>(a.dx.data + at);
#pragma unroll
    for (int c = 0; c < kVec; ++c) {
      sum.x[c] = fmaf(dz, factor(x.x[c], bf16), sum.x[c]);
      v.x[c] = fmaf(dz, factor(w.x[c], bf16), v.x[c]);
      if (a.dx_is_dz && !(x.x[c] > 0)) v.x[c] = 0;
    }
    if (wants_dx) store_columns<kVec>(a.dx.data + at, v);
  }
  auto* of_thread = dynamic_shared<Columns<kVec>>();
  of_thread[threadIdx.x] = sum;
  __syncthreads();
  if (cover.down() > 0 || !exists) return;
  for (int below = 1; below < cover.height(); ++below) {
#pragma unroll
    for (int c = 0; c < kVec; ++c) {
      sum.x[c] += of_thread[threadIdx.x + below * cover.side()].x[c];
    }
  }
  store_columns<kVec>(sums + part * columns + column, sum);
}

int64_t num_parts(int64_t rows) { return std::clamp<int64_t>(ceil_div(rows, 128), 1, 512); }

bool whole_vectors(int64_t columns, std::initializer_list<const float*> arrays) {
  return columns % 4 == 0 && std::ranges::all_of(arrays, is_aligned16);
}

}  // namespace

void one_output_forward(Matrix y, ConstMatrix x, ConstMatrix w, ConstVector bias,
                        Activation activation, Precision precision, CudaStream stream) {
  const bool wide = whole_vectors(w.cols(), {x.data, w.data});
  launch("linear_forward", wide ? dot_rows<4> : dot_rows<1>,
         {ceil_div(x.rows(), kWarps), kLinearThreads}, stream, y.data, x, w.data, w.cols(),
         bias.data, activation, precision == Precision::kBfloat16);
}

int64_t one_output_floats(int64_t B, int64_t K) { return num_parts(B) * K; }

void one_output_backward(const LinearBackward& a, float* sums, CudaStream stream) {
  const int64_t B = a.x.rows(), K = a.w.cols(), parts = num_parts(B);
  const bool wide = whole_vectors(K, {a.x.data, a.w.data, a.dx.data, sums});
  const int vec = wide ? 4 : 1;
  const MatrixCover cover(B, K / vec);
  launch("linear_backward", wide ? spread_rows<4> : spread_rows<1>,
         {parts * cover.across, kLinearThreads, kLinearThreads * vec * sizeof(float)}, stream, sums,
         a, cover, parts, a.precision == Precision::kBfloat16);
  sum_down(a.dw.data, sums, parts, K, 1, stream);
}

}  // namespace hotrow
