#include <algorithm>
#include <cmath>

#include "kernels/core/async.cuh"
#include "kernels/core/launch.cuh"
#include "kernels/core/parallel.h"
#include "kernels/core/vec.cuh"
#include "kernels/core/warp.cuh"
#include "kernels/linear.h"
#include "kernels/linear_shapes.h"

namespace hotrow {
namespace {

constexpr int kThreads = 256;
constexpr int kWarps = kThreads / kWarpSize;

__global__ void __launch_bounds__(kThreads) sigmoid(float* y, int64_t n) {
  const int64_t i = int64_t{blockIdx.x} * kThreads + threadIdx.x;
  if (i < n) y[i] = 1.0f / (1.0f + expf(-y[i]));
}

template <Activation kActivation>
__device__ float derivative(float dy, float y) {
  if constexpr (kActivation == Activation::kRelu) {
    return y > 0 ? dy : 0.0f;
  } else if constexpr (kActivation == Activation::kSigmoid) {
    return dy * (y * (1.0f - y));
  } else {
    return dy;
  }
}

// Vectors of four where all addresses allow it, and single numbers behind them. dz may be dy.
template <Activation kActivation>
__global__ void __launch_bounds__(kThreads)
    gate(float* dz, const float* dy, const float* y, int64_t n, bool vectors) {
  const int64_t i = (int64_t{blockIdx.x} * kThreads + threadIdx.x) * 4;
  if (vectors && i + 4 <= n) {
    Float4 v = load4(dy + i);
    const Float4 out = kActivation == Activation::kNone ? Float4{} : load4(y + i);
#pragma unroll
    for (int c = 0; c < 4; ++c) v[c] = derivative<kActivation>(v[c], out[c]);
    return store4(dz + i, v);
  }
  for (int64_t j = i; j < std::min(i + 4, n); ++j) {
    dz[j] = derivative<kActivation>(dy[j], kActivation == Activation::kNone ? 0.0f : y[j]);
  }
}

template <Activation kActivation>
void launch_gate(float* dz, const float* dy, const float* y, int64_t n, CudaStream stream) {
  const bool vectors = is_aligned16(dz) && is_aligned16(dy) && is_aligned16(y);
  launch("activation_backward", gate<kActivation>, {ceil_div(n, 4 * kThreads), kThreads}, stream,
         dz, dy, y, n, vectors);
}

// ---- sums down the columns of dz: a warp's lanes have a column each

int64_t num_parts(int64_t rows) { return std::clamp<int64_t>(ceil_div(rows, 256), 1, 64); }

// sums (parts, columns) of the parts of the rows.
__global__ void __launch_bounds__(kThreads)
    sum_parts(float* sums, const float* dz, int64_t rows, int64_t columns, unsigned parts) {
  const int64_t part = blockIdx.x % parts;
  const int64_t column = int64_t{blockIdx.x / parts} * kWarpSize + lane();
  const int64_t end = rows * (part + 1) / parts;
  float sum = 0;
  if (column < columns) {
#pragma unroll 8
    for (int64_t row = rows * part / parts + warp_in_block(); row < end; row += kWarps) {
      sum += __ldg(dz + row * columns + column);
    }
  }
  float* of_warp = dynamic_shared<float>();
  of_warp[threadIdx.x] = sum;
  __syncthreads();
  if (warp_in_block() > 0 || column >= columns) return;
  for (int warp = 1; warp < kWarps; ++warp) sum += of_warp[warp * kWarpSize + lane()];
  sums[part * columns + column] = sum;
}

__global__ void __launch_bounds__(kThreads)
    add_parts(float* db, const float* sums, int64_t columns, unsigned parts) {
  const int64_t column = int64_t{blockIdx.x} * kThreads + threadIdx.x;
  if (column >= columns) return;
  float sum = 0;
#pragma unroll 8
  for (unsigned part = 0; part < parts; ++part) sum += sums[part * columns + column];
  db[column] = sum;
}

void sum_columns(float* db, const float* dz, int64_t rows, int64_t columns, GemmContext& gemms,
                 CudaStream stream) {
  const size_t needed = linear_workspace_bytes(rows, columns), got = gemms.workspace().size();
  require(got >= needed,
          "[linear_backward] workspace too small: got {} bytes, expected at least {}", got, needed);
  auto* sums = reinterpret_cast<float*>(gemms.workspace().data());
  const auto parts = static_cast<unsigned>(num_parts(rows));
  launch("linear_backward", sum_parts,
         {ceil_div(columns, kWarpSize) * parts, kThreads, kThreads * sizeof(float)}, stream, sums,
         dz, rows, columns, parts);
  launch("linear_backward", add_parts, {ceil_div(columns, kThreads), kThreads}, stream, db, sums,
         columns, parts);
}

}  // namespace

void linear_forward(Matrix y, ConstMatrix x, ConstMatrix w, ConstVector bias, Activation activation,
                    Precision precision, GemmContext& gemms, CudaStream stream) {
  check_linear_forward(y, x, w, bias);
  if (y.size() == 0) return;
  gemms.run({.m = y.rows(),
             .n = y.cols(),
             .k = x.cols(),
             .c = y.data,
             .a = {x.data, x.cols()},
             .b = {w.data, w.cols(), GemmLayout::kColumns},
             .bias = bias.data,
             .relu = activation == Activation::kRelu,
             .precision = precision},
            stream);
  if (activation != Activation::kSigmoid) return;
  launch("linear_forward", sigmoid, {ceil_div(y.size(), kThreads), kThreads}, stream, y.data,
         y.size());
}

void activation_backward(float* dz, ConstMatrix dy, ConstMatrix y, Activation activation,
                         CudaStream stream) {
  check_activation_backward(dy, y, activation);
  switch (activation) {
    case Activation::kNone:
      return launch_gate<Activation::kNone>(dz, dy.data, nullptr, dy.size(), stream);
    case Activation::kRelu:
      return launch_gate<Activation::kRelu>(dz, dy.data, y.data, dy.size(), stream);
    case Activation::kSigmoid:
      return launch_gate<Activation::kSigmoid>(dz, dy.data, y.data, dy.size(), stream);
  }
}

size_t linear_workspace_bytes(int64_t batch, int64_t width) {
  return static_cast<size_t>(num_parts(batch) * width) * sizeof(float);
}

void linear_backward(const LinearBackward& a, GemmContext& gemms, CudaStream stream) {
  check_linear_backward(a);
  const int64_t rows = a.x.rows(), n = a.w.rows(), k = a.w.cols();
  if (a.db.data != nullptr) sum_columns(a.db.data, a.dz, rows, n, gemms, stream);
  if (rows == 0) {
    const size_t bytes = static_cast<size_t>(a.dw.size()) * sizeof(float);
    return check_cuda(
        cudaMemsetAsync(a.dw.data, 0, bytes, static_cast<cudaStream_t>(stream.native)),
        "linear_backward", "setting dw to zero");
  }
  gemms.run({.m = n,
             .n = k,
             .k = rows,
             .c = a.dw.data,
             .a = {a.dz, n, GemmLayout::kColumns},
             .b = {a.x.data, k},
             .precision = a.precision},
            stream);
  if (a.dx.data == nullptr) return;
  gemms.run({.m = rows,
             .n = k,
             .k = n,
             .c = a.dx.data,
             .a = {a.dz, n},
             .b = {a.w.data, k},
             .accumulate = a.accumulate_dx,
             .precision = a.precision},
            stream);
  if (a.dx_is_dz) {
    launch_gate<Activation::kRelu>(a.dx.data, a.dx.data, a.x.data, a.dx.size(), stream);
  }
}

}  // namespace hotrow
