// Sorts pairs by key on a GPU, stably: values of equal keys stay in order.
//
//   sorted_keys, sorted_values = keys, values in ascending order of the low end_bit bits of the key
//
// Shapes: all (n), 0 <= n < 2^31; Key is uint32_t or uint64_t.
// Aliasing: outputs, inputs and scratch are distinct memory.
// Determinism: the result depends on the inputs alone.
// Cost: each 8 bits of end_bit read and write every pair once. Allocates nothing; a captured graph
// may hold it.
// Errors: DeviceError where a launch fails, so too where the scratch is smaller than asked for.
// Source: radix sort of CUB, the CUDA toolkit's library.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "kernels/core/stream.h"

namespace hotrow {

// Scratch of sort_pairs for n pairs.
template <class Key>
size_t sort_pairs_scratch_bytes(int64_t n);

template <class Key>
void sort_pairs(Key* sorted_keys, uint32_t* sorted_values, const Key* keys, const uint32_t* values,
                int64_t n, int end_bit, std::span<std::byte> scratch, CudaStream stream);

}  // namespace hotrow
