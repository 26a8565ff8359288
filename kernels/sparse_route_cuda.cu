#include "kernels/sparse_route.h"

#include <cstdint>

#include "kernels/argument_checks.h"
#include "kernels/core/launch.cuh"
#include "kernels/core/parallel.h"
#include "kernels/core/warp.cuh"

namespace hotrow {
namespace {

constexpr int kThreads = 256;
constexpr int kItems = 4;  // a thread: all are loaded before the first is looked at
constexpr unsigned long long kNone = ~0ull;  // as a position: -1

// Which item a thread's k-th is: lanes side by side, positions ascending with k.
__device__ int64_t item(int k) {
  return (int64_t{blockIdx.x} * kItems + k) * kThreads + threadIdx.x;
}

LaunchShape shape_for(int64_t n) { return {ceil_div(n, kThreads * kItems), kThreads}; }

// *bad becomes the smallest `first` of all threads. For whole warps.
__device__ void report(int64_t* bad, unsigned long long first) {
  first = warp_min(first);
  if (lane() == 0 && first != kNone) atomicMin(reinterpret_cast<unsigned long long*>(bad), first);
}

template <class Out, class In>
__global__ void copy_ids_kernel(Out* out, int64_t* bad, const In* ids, int64_t n, int64_t rows) {
  In id[kItems] = {};
#pragma unroll
  for (int k = 0; k < kItems; ++k) {
    if (item(k) < n) id[k] = ids[item(k)];
  }
  unsigned long long first = kNone;
#pragma unroll
  for (int k = kItems - 1; k >= 0; --k) {
    const int64_t i = item(k);
    if (i >= n) continue;
    const bool good = id[k] >= 0 && id[k] < rows;
    out[i] = good ? static_cast<Out>(id[k]) : Out{0};
    if (!good) first = static_cast<unsigned long long>(i);
  }
  report(bad, first);
}

template <class Out, class In>
__global__ void copy_offsets_kernel(Out* out, int64_t* bad, const In* offsets, int64_t bags,
                                    int64_t num_ids) {
  In offset[kItems] = {}, before[kItems] = {};
#pragma unroll
  for (int k = 0; k < kItems; ++k) {
    const int64_t i = item(k);
    if (i <= bags) offset[k] = offsets[i];
    if (i > 0 && i <= bags) before[k] = offsets[i - 1];
  }
  unsigned long long first = kNone;
#pragma unroll
  for (int k = kItems - 1; k >= 0; --k) {
    const int64_t i = item(k), x = offset[k];
    if (i > bags) continue;
    out[i] = static_cast<Out>(x < 0 ? 0 : x > num_ids ? num_ids : x);
    const bool good =
        x >= before[k] && x <= num_ids && (i > 0 || x == 0) && (i < bags || x == num_ids);
    if (!good) first = static_cast<unsigned long long>(i);
  }
  report(bad, first);
}

template <class Id>
__global__ void quotient_remainder_kernel(Id* quotient, Id* remainder, const Id* ids, int64_t n,
                                          Id collisions) {
  Id id[kItems] = {};
#pragma unroll
  for (int k = 0; k < kItems; ++k) {
    if (item(k) < n) id[k] = ids[item(k)];
  }
#pragma unroll
  for (int k = 0; k < kItems; ++k) {
    const int64_t i = item(k);
    if (i >= n) continue;
    const Id q = id[k] / collisions;
    quotient[i] = q;
    remainder[i] = id[k] - q * collisions;
  }
}

void set_none(const char* op, int64_t* bad, CudaStream stream) {
  check_cuda(cudaMemsetAsync(bad, 0xFF, sizeof(*bad), static_cast<cudaStream_t>(stream.native)), op,
             "cudaMemsetAsync");
}

}  // namespace

template <class Out, class In>
void copy_ids(Out* out, int64_t* bad, const In* ids, int64_t n, int64_t rows, CudaStream stream) {
  check_holds<Out>("copy_ids", rows - 1);
  set_none("copy_ids", bad, stream);
  launch("copy_ids", copy_ids_kernel<Out, In>, shape_for(n), stream, out, bad, ids, n, rows);
}

template <class Out, class In>
void copy_offsets(Out* out, int64_t* bad, const In* offsets, int64_t bags, int64_t num_ids,
                  CudaStream stream) {
  check_holds<Out>("copy_offsets", num_ids);
  set_none("copy_offsets", bad, stream);
  launch("copy_offsets", copy_offsets_kernel<Out, In>, shape_for(bags + 1), stream, out, bad,
         offsets, bags, num_ids);
}

template <class Id>
void quotient_remainder(Id* quotient, Id* remainder, const Id* ids, int64_t n, Id collisions,
                        CudaStream stream) {
  check_collisions(collisions);
  launch("quotient_remainder", quotient_remainder_kernel<Id>, shape_for(n), stream, quotient,
         remainder, ids, n, collisions);
}

#define HOTROW_INSTANTIATE(Id)                                                             \
  template void copy_ids(int32_t*, int64_t*, const Id*, int64_t, int64_t, CudaStream);     \
  template void copy_ids(int64_t*, int64_t*, const Id*, int64_t, int64_t, CudaStream);     \
  template void copy_offsets(int32_t*, int64_t*, const Id*, int64_t, int64_t, CudaStream); \
  template void copy_offsets(int64_t*, int64_t*, const Id*, int64_t, int64_t, CudaStream); \
  template void quotient_remainder(Id*, Id*, const Id*, int64_t, Id, CudaStream);
HOTROW_INSTANTIATE(int32_t)
HOTROW_INSTANTIATE(int64_t)
#undef HOTROW_INSTANTIATE

}  // namespace hotrow
