// cuda_on_host finds planted bugs in asynchronous copies and matrix products, and lets their
// correct twins pass under every seed.
#include <cuda_runtime.h>
#include <gtest/gtest.h>

#include <vector>

#include "kernels/core/async.cuh"
#include "kernels/core/warp.cuh"
#include "tests/support/bounds.h"
#include "tests/support/cuda_on_host/cuda_on_host.h"
#include "tests/support/device_memory.h"
#include "tests/support/expect_throws.h"
#include "tests/support/kernel_runs.h"

namespace hotrow::test {
namespace {

enum CopyBug { kNoBug, kNoWait, kNoCommit, kNoBarrier, kOneGroupTooFew };

// out = in by way of shared memory, two tiles of four floats a thread under way at a time; each
// thread reads what its neighbour copied.
template <CopyBug kBug>
__global__ void copy_tiles(float4* out, const float4* in, int tiles) {
  auto* shared = dynamic_shared<float4>();
  const unsigned n = blockDim.x, i = threadIdx.x, neighbour = n - 1 - i;
  const auto start = [&](int tile) {
    if (tile < tiles) copy_async16(shared + (tile % 2) * n + i, in + tile * n + i);
    if constexpr (kBug != kNoCommit) copy_async_commit();
  };
  start(0);
  for (int tile = 0; tile < tiles; ++tile) {
    start(tile + 1);
    if constexpr (kBug != kNoWait) copy_async_wait<kBug == kOneGroupTooFew ? 2 : 1>();
    if constexpr (kBug != kNoBarrier) __syncthreads();
    out[tile * n + neighbour] = shared[(tile % 2) * n + neighbour];
    __syncthreads();
  }
  copy_async_wait<0>();
}

std::vector<float> floats_of(const std::vector<float4>& quads) {
  std::vector<float> floats;
  for (const float4& q : quads) floats.insert(floats.end(), {q.x, q.y, q.z, q.w});
  return floats;
}
std::vector<float4> quads_of(const std::vector<float>& floats) {
  std::vector<float4> quads;
  for (size_t i = 0; i < floats.size(); i += 4) {
    quads.push_back({floats[i], floats[i + 1], floats[i + 2], floats[i + 3]});
  }
  return quads;
}

// In how many seeds the copy is not what it was made of.
template <CopyBug kBug>
int wrong_copies() {
  constexpr int kTiles = 5, kThreads = 64;
  const auto in = test_floats(kTiles * kThreads * 4, 7);
  return seeds_that_differ(in, [&] {
    DeviceVector<float4> out(in.size() / 4), from(quads_of(in));
    run(copy_tiles<kBug>, {1, kThreads, 2 * kThreads * 16}, out.data(), from.data(), kTiles);
    return floats_of(out.get());
  });
}

TEST(CudaOnHostCopies, LandAtTheWait) {
  EXPECT_EQ(wrong_copies<kNoBug>(), 0);
  EXPECT_EQ(wrong_copies<kNoWait>(), kSeeds);
  EXPECT_EQ(wrong_copies<kNoCommit>(), kSeeds);
  EXPECT_EQ(wrong_copies<kNoBarrier>(), kSeeds);
  EXPECT_EQ(wrong_copies<kOneGroupTooFew>(), kSeeds);
}

// The second copy brings what is there already, so that only its wait makes a difference.
template <bool kWaits>
__global__ void copy_twice(float* out, const float* in) {
  auto* mine = dynamic_shared<float>() + threadIdx.x;
  copy_async4(mine, in + threadIdx.x);
  copy_async_commit();
  copy_async_wait<0>();
  copy_async4(mine, in + threadIdx.x);
  copy_async_commit();
  if constexpr (kWaits) copy_async_wait<0>();
  out[threadIdx.x] = *mine;
  copy_async_wait<0>();
}

TEST(CudaOnHostCopies, HideWhatWasThereUntilTheWait) {
  const auto in = test_floats(64, 8);
  const DeviceVector<float> from(in);
  DeviceVector<float> out(64);
  run(copy_twice<true>, {1, 64, 256}, out.data(), from.data());
  EXPECT_EQ(out.get(), in);
  run(copy_twice<false>, {1, 64, 256}, out.data(), from.data());
  EXPECT_NE(out.get(), in);
}

__global__ void copy_and_end(const float* in) {
  copy_async4(dynamic_shared<float>() + threadIdx.x, in + threadIdx.x);
  copy_async_commit();
}
__global__ void copy_from(const char* in, int shared_offset) {
  copy_async16(dynamic_shared<char>() + shared_offset, in);
  copy_async_wait<0>();
}

TEST(CudaOnHostCopies, FindsCopiesAgainstTheirContract) {
  const DeviceVector<float> in(64);
  EXPECT_THROWS(DeviceError, " asynchronous copies under way",
                run(copy_and_end, {1, 32, 128}, in.data()));
  const auto* bytes = reinterpret_cast<const char*>(in.data());
  EXPECT_THROWS(DeviceError,
                "the source of an asynchronous copy of 16 bytes is not aligned to them",
                run(copy_from, {1, 32, 128}, bytes + 8, 0));
  EXPECT_THROWS(DeviceError, "at byte 4 of shared memory, which is not aligned to 16",
                run(copy_from, {1, 32, 128}, bytes, 4));
  EXPECT_THROWS(DeviceError, "of 16 bytes that is not within the 128 bytes of shared memory",
                run(copy_from, {1, 32, 128}, bytes, 128));
}

// Each lane writes its neighbour's row of the matrices.
template <bool kWaits>
__global__ void load_rows_of_others(uint32_t* out) {
  auto* shared = dynamic_shared<uint16_t>();
  for (int i = 0; i < 8; ++i) {
    shared[(lane() + 1) % kWarpSize * 8 + i] = static_cast<uint16_t>(lane() * 8 + i);
  }
  if constexpr (kWaits) __syncwarp();
  uint32_t r[4];
  load_matrix4(r, shared + lane() * 8);
  for (int m = 0; m < 4; ++m) out[m * kWarpSize + lane()] = r[m];
}

TEST(CudaOnHostCopies, FindsMatricesThatAreNotWrittenYet) {
  std::vector<uint32_t> want(128);
  for (uint32_t i = 0; i < 128; ++i) {
    const uint32_t row = (i / 4 + 31) % 32, first = row * 8 + i % 4 * 2;
    want[i] = first | (first + 1) << 16;
  }
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    cuda_on_host::set_schedule_seed(seed);
    DeviceVector<uint32_t> out(128);
    run(load_rows_of_others<true>, {1, 32, 512}, out.data());
    EXPECT_EQ(out.get(), want);
    run(load_rows_of_others<false>, {1, 32, 512}, out.data());
    EXPECT_NE(out.get(), want);
  }
}

__global__ void product_of_half_a_warp() {
  float c[4] = {};
  const uint32_t a[4] = {}, b[2] = {};
  if (lane() < 16) mma_bf16(c, a, b);
}
__global__ void load_matrix_at(int offset) {
  uint32_t r[4];
  load_matrix4(r, dynamic_shared<char>() + offset);
}

TEST(CudaOnHostCopies, FindsMatrixProductsAgainstTheirContract) {
  EXPECT_THROWS(DeviceError, "wait in mma_bf16 with mask 0xFFFFFFFF",
                run(product_of_half_a_warp, {1, 32}));
  EXPECT_THROWS(DeviceError, "load_matrix4 at byte 8 of shared memory, which is not aligned to 16",
                run(load_matrix_at, {1, 32, 64}, 8));
  EXPECT_THROWS(DeviceError, "load_matrix4 of 16 bytes that is not within the 64 bytes of shared",
                run(load_matrix_at, {1, 32, 64}, 64));
}

}  // namespace
}  // namespace hotrow::test
