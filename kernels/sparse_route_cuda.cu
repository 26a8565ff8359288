#include "kernels/sparse_route.h"

#include <cstdint>
#include <limits>

#include "kernels/argument_checks.h"
#include "kernels/core/launch.cuh"
#include "kernels/core/parallel.h"
#include "kernels/core/warp.cuh"

namespace hotrow {
namespace {

constexpr int kThreads = 256;
constexpr int kItems = 4;  // a thread: all are loaded before the first is looked at
constexpr unsigned long long kNone = ~0ull;  // as a position: -1

// Which item the k-th of a thread of this block is: lanes side by side, positions ascending with k.
__device__ int64_t item(int64_t block, int k) {
  return (block * kItems + k) * kThreads + threadIdx.x;
}

int64_t blocks_for(int64_t n) { return ceil_div(n, kThreads * kItems); }

// *bad becomes the smallest `first` of all threads. For whole warps.
__device__ void report(int64_t* bad, unsigned long long first) {
  first = warp_min(first);
  if (lane() == 0 && first != kNone) atomicMin(reinterpret_cast<unsigned long long*>(bad), first);
}

// Whether number i of a list, which follows `before`, is as the list wants it.
template <class Out, class In>
__device__ bool is_good(const RouteList<Out, In>& list, int64_t i, int64_t x, int64_t before) {
  if (x < 0 || x > int64_t{std::numeric_limits<Out>::max()}) return false;
  if (!list.offsets) return x < list.limit;
  return x >= before && x <= list.limit && (i > 0 || x == 0) && (i < list.n - 1 || x == list.limit);
}

template <class Out, class In>
__global__ void copy_lists_kernel(const RouteList<Out, In>* lists, int64_t* bad,
                                  unsigned list_blocks) {
  const unsigned l = blockIdx.x / list_blocks, block = blockIdx.x - l * list_blocks;
  const RouteList<Out, In> list = lists[l];
  In x[kItems] = {}, before[kItems] = {};
#pragma unroll
  for (int k = 0; k < kItems; ++k) {
    const int64_t i = item(block, k);
    if (i < list.n) x[k] = list.in[i];
    if (list.offsets && i > 0 && i < list.n) before[k] = list.in[i - 1];
  }
  const int64_t most = std::numeric_limits<Out>::max();
  const int64_t last = list.limit < most ? list.limit : most;  // for offsets
  unsigned long long first = kNone;
#pragma unroll
  for (int k = kItems - 1; k >= 0; --k) {
    const int64_t i = item(block, k), number = x[k];
    if (i >= list.n) continue;
    const bool good = is_good(list, i, number, before[k]);
    const int64_t clamped = !list.offsets || number < 0 ? 0 : number > last ? last : number;
    list.out[i] = static_cast<Out>(good ? number : clamped);
    if (!good) first = static_cast<unsigned long long>(i);
  }
  report(bad + l, first);
}

template <class Id>
__global__ void quotient_remainder_kernel(Id* quotient, Id* remainder, const Id* ids, int64_t n,
                                          Id collisions) {
  Id id[kItems] = {};
#pragma unroll
  for (int k = 0; k < kItems; ++k) {
    if (item(blockIdx.x, k) < n) id[k] = ids[item(blockIdx.x, k)];
  }
#pragma unroll
  for (int k = 0; k < kItems; ++k) {
    const int64_t i = item(blockIdx.x, k);
    if (i >= n) continue;
    const Id q = id[k] / collisions;
    quotient[i] = q;
    remainder[i] = id[k] - q * collisions;
  }
}

}  // namespace

template <class Out, class In>
void copy_lists(std::span<const RouteList<Out, In>> lists, int64_t* bad, int64_t max_n,
                CudaStream stream) {
  constexpr const char* kOp = "copy_lists";
  if (lists.empty()) return;
  check_cuda(cudaMemsetAsync(bad, 0xFF, lists.size() * sizeof(*bad),
                             static_cast<cudaStream_t>(stream.native)),
             kOp, "cudaMemsetAsync");
  const int64_t list_blocks = blocks_for(max_n);
  launch(kOp, copy_lists_kernel<Out, In>, {std::ssize(lists) * list_blocks, kThreads}, stream,
         lists.data(), bad, static_cast<unsigned>(list_blocks));
}

template <class Id>
void quotient_remainder(Id* quotient, Id* remainder, const Id* ids, int64_t n, Id collisions,
                        CudaStream stream) {
  check_collisions(collisions);
  launch("quotient_remainder", quotient_remainder_kernel<Id>, {blocks_for(n), kThreads}, stream,
         quotient, remainder, ids, n, collisions);
}

#define HOTROW_INSTANTIATE(Id)                                                         \
  template void copy_lists(std::span<const RouteList<int32_t, Id>>, int64_t*, int64_t, \
                           CudaStream);                                                \
  template void copy_lists(std::span<const RouteList<int64_t, Id>>, int64_t*, int64_t, \
                           CudaStream);                                                \
  template void quotient_remainder(Id*, Id*, const Id*, int64_t, Id, CudaStream);
HOTROW_INSTANTIATE(int32_t)
HOTROW_INSTANTIATE(int64_t)
#undef HOTROW_INSTANTIATE

}  // namespace hotrow
