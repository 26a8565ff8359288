// Copies that run beside the threads, tensor-core products, and the start of shared memory: all
// that CUDA C++ has no word for. The declarations are the contract; tests/support/cuda_on_host has
// the same ones for the host.
//
// Lanes and layouts are those of the PTX ISA manual: "cp.async", "ldmatrix" and "mma.m16n8k16".
// Pointers named shared_... are generic pointers into the block's shared memory; those named
// global_... are global memory.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

namespace hotrow {

// p, which must be aligned to 16 bytes.
template <class T>
__device__ __forceinline__ T* aligned16(T* p) {
  return static_cast<T*>(__builtin_assume_aligned(p, 16));
}

// Start of the block's dynamic shared memory, aligned to 16 bytes. There is no other shared memory:
// a kernel carves up what LaunchShape::shared_bytes asked for.
template <class T>
__device__ __forceinline__ T* dynamic_shared() {
  extern __shared__ uint4 hotrow_dynamic_shared[];
  return reinterpret_cast<T*>(hotrow_dynamic_shared);
}

__device__ __forceinline__ uint32_t shared_address(const void* shared) {
  return static_cast<uint32_t>(__cvta_generic_to_shared(shared));
}

// Starts a copy of 16 bytes, both ends aligned to 16, that goes past the first cache. Each thread
// waits for its own copies; other threads see them after a barrier behind that wait.
__device__ __forceinline__ void copy_async16(void* shared_to, const void* global_from) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(shared_address(shared_to)),
               "l"(global_from)
               : "memory");
}
// The same for 4 bytes, aligned to 4, through the first cache.
__device__ __forceinline__ void copy_async4(void* shared_to, const void* global_from) {
  asm volatile("cp.async.ca.shared.global [%0], [%1], 4;" ::"r"(shared_address(shared_to)),
               "l"(global_from)
               : "memory");
}
// Makes a group, which may be empty, of the copies that this thread started since the last one.
__device__ __forceinline__ void copy_async_commit() {
  asm volatile("cp.async.commit_group;" ::: "memory");
}
// Waits until at most N groups of this thread, the youngest, are still under way.
template <int N>
__device__ __forceinline__ void copy_async_wait() {
  asm volatile("cp.async.wait_group %0;" ::"n"(N) : "memory");
}

// By all lanes of a warp: four 8 x 8 matrices of 16-bit numbers. Lane 8 i + j gives the address of
// row j of matrix i, 16 bytes aligned to 16. Lane l gets of matrix i, in r[i], the elements 2 (l %
// 4) (lower half) and 2 (l % 4) + 1 of row l / 4.
__device__ __forceinline__ void load_matrix4(uint32_t (&r)[4], const void* shared_row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(shared_address(shared_row))
               : "memory");
}
// The same of the transposed matrices: rows 2 (l % 4) and 2 (l % 4) + 1 of column l / 4.
__device__ __forceinline__ void load_matrix4_transposed(uint32_t (&r)[4], const void* shared_row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(shared_address(shared_row))
               : "memory");
}

// By all lanes of a warp: C += A B with C (16, 8) fp32, A (16, 16) and B (16, 8) bf16, two numbers
// a word, the one of the smaller k in the lower half. With g = lane / 4 and t = lane % 4:
//   a[0] = A[g][2t], A[g][2t + 1]             a[1] = A[g + 8][2t], A[g + 8][2t + 1]
//   a[2] = A[g][2t + 8], A[g][2t + 9]         a[3] = A[g + 8][2t + 8], A[g + 8][2t + 9]
//   b[0] = B[2t][g], B[2t + 1][g]             b[1] = B[2t + 8][g], B[2t + 9][g]
//   c[0] = C[g][2t]  c[1] = C[g][2t + 1]      c[2] = C[g + 8][2t]  c[3] = C[g + 8][2t + 1]
// Products are exact; the order and the roundings of the sum are the device's own.
__device__ __forceinline__ void mma_bf16(float (&c)[4], const uint32_t (&a)[4],
                                         const uint32_t (&b)[2]) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, "
      "{%8, %9}, {%0, %1, %2, %3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

}  // namespace hotrow
