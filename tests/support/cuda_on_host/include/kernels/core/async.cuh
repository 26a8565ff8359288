// Stands in for kernels/core/async.cuh, which has the contract of each function, where kernels are
// compiled for the host. Its checks throw what cuda_on_host.h promises.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

namespace hotrow {

namespace cuda_on_host {
void copy_async(void* shared_to, const void* global_from, unsigned bytes);
void copy_async_wait(int groups);
void load_matrix4(uint32_t (&r)[4], const void* shared_row, bool transposed, Where where);
void mma_bf16(float (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2], Where where);
}  // namespace cuda_on_host

template <class T>
T* aligned16(T* p) {
  if (reinterpret_cast<uintptr_t>(p) % 16 != 0) [[unlikely]]
    cuda_on_host::throw_unaligned(16);
  return p;
}

template <class T>
T* dynamic_shared() {
  return reinterpret_cast<T*>(cuda_on_host::shared_memory());
}

inline void copy_async16(void* shared_to, const void* global_from) {
  cuda_on_host::copy_async(shared_to, global_from, 16);
}
inline void copy_async4(void* shared_to, const void* global_from) {
  cuda_on_host::copy_async(shared_to, global_from, 4);
}
void copy_async_commit();
template <int N>
void copy_async_wait() {
  cuda_on_host::copy_async_wait(N);
}

inline void load_matrix4(uint32_t (&r)[4], const void* shared_row,
                         cuda_on_host::Where where = cuda_on_host::Where::here()) {
  cuda_on_host::load_matrix4(r, shared_row, false, where);
}
inline void load_matrix4_transposed(uint32_t (&r)[4], const void* shared_row,
                                    cuda_on_host::Where where = cuda_on_host::Where::here()) {
  cuda_on_host::load_matrix4(r, shared_row, true, where);
}
inline void mma_bf16(float (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2],
                     cuda_on_host::Where where = cuda_on_host::Where::here()) {
  cuda_on_host::mma_bf16(c, a, b, where);
}

}  // namespace hotrow
