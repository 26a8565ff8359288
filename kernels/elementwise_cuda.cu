#include "kernels/elementwise.h"

#include <cmath>
#include <cstdint>

#include "kernels/argument_checks.h"
#include "kernels/core/columns.cuh"
#include "kernels/core/launch.cuh"
#include "kernels/core/parallel.h"

namespace hotrow {
namespace {

constexpr int kThreads = 256;

// What becomes of an element of the output, and of those of the two inputs.
struct First {
  static __device__ float of(float, float a, float) { return a; }
};
struct Sum {
  static __device__ float of(float, float a, float b) { return a + b; }
};
struct Product {
  static __device__ float of(float, float a, float b) { return a * b; }
};
struct SumWithProduct {
  static __device__ float of(float out, float a, float b) { return fmaf(a, b, out); }
};

template <class F, int kVec>
__device__ void change(float* out, const float* a, const float* b) {
  Columns<kVec> result = load_columns<kVec>(out);
  const auto x = load_columns<kVec>(a), y = load_columns<kVec>(b);
#pragma unroll
  for (int k = 0; k < kVec; ++k) result.x[k] = F::of(result.x[k], x.x[k], y.x[k]);
  store_columns(out, result);
}

// kVec: elements of a thread, 4 where all addresses are multiples of 16 bytes, else 1.
template <class F, int kVec>
__global__ void each_kernel(float* out, const float* a, const float* b, int64_t n) {
  const int64_t i = (int64_t{blockIdx.x} * kThreads + threadIdx.x) * kVec;
  if (i + kVec <= n) return change<F, kVec>(out + i, a + i, b + i);
  for (int64_t j = i; j < n; ++j) change<F, 1>(out + j, a + j, b + j);
}

template <class F>
void for_each(const char* op, float* out, const float* a, const float* b, int64_t n,
              CudaStream stream) {
  const bool wide = is_aligned16(out) && is_aligned16(a) && is_aligned16(b);
  const LaunchShape shape{ceil_div(n, wide ? 4 * kThreads : kThreads), kThreads};
  launch(op, wide ? each_kernel<F, 4> : each_kernel<F, 1>, shape, stream, out, a, b, n);
}

void product_gradient(float* out, bool accumulate, const float* dout, const float* other, int64_t n,
                      CudaStream stream) {
  if (out == nullptr) return;
  if (accumulate) {
    for_each<SumWithProduct>("multiply backward", out, dout, other, n, stream);
  } else {
    for_each<Product>("multiply backward", out, dout, other, n, stream);
  }
}

}  // namespace

void copy(float* out, const float* a, int64_t n, bool accumulate, CudaStream stream) {
  check_size("copy", n);
  if (accumulate) {
    for_each<Sum>("copy", out, out, a, n, stream);
  } else {
    for_each<First>("copy", out, a, a, n, stream);
  }
}

void add(float* out, const float* a, const float* b, int64_t n, CudaStream stream) {
  check_size("add", n);
  for_each<Sum>("add", out, a, b, n, stream);
}

void multiply(float* out, const float* a, const float* b, int64_t n, CudaStream stream) {
  check_size("multiply", n);
  for_each<Product>("multiply", out, a, b, n, stream);
}

void multiply_backward(const MultiplyBackward& out, const float* dout, const float* a,
                       const float* b, int64_t n, CudaStream stream) {
  check_size("multiply backward", n);
  product_gradient(out.da, out.accumulate_da, dout, b, n, stream);
  product_gradient(out.db, out.accumulate_db, dout, a, n, stream);
}

}  // namespace hotrow
