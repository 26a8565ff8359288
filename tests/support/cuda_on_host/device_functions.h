// The words that CUDA adds to C++, and the intrinsics that kernels call, for the host. Semantics:
// CUDA C++ Programming Guide, "C++ Language Extensions"; where it says undefined, cuda_on_host.h
// says what happens here.
#pragma once

#include <math.h>

#include <bit>
#include <concepts>
#include <cstdint>
#include <type_traits>

#include "tests/support/cuda_on_host/block.h"

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)
#define __align__(n) alignas(n)

struct uint3 {
  unsigned x, y, z;
};
struct dim3 {
  unsigned x, y, z;
  constexpr dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {}
};
struct alignas(8) int2 {
  int x, y;
};
struct alignas(8) uint2 {
  unsigned x, y;
};
struct alignas(8) float2 {
  float x, y;
};
struct alignas(16) int4 {
  int x, y, z, w;
};
struct alignas(16) uint4 {
  unsigned x, y, z, w;
};
struct alignas(16) float4 {
  float x, y, z, w;
};
inline int2 make_int2(int x, int y) { return {x, y}; }
inline uint2 make_uint2(unsigned x, unsigned y) { return {x, y}; }
inline float2 make_float2(float x, float y) { return {x, y}; }
inline int4 make_int4(int x, int y, int z, int w) { return {x, y, z, w}; }
inline uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w) { return {x, y, z, w}; }
inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }

// Those of the thread that runs.
extern uint3 threadIdx, blockIdx;
extern dim3 blockDim, gridDim;

namespace hotrow::cuda_on_host {

// Bits of a value of 4 or 8 bytes that threads exchange.
template <class T>
concept Exchanged = std::is_arithmetic_v<T> &&(sizeof(T) == 4 || sizeof(T) == 8);
template <Exchanged T>
uint64_t to_bits(T value) {
  if constexpr (sizeof(T) == 4) {
    return std::bit_cast<uint32_t>(value);
  } else {
    return std::bit_cast<uint64_t>(value);
  }
}
template <Exchanged T>
T from_bits(uint64_t bits) {
  if constexpr (sizeof(T) == 4) {
    return std::bit_cast<T>(static_cast<uint32_t>(bits));
  } else {
    return std::bit_cast<T>(bits);
  }
}

enum class Shuffle { kFrom, kUp, kDown, kXor };
// All bits set where the source is not in the mask.
uint64_t shuffle(Shuffle how, unsigned mask, uint64_t value, int argument, int width, Where where);
enum class Vote { kSync, kBallot, kAny, kAll };
// The lanes whose flag is set.
unsigned vote(Vote kind, unsigned mask, bool flag, Where where);
unsigned match_any(unsigned mask, uint64_t value, Where where);

template <class T>
concept AtomicInteger =
    std::same_as<T, int> || std::same_as<T, unsigned> || std::same_as<T, unsigned long long>;
template <class T>
T wrapping_sum(T x, T y) {
  if constexpr (std::is_integral_v<T>) {
    using Unsigned = std::make_unsigned_t<T>;
    return static_cast<T>(static_cast<Unsigned>(x) + static_cast<Unsigned>(y));
  } else {
    return x + y;
  }
}
template <class T>
void check_aligned(const T* p) {
  if (reinterpret_cast<uintptr_t>(p) % sizeof(T) != 0) [[unlikely]]
    throw_unaligned(sizeof(T));
}
// Nothing interrupts a fiber, so that any function is atomic.
template <class T, class Change>
T exchange(T* p, Change change) {
  check_aligned(p);
  const T old = *p;
  *p = change(old);
  return old;
}

}  // namespace hotrow::cuda_on_host

// NOLINTBEGIN: names that are CUDA's
#define HOTROW_WHERE hotrow::cuda_on_host::Where where = hotrow::cuda_on_host::Where::here()

inline void __syncthreads(HOTROW_WHERE) {
  hotrow::cuda_on_host::meet_block("__syncthreads", false, where);
}
inline int __syncthreads_count(int flag, HOTROW_WHERE) {
  return hotrow::cuda_on_host::meet_block("__syncthreads_count", flag != 0, where);
}
inline int __syncthreads_or(int flag, HOTROW_WHERE) {
  return hotrow::cuda_on_host::meet_block("__syncthreads_or", flag != 0, where) > 0;
}
inline int __syncthreads_and(int flag, HOTROW_WHERE) {
  return hotrow::cuda_on_host::meet_block("__syncthreads_and", flag == 0, where) == 0;
}

inline void __syncwarp(unsigned mask = 0xFFFFFFFFu, HOTROW_WHERE) {
  hotrow::cuda_on_host::vote(hotrow::cuda_on_host::Vote::kSync, mask, false, where);
}
inline unsigned __ballot_sync(unsigned mask, int flag, HOTROW_WHERE) {
  return hotrow::cuda_on_host::vote(hotrow::cuda_on_host::Vote::kBallot, mask, flag != 0, where);
}
inline int __any_sync(unsigned mask, int flag, HOTROW_WHERE) {
  return hotrow::cuda_on_host::vote(hotrow::cuda_on_host::Vote::kAny, mask, flag != 0, where) != 0;
}
inline int __all_sync(unsigned mask, int flag, HOTROW_WHERE) {
  return hotrow::cuda_on_host::vote(hotrow::cuda_on_host::Vote::kAll, mask, flag != 0, where) ==
         mask;
}
template <hotrow::cuda_on_host::Exchanged T>
unsigned __match_any_sync(unsigned mask, T value, HOTROW_WHERE) {
  return hotrow::cuda_on_host::match_any(mask, hotrow::cuda_on_host::to_bits(value), where);
}

