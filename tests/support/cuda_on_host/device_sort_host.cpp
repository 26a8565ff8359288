// In the place of kernels/core/device_sort_cuda.cu: a kernel of one thread, so that a captured
// graph replays it like any other.
#include <cuda_runtime.h>

#include <algorithm>
#include <cstring>
#include <numeric>
#include <vector>

#include "kernels/core/device_sort.h"
#include "kernels/core/launch.cuh"

namespace hotrow {
namespace {

template <class Key>
void sort_in_one_thread(Key* sorted_keys, uint32_t* sorted_values, const Key* keys,
                        const uint32_t* values, int64_t n, int end_bit, std::byte* scratch,
                        size_t scratch_bytes) {
  if (threadIdx.x != 0) return;
  std::memset(scratch, 0xA5, scratch_bytes);  // a real sort writes there too
  const Key mask = static_cast<Key>(~Key{0} >> (8 * static_cast<int>(sizeof(Key)) - end_bit));
  std::vector<size_t> order(static_cast<size_t>(n));
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::stable_sort(order, {}, [&](size_t i) { return keys[i] & mask; });
  for (size_t i = 0; i < order.size(); ++i) {
    sorted_keys[i] = keys[order[i]];
    sorted_values[i] = values[order[i]];
  }
}

}  // namespace

template <class Key>
size_t sort_pairs_scratch_bytes(int64_t n) {
  return static_cast<size_t>(n) + 1;
}

template <class Key>
void sort_pairs(Key* sorted_keys, uint32_t* sorted_values, const Key* keys, const uint32_t* values,
                int64_t n, int end_bit, std::span<std::byte> scratch, CudaStream stream) {
  if (n == 0) return;
  launch("sort_pairs", sort_in_one_thread<Key>, {1, 32}, stream, sorted_keys, sorted_values, keys,
         values, n, end_bit, scratch.data(), sort_pairs_scratch_bytes<Key>(n));
}

template size_t sort_pairs_scratch_bytes<uint32_t>(int64_t);
template size_t sort_pairs_scratch_bytes<uint64_t>(int64_t);
template void sort_pairs(uint32_t*, uint32_t*, const uint32_t*, const uint32_t*, int64_t, int,
                         std::span<std::byte>, CudaStream);
template void sort_pairs(uint64_t*, uint32_t*, const uint64_t*, const uint32_t*, int64_t, int,
                         std::span<std::byte>, CudaStream);

}  // namespace hotrow
