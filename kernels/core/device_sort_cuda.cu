#include "kernels/core/device_sort.h"

#include <cuda_runtime.h>

#include <cub/device/device_radix_sort.cuh>

#include "kernels/core/launch.cuh"

namespace hotrow {
namespace {

// One call of CUB: without `scratch` it only says how many bytes it wants.
template <class Key>
void radix_sort(Key* sorted_keys, uint32_t* sorted_values, const Key* keys, const uint32_t* values,
                int64_t n, int end_bit, void* scratch, size_t& bytes, CudaStream stream) {
  check_cuda(cub::DeviceRadixSort::SortPairs(scratch, bytes, keys, sorted_keys, values,
                                             sorted_values, static_cast<int>(n), 0, end_bit,
                                             static_cast<cudaStream_t>(stream.native)),
             "sort_pairs", "cub::DeviceRadixSort::SortPairs");
}

}  // namespace

template <class Key>
size_t sort_pairs_scratch_bytes(int64_t n) {
  size_t bytes = 0;
  radix_sort<Key>(nullptr, nullptr, nullptr, nullptr, n, 8 * sizeof(Key), nullptr, bytes, {});
  return bytes;
}

template <class Key>
void sort_pairs(Key* sorted_keys, uint32_t* sorted_values, const Key* keys, const uint32_t* values,
                int64_t n, int end_bit, std::span<std::byte> scratch, CudaStream stream) {
  if (n == 0) return;
  size_t bytes = scratch.size();
  radix_sort(sorted_keys, sorted_values, keys, values, n, end_bit, scratch.data(), bytes, stream);
}

template size_t sort_pairs_scratch_bytes<uint32_t>(int64_t);
template size_t sort_pairs_scratch_bytes<uint64_t>(int64_t);
template void sort_pairs(uint32_t*, uint32_t*, const uint32_t*, const uint32_t*, int64_t, int,
                         std::span<std::byte>, CudaStream);
template void sort_pairs(uint64_t*, uint32_t*, const uint64_t*, const uint32_t*, int64_t, int,
                         std::span<std::byte>, CudaStream);

}  // namespace hotrow