template <hotrow::cuda_on_host::Exchanged T>
T __shfl_sync(unsigned mask, T value, int from, int width = 32, HOTROW_WHERE) {
  using namespace hotrow::cuda_on_host;
  return from_bits<T>(shuffle(Shuffle::kFrom, mask, to_bits(value), from, width, where));
}
template <hotrow::cuda_on_host::Exchanged T>
T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = 32, HOTROW_WHERE) {
  using namespace hotrow::cuda_on_host;
  const int by = static_cast<int>(delta);
  return from_bits<T>(shuffle(Shuffle::kUp, mask, to_bits(value), by, width, where));
}
template <hotrow::cuda_on_host::Exchanged T>
T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = 32, HOTROW_WHERE) {
  using namespace hotrow::cuda_on_host;
  const int by = static_cast<int>(delta);
  return from_bits<T>(shuffle(Shuffle::kDown, mask, to_bits(value), by, width, where));
}
template <hotrow::cuda_on_host::Exchanged T>
T __shfl_xor_sync(unsigned mask, T value, int lanes, int width = 32, HOTROW_WHERE) {
  using namespace hotrow::cuda_on_host;
  return from_bits<T>(shuffle(Shuffle::kXor, mask, to_bits(value), lanes, width, where));
}
#undef HOTROW_WHERE

template <class T>
requires(hotrow::cuda_on_host::AtomicInteger<T> || std::floating_point<T>) T
    atomicAdd(T* p, std::type_identity_t<T> x) {
  using namespace hotrow::cuda_on_host;
  return exchange(p, [x](T old) { return wrapping_sum(old, x); });
}
template <hotrow::cuda_on_host::AtomicInteger T>
T atomicMin(T* p, std::type_identity_t<T> x) {
  return hotrow::cuda_on_host::exchange(p, [x](T old) { return x < old ? x : old; });
}
template <hotrow::cuda_on_host::AtomicInteger T>
T atomicMax(T* p, std::type_identity_t<T> x) {
  return hotrow::cuda_on_host::exchange(p, [x](T old) { return old < x ? x : old; });
}
template <hotrow::cuda_on_host::AtomicInteger T>
T atomicOr(T* p, std::type_identity_t<T> x) {
  return hotrow::cuda_on_host::exchange(p, [x](T old) { return old | x; });
}
template <class T>
requires(hotrow::cuda_on_host::AtomicInteger<T> || std::same_as<T, float>) T
    atomicExch(T* p, std::type_identity_t<T> x) {
  return hotrow::cuda_on_host::exchange(p, [x](T) { return x; });
}
template <hotrow::cuda_on_host::AtomicInteger T>
T atomicCAS(T* p, std::type_identity_t<T> expected, std::type_identity_t<T> x) {
  return hotrow::cuda_on_host::exchange(p, [=](T old) { return old == expected ? x : old; });
}
inline void __threadfence() {}
inline void __threadfence_block() {}
[[noreturn]] inline void __trap() { hotrow::cuda_on_host::throw_fault("__trap was called"); }

template <class T>
T __ldg(const T* p) {
  hotrow::cuda_on_host::check_aligned(p);
  return *p;
}
template <class T>
T __ldcs(const T* p) {
  return __ldg(p);
}
template <class T>
void __stcs(T* p, std::type_identity_t<T> x) {
  hotrow::cuda_on_host::check_aligned(p);
  *p = x;
}

inline int __popc(unsigned x) { return std::popcount(x); }
inline int __popcll(unsigned long long x) { return std::popcount(x); }
inline int __ffs(int x) { return __builtin_ffs(x); }
inline int __clz(int x) { return std::countl_zero(static_cast<unsigned>(x)); }
inline int __clzll(long long x) { return std::countl_zero(static_cast<unsigned long long>(x)); }
inline unsigned __brev(unsigned x) {
  unsigned reversed = 0;
  for (int i = 0; i < 32; ++i) reversed |= (x >> i & 1) << (31 - i);
  return reversed;
}
inline unsigned __umulhi(unsigned x, unsigned y) {
  return static_cast<unsigned>(uint64_t{x} * y >> 32);
}
inline unsigned __float_as_uint(float x) { return std::bit_cast<unsigned>(x); }
inline float __uint_as_float(unsigned x) { return std::bit_cast<float>(x); }
inline int __float_as_int(float x) { return std::bit_cast<int>(x); }
inline float __int_as_float(int x) { return std::bit_cast<float>(x); }
inline float __fadd_rn(float x, float y) { return x + y; }
inline float __fmul_rn(float x, float y) { return x * y; }
inline float __fdiv_rn(float x, float y) { return x / y; }
inline float __fsqrt_rn(float x) { return sqrtf(x); }
inline float __fmaf_rn(float x, float y, float z) { return fmaf(x, y, z); }
template <class T>
constexpr T min(T x, T y) {
  return y < x ? y : x;
}
template <class T>
constexpr T max(T x, T y) {
  return x < y ? y : x;
}
// Of a number and NaN the number.
inline float min(float x, float y) { return fminf(x, y); }
inline float max(float x, float y) { return fmaxf(x, y); }
inline double min(double x, double y) { return fmin(x, y); }
inline double max(double x, double y) { return fmax(x, y); }
// NOLINTEND
