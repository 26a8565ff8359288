// kernels/core/{launch,warp,vec,async}.cuh against plain loops.
#include <cuda_runtime.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <vector>

#include "kernels/core/async.cuh"
#include "kernels/core/launch.cuh"
#include "kernels/core/table_rows.h"
#include "kernels/core/vec.cuh"
#include "kernels/core/warp.cuh"
#include "tests/support/bounds.h"
#include "tests/support/device_memory.h"
#include "tests/support/expect_throws.h"
#include "tests/support/kernel_runs.h"

namespace hotrow::test {
namespace {

__global__ void count(int* counters) {
  atomicAdd(counters + blockIdx.x, static_cast<int>(blockDim.x));
}

TEST(Launch, StartsBlocksOfThreads) {
  DeviceVector<int> counters(std::vector<int>(5));
  run(count, {5, 96}, counters.data());
  EXPECT_EQ(counters.get(), std::vector<int>(5, 96 * 96));
  run(count, {0, 96}, counters.data());
  EXPECT_EQ(counters.get(), std::vector<int>(5, 96 * 96));
  run(count, {1, 32, kMaxSharedBytes / 2}, counters.data());
  EXPECT_EQ(counters.get()[0], 96 * 96 + 32 * 32);
}

// Whoever launches a kernel asks for the same limit, so that host threads do not lower it for each
// other between asking and launching.
TEST(Launch, AsksForAllSharedMemoryThatTheDeviceHas) {
  DeviceVector<int> counters(std::vector<int>(1));
  int most = 0;
  check_cuda(cudaDeviceGetAttribute(&most, cudaDevAttrMaxSharedMemoryPerBlockOptin, 0), "test",
             "cudaDeviceGetAttribute");
  run(count, {1, 32, kUnaskedSharedBytes + 4}, counters.data());
  cudaLaunchConfig_t config{};
  config.gridDim = dim3(1);
  config.blockDim = dim3(32);
  config.dynamicSmemBytes = static_cast<size_t>(most);
  check_cuda(cudaLaunchKernelEx(&config, count, counters.data()), "test", "cudaLaunchKernelEx");
  EXPECT_EQ(counters.get()[0], 2 * 32 * 32);
}

TEST(Launch, ChecksItsShape) {
  EXPECT_THROWS(InvalidArgument, "[test] wrong number of blocks: got -1, expected 0 to 2147483647",
                run(count, {-1, 32}, nullptr));
  EXPECT_THROWS(InvalidArgument, "[test] wrong number of blocks: got 2147483648, expected",
                run(count, {INT64_C(1) << 31, 32}, nullptr));
  for (int threads : {0, -32, 33, 1056}) {
    EXPECT_THROWS(InvalidArgument, "[test] wrong number of threads in a block: got ",
                  run(count, {1, threads}, nullptr));
  }
  EXPECT_THROWS(InvalidArgument,
                "[test] too much shared memory for a block: got 232449 bytes, expected at most "
                "232448",
                run(count, {1, 32, kMaxSharedBytes + 1}, nullptr));
}

TEST(Launch, SaysWhichCallFailed) {
  EXPECT_THROWS(DeviceError,
                "[op] cudaMalloc failed: got cudaErrorMemoryAllocation: out of memory, expected "
                "success",
                check_cuda(cudaErrorMemoryAllocation, "op", "cudaMalloc"));
  check_cuda(cudaSuccess, "op", "cudaMalloc");
}

// What each lane gets, one after the other.
template <class T, int kLanes>
__global__ void fold_warp(T* out, const T* in) {
  const T mine = in[lane()];
  out[2 * lane()] = warp_sum<kLanes>(mine);
  out[2 * lane() + 1] = warp_min<kLanes>(mine);
}

template <class T, int kLanes>
void check_folds(const std::vector<T>& in) {
  DeviceVector<T> out(64);
  const DeviceVector<T> from(in);
  run(fold_warp<T, kLanes>, {1, 32}, out.data(), from.data());
  const auto got = out.get();
  for (size_t l = 0; l < 32; ++l) {
    const size_t first = l / kLanes * kLanes;
    std::vector<T> fold(in.begin() + first, in.begin() + first + kLanes);
    for (size_t h = kLanes / 2; h > 0; h /= 2) {
      for (size_t i = 0; i < h; ++i) fold[i] += fold[i + h];
    }
    EXPECT_EQ(got[2 * l], fold[0]);
    EXPECT_EQ(got[2 * l + 1], *std::min_element(&in[first], &in[first] + kLanes));
  }
}

TEST(Warp, FoldsInHalves) {
  const auto in = test_floats(32, 5);
  check_folds<float, 32>(in);
  check_folds<float, 8>(in);
  check_folds<float, 1>(in);
  check_folds<double, 16>(std::vector<double>(in.begin(), in.end()));
  std::vector<int64_t> wide(32);
  for (size_t i = 0; i < 32; ++i)
    wide[i] = INT64_C(1234567890123) * static_cast<int64_t>(i * i % 7) - 9;
  check_folds<int64_t, 4>(wide);
}

__global__ void shuffle_and_vote(unsigned* out) {
  unsigned* row = out + threadIdx.x * 9;
  const unsigned l = static_cast<unsigned>(lane());
  row[0] = __shfl_up_sync(kFullMask, l, 3, 8);
  row[1] = __shfl_down_sync(kFullMask, l, 3, 8);
  row[2] = __shfl_sync(kFullMask, l, 5, 4);
  row[3] = __ballot_sync(kFullMask, l % 3 == 0);
  row[4] = static_cast<unsigned>(__any_sync(kFullMask, l == 7) + 2 * __all_sync(kFullMask, l < 31));
  row[5] = __match_any_sync(kFullMask, l % 5);
  row[6] = static_cast<unsigned>(__popc(l) + 100 * __ffs(static_cast<int>(l)) +
                                 10000 * __clz(static_cast<int>(l)));
  row[7] = __brev(l) ^ __umulhi(l << 28, 16);
  row[8] = __shfl_xor_sync(kFullMask, l, 9, 8);
}

TEST(Warp, IntrinsicsOfThisDeviceMeanTheSame) {
  DeviceVector<unsigned> out(32 * 9);
  run(shuffle_and_vote, {1, 32}, out.data());
  const auto got = out.get();
  for (unsigned l = 0; l < 32; ++l) {
    unsigned match = 0, reversed = 0, bits = 0;
    for (unsigned i = 0; i < 32; ++i) {
      match |= unsigned{i % 5 == l % 5} << i;
      reversed |= (l >> i & 1) << (31 - i);
      bits += l >> i & 1;
    }
    const unsigned ffs = l == 0 ? 0 : 1 + static_cast<unsigned>(std::countr_zero(l));
    const unsigned clz = static_cast<unsigned>(std::countl_zero(l));
    const std::vector<unsigned> want{l % 8 >= 3 ? l - 3 : l,
                                     l % 8 < 5 ? l + 3 : l,
                                     l / 4 * 4 + 1,
                                     0x49249249u,
                                     1u,
                                     match,
                                     bits + 100 * ffs + 10000 * clz,
                                     reversed ^ (l % 16),
                                     l / 8 % 2 == 1 ? l ^ 9 : l};
    EXPECT_EQ(std::vector<unsigned>(&got[l * 9], &got[l * 9] + 9), want) << l;
  }
}

__global__ void change_atomically(int* i, unsigned* u, unsigned long long* w, float* f) {
  const int x = static_cast<int>(threadIdx.x);
  atomicAdd(i, x);
  atomicMin(i + 1, x);
  atomicMax(i + 2, x);
  atomicOr(u, 1u << x % 32);
  atomicMax(u + 1, static_cast<unsigned>(x));
  atomicAdd(w, 1ull << 40);
  atomicMin(w + 1, static_cast<unsigned long long>(x));
  atomicAdd(f, 0.5f);
  int seen = i[3];
  for (int old; (old = atomicCAS(i + 3, seen, seen + 2)) != seen;) seen = old;
  if (x == 9) atomicExch(i + 4, 77);
}

TEST(Warp, AtomicFunctionsCountEveryThread) {
  DeviceVector<int> i(std::vector<int>{0, 5000, -5, 0, 0});
  DeviceVector<unsigned> u(std::vector<unsigned>{0, 0});
  DeviceVector<unsigned long long> w(std::vector<unsigned long long>{0, ~0ull});
  DeviceVector<float> f(std::vector<float>{0});
  run(change_atomically, {1, 64}, i.data(), u.data(), w.data(), f.data());
  EXPECT_EQ(i.get(), (std::vector<int>{2016, 0, 63, 128, 77}));
  EXPECT_EQ(u.get(), (std::vector<unsigned>{~0u, 63}));
  EXPECT_EQ(w.get(), (std::vector<unsigned long long>{64ull << 40, 0}));
  EXPECT_EQ(f.get()[0], 32);
}

__global__ void copy_floats(float* out, const float* in) {
  const unsigned at = 4 * threadIdx.x;
  store4(out + at, load4(in + at));
  store4_streaming(out + 128 + at, load4(in + at));
  Float4 x = load4_read_only(in + at);
  for (int i = 0; i < 4; ++i) x[i] = -x[i];
  store4(out + 256 + at, x);
}

TEST(Vec, MovesSixteenBytes) {
  const auto in = test_floats(128, 2);
  DeviceVector<float> out(384);
  const DeviceVector<float> from(in);
  run(copy_floats, {1, 32}, out.data(), from.data());
  const auto got = out.get();
  for (size_t i = 0; i < 128; ++i) {
    EXPECT_EQ(got[i], in[i]);
    EXPECT_EQ(got[128 + i], in[i]);
    EXPECT_EQ(got[256 + i], -in[i]);
  }
  EXPECT_TRUE(is_aligned16(from.data()));
  EXPECT_FALSE(is_aligned16(from.data() + 1));
}

template <class T>
__global__ void widen_all(float* out, const T* in) {
  const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
  out[i] = widen(in[i]);
}

// NaN are one.
bool same_number(float a, float b) {
  return std::isnan(a) ? std::isnan(b) : std::memcmp(&a, &b, sizeof a) == 0;
}

TEST(Vec, WidensEveryNumberOfSixteenBits) {
  std::vector<Bf16> bf16(65536);
  std::vector<Fp16> fp16(65536);
  for (unsigned i = 0; i < 65536; ++i) {
    bf16[i].bits = fp16[i].bits = static_cast<uint16_t>(i);
  }
  DeviceVector<float> from_bf16(65536), from_fp16(65536);
  const DeviceVector<Bf16> in_bf16(bf16);
  const DeviceVector<Fp16> in_fp16(fp16);
  run(widen_all<Bf16>, {512, 128}, from_bf16.data(), in_bf16.data());
  run(widen_all<Fp16>, {512, 128}, from_fp16.data(), in_fp16.data());
  const auto got_bf16 = from_bf16.get(), got_fp16 = from_fp16.get();
  int wrong = 0;
  for (size_t i = 0; i < 65536; ++i) {
    wrong += !same_number(to_float(bf16[i]), got_bf16[i]);
    wrong += !same_number(to_float(fp16[i]), got_fp16[i]);
  }
  EXPECT_EQ(wrong, 0);
}

__global__ void halve_and_join(float* out, const float* in) {
  const float x = in[threadIdx.x];
  out[threadIdx.x] = join_halves(high_half(x), low_half(x));
  out[32 + threadIdx.x] = widen(high_half(x));
}

TEST(Vec, JoinsTheHalvesOfAFloat) {
  const auto in = test_floats(32, 4);
  DeviceVector<float> out(64);
  const DeviceVector<float> from(in);
  run(halve_and_join, {1, 32}, out.data(), from.data());
  const auto got = out.get();
  for (size_t i = 0; i < 32; ++i) {
    EXPECT_EQ(got[i], in[i]);
    EXPECT_EQ(got[32 + i],
              to_float(Bf16{static_cast<uint16_t>(std::bit_cast<uint32_t>(in[i]) >> 16)}));
  }
}

constexpr int kStride = 24;  // 16-bit numbers from row to row, so that rows are not one block

// C = A B^T + C by one warp. A (16, 16) and B (8, 16) bf16 in shared memory, rows of kStride.
__global__ void multiply_bf16(float* c, const uint16_t* a, const uint16_t* b, bool transposed) {
  auto* shared = dynamic_shared<uint16_t>();
  for (int i = lane(); i < 32 * 16; i += kWarpSize) {
    const int row = i / 16, column = i % 16;
    uint16_t x = 0;
    if (row < 16) x = a[i];
    if (row >= 16 && row < 24) x = b[i - 256];
    // Transposed: blocks of 8 x 8 lie with rows and columns exchanged.
    const int r = row / 8 * 8 + (transposed ? column % 8 : row % 8);
    const int k = column / 8 * 8 + (transposed ? row % 8 : column % 8);
    shared[r * kStride + k] = x;
  }
  __syncwarp();
  // Matrices: rows 0-7 and 8-15 of the first eight columns, then of the other eight.
  const uint16_t* row = shared + (lane() % 16) * kStride + lane() / 16 * 8;
  uint32_t fa[4], fb[4];
  const auto load = [&](uint32_t(&r)[4], const uint16_t* p) {
    transposed ? load_matrix4_transposed(r, p) : load_matrix4(r, p);
  };
  load(fa, row);
  load(fb, row + 16 * kStride);
  const uint32_t b8[2] = {fb[0], fb[2]};
  const int g = lane() / 4, t = lane() % 4;
  float sum[4] = {c[g * 8 + 2 * t], c[g * 8 + 2 * t + 1], c[(g + 8) * 8 + 2 * t],
                  c[(g + 8) * 8 + 2 * t + 1]};
  mma_bf16(sum, fa, b8);
  c[g * 8 + 2 * t] = sum[0];
  c[g * 8 + 2 * t + 1] = sum[1];
  c[(g + 8) * 8 + 2 * t] = sum[2];
  c[(g + 8) * 8 + 2 * t + 1] = sum[3];
}

std::vector<Exact> product(const std::vector<float>& c, const std::vector<float>& a,
                           const std::vector<float>& b) {
  std::vector<Exact> want(128);
  for (size_t i = 0; i < 128; ++i) {
    want[i].add(c[i]);
    for (size_t k = 0; k < 16; ++k) want[i].add_product(a[i / 8 * 16 + k], b[i % 8 * 16 + k]);
  }
  return want;
}

TEST(Async, MultipliesBf16) {
  for (bool transposed : {false, true}) {
    auto a = test_floats(256, 1), b = test_floats(128, 2);
    const auto c = test_floats(128, 3);
    const auto round = [](std::vector<float>& values) {
      std::vector<uint16_t> bits;
      for (float& x : values) {
        bits.push_back(nearest_bf16(x).bits);
        x = to_float(nearest_bf16(x));
      }
      return bits;
    };
    const DeviceVector<uint16_t> in_a(round(a)), in_b(round(b));
    DeviceVector<float> out(c);
    run(multiply_bf16, {1, 32, 32 * kStride * 2}, out.data(), in_a.data(), in_b.data(), transposed);
    EXPECT_TRUE(within_bound(out.get(), product(c, a, b), 17));
  }
}

}  // namespace
}  // namespace hotrow::test
