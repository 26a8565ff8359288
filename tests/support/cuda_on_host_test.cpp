// cuda_on_host finds planted bugs, and lets their correct twins pass under every seed.
#include "tests/support/cuda_on_host/cuda_on_host.h"

#include <cuda_runtime.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <string>
#include <vector>

#include "kernels/core/async.cuh"
#include "kernels/core/warp.cuh"
#include "tests/support/asan.h"
#include "tests/support/bounds.h"
#include "tests/support/device_memory.h"
#include "tests/support/expect_throws.h"
#include "tests/support/kernel_runs.h"

namespace hotrow::test {
namespace {

template <class T>
std::vector<T> reversed(std::vector<T> values) {
  std::reverse(values.begin(), values.end());
  return values;
}

// out = in, reversed by way of shared memory.
template <bool kWaits>
__global__ void reverse_block(float* out, const float* in) {
  float* shared = dynamic_shared<float>();
  const unsigned i = threadIdx.x, n = blockDim.x;
  shared[i] = in[blockIdx.x * n + i];
  if constexpr (kWaits) __syncthreads();
  out[(gridDim.x - 1 - blockIdx.x) * n + i] = shared[n - 1 - i];
}

template <bool kWaits>
std::vector<float> reverse_in_blocks(const std::vector<float>& in, int threads) {
  DeviceVector<float> out(in.size()), from(in);
  const auto blocks = static_cast<int64_t>(in.size()) / threads;
  run(reverse_block<kWaits>, {blocks, threads, size_t(threads) * 4}, out.data(), from.data());
  return out.get();
}

TEST(CudaOnHost, SharesMemoryBetweenTheThreadsOfABlock) {
  for (int threads : {32, 64, 96, 1024}) {
    const auto in = test_floats(5 * threads, 1);
    const auto correct = [&] { return reverse_in_blocks<true>(in, threads); };
    EXPECT_EQ(seeds_that_differ(reversed(in), correct), 0);
  }
}

TEST(CudaOnHost, FindsAMissingBarrier) {
  const auto in = test_floats(64, 1);
  const auto broken = [&] { return reverse_in_blocks<false>(in, 64); };
  EXPECT_EQ(seeds_that_differ(reversed(in), broken), kSeeds);
}

// Rotates by one lane `rounds` times. The second wait keeps a round from overtaking the last one.
template <bool kWaitsTwice>
__global__ void rotate_warp(int* values, int rounds) {
  int* shared = dynamic_shared<int>() + warp_in_block() * kWarpSize;
  int mine = values[threadIdx.x];
  for (int round = 0; round < rounds; ++round) {
    shared[lane()] = mine;
    __syncwarp();
    mine = shared[(lane() + 1) % kWarpSize];
    if constexpr (kWaitsTwice) __syncwarp();
  }
  values[threadIdx.x] = mine;
}

template <bool kWaitsTwice>
std::vector<int> rotate_thrice() {
  std::vector<int> values(64);
  std::iota(values.begin(), values.end(), 0);
  DeviceVector<int> device(values);
  run(rotate_warp<kWaitsTwice>, {1, 64, 64 * 4}, device.data(), 3);
  return device.get();
}

TEST(CudaOnHost, FindsAMissingSyncwarp) {
  std::vector<int> want(64);
  for (int i = 0; i < 64; ++i) want[size_t(i)] = i / 32 * 32 + (i + 3) % 32;
  EXPECT_EQ(seeds_that_differ(want, rotate_thrice<true>), 0);
  EXPECT_EQ(seeds_that_differ(want, rotate_thrice<false>), kSeeds);
}

// Sums groups of eight lanes; of a wrong mask the callers decide.
__global__ void sum_eights(int* out, const int* in, unsigned mask) {
  int sum = in[lane()];
  for (int h = 4; h > 0; h /= 2) sum += __shfl_xor_sync(mask << lane() / 8 * 8, sum, h);
  out[lane()] = sum;
}
__global__ void sum_first_eight(int* out, const int* in, unsigned mask) {
  if (lane() >= 8) return;
  int sum = in[lane()];
  for (int h = 4; h > 0; h /= 2) sum += __shfl_xor_sync(mask, sum, h);
  out[lane()] = sum;
}
__global__ void read_lane_nine(int* out) {
  if (lane() < 8) out[lane()] = __shfl_sync(0xFFu, lane(), 9);
}

TEST(CudaOnHost, LanesOfAMaskMeetWithoutTheOthers) {
  std::vector<int> in(32), want(32);
  for (int i = 0; i < 32; ++i) {
    in[size_t(i)] = i * i;
    want[size_t(i)] = 0;
    for (int j = i / 8 * 8; j < i / 8 * 8 + 8; ++j) want[size_t(i)] += j * j;
  }
  const auto correct = [&] {
    DeviceVector<int> out(32), from(in);
    run(sum_eights, {1, 32}, out.data(), from.data(), 0xFFu);
    return out.get();
  };
  EXPECT_EQ(seeds_that_differ(want, correct), 0);
}

TEST(CudaOnHost, FindsWrongMasks) {
  DeviceVector<int> out(32), in(32);
  EXPECT_THROWS(DeviceError, "__shfl_xor_sync (cuda_on_host_test.cpp:",
                run(sum_eights, {1, 32}, out.data(), in.data(), 0x7Fu));
  EXPECT_THROWS(DeviceError, "with the mask 0x00000070, which lacks the lane itself",
                run(sum_first_eight, {1, 32}, out.data(), in.data(), 0x70u));
  EXPECT_THROWS(DeviceError, "block 0 hangs: lanes 0-7 of warp 0 wait in __shfl_xor_sync with mask",
                run(sum_first_eight, {1, 32}, out.data(), in.data(), 0xFFFFu));
  EXPECT_THROWS(DeviceError, "), lanes 8-31 of warp 0 have ended, expected success",
                run(sum_first_eight, {1, 32}, out.data(), in.data(), 0xFFFFu));
  run(sum_first_eight, {1, 32}, out.data(), in.data(), 0xFFu);
  run(read_lane_nine, {1, 32}, out.data());
  EXPECT_EQ(out.get()[3], -1);  // of a lane outside of the mask comes no value
}

__global__ void mix_intrinsics(int* out) {
  out[lane()] = lane() < 16 ? __ballot_sync(kFullMask, 1) : __any_sync(kFullMask, 1);
}
__global__ void wrong_width(int* out) { out[lane()] = __shfl_sync(kFullMask, 1, 0, 12); }
__global__ void wrong_distance(int* out) { out[lane()] = __shfl_up_sync(kFullMask, 1, 32); }

TEST(CudaOnHost, FindsWrongIntrinsics) {
  DeviceVector<int> out(32);
  EXPECT_THROWS(DeviceError, "with the mask 0xFFFFFFFF, of which other lanes wait in __",
                run(mix_intrinsics, {1, 32}, out.data()));
  EXPECT_THROWS(DeviceError, "__shfl_sync with a width of 12, expected 1, 2, 4, 8, 16 or 32",
                run(wrong_width, {1, 32}, out.data()));
  EXPECT_THROWS(DeviceError, "__shfl_up_sync by 32 lanes, expected 0 to 31",
                run(wrong_distance, {1, 32}, out.data()));
}

// Bug 0: none. 1: the second warp leaves out a barrier. 2: it waits at another one. 3: it ends.
__global__ void meet(int* out, int bug) {
  const bool second = warp_in_block() == 1;
  if (bug == 2 && second) {
    __syncthreads();
  } else if (bug == 0 || !second) {
    __syncthreads();
  }
  if (bug == 3 && second) return;
  out[threadIdx.x] = __syncthreads_count(threadIdx.x % 3 == 0);
}

TEST(CudaOnHost, FindsDivergentBarriers) {
  DeviceVector<int> out(64);
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    cuda_on_host::set_schedule_seed(seed);
    run(meet, {2, 64}, out.data(), 0);
    EXPECT_EQ(out.get(), std::vector<int>(64, 22));
    EXPECT_THROWS(DeviceError, "where other threads of the block wait in __syncthreads",
                  run(meet, {2, 64}, out.data(), 1));
    EXPECT_THROWS(DeviceError, "where other threads of the block wait in __syncthreads (cuda_on_",
                  run(meet, {2, 64}, out.data(), 2));
    EXPECT_THROWS(DeviceError, " hangs: lanes 0-31 of warp 0 wait in __syncthreads",
                  run(meet, {2, 64}, out.data(), 3));
  }
}

__global__ void double_all(float* out, const float* in, int n, int last) {
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (i < last) out[i] = 2 * in[i < n ? i : 0];
}
__global__ void fill_shared(int n) {
  if (static_cast<int>(threadIdx.x) < n) dynamic_shared<char>()[threadIdx.x] = 1;
}

TEST(CudaOnHost, FindsATailThatIsOneTooLong) {
  const auto in = test_floats(37, 1);
  DeviceVector<float> out(37), from(in);
  run(double_all, {2, 32}, out.data(), from.data(), 37, 37);
  EXPECT_EQ(out.get()[36], 2 * in[36]);
  run(fill_shared, {1, 32, 17}, 17);
  const auto long_tail = [&] { run(double_all, {2, 32}, out.data(), from.data(), 37, 38); };
  const auto long_shared = [&] { run(fill_shared, {1, 32, 17}, 18); };
  if (kAsan) {  // which ends the program at the access itself
    EXPECT_DEATH(long_tail(), "AddressSanitizer");
    EXPECT_DEATH(long_shared(), "AddressSanitizer");
    return;
  }
  EXPECT_THROWS(DeviceError, "the kernel wrote outside of an allocation of 148 bytes", long_tail());
  EXPECT_THROWS(DeviceError, "block 0 wrote outside of its 17 bytes of shared memory",
                long_shared());
}

TEST(CudaOnHost, AnOutputThatIsNotWrittenStaysNan) {
  const auto in = test_floats(37, 1);
  DeviceVector<float> out(37), from(in);
  run(double_all, {2, 32}, out.data(), from.data(), 37, 36);
  EXPECT_EQ(out.get()[35], 2 * in[35]);
  EXPECT_TRUE(std::isnan(out.get()[36]));
}

__global__ void read_shared(float* out) {
  out[blockIdx.x * blockDim.x + threadIdx.x] = dynamic_shared<float>()[threadIdx.x];
}

TEST(CudaOnHost, SharedMemoryBeginsAsNanInEveryBlock) {
  const DeviceVector<float> zeros(std::vector<float>(128));
  DeviceVector<float> out(128);
  run(reverse_block<true>, {4, 32, 128}, out.data(), zeros.data());
  EXPECT_EQ(out.get(), std::vector<float>(128));
  run(read_shared, {4, 32, 128}, out.data());
  for (float x : out.get()) EXPECT_TRUE(std::isnan(x));
}

__global__ void take_numbers(unsigned* counter, unsigned* number) {
  number[blockIdx.x * blockDim.x + threadIdx.x] = atomicAdd(counter, 1u);
}

std::vector<unsigned> numbers_taken(uint64_t seed) {
  cuda_on_host::set_schedule_seed(seed);
  DeviceVector<unsigned> counter(std::vector<unsigned>{0}), number(256);
  run(take_numbers, {4, 64}, counter.data(), number.data());
  return number.get();
}

TEST(CudaOnHost, TheSeedDecidesTheOrderOfBlocksAndThreads) {
  const auto first = numbers_taken(1);
  EXPECT_EQ(numbers_taken(1), first);
  int blocks_differ = 0;
  for (uint64_t seed = 2; seed < 10; ++seed) {
    auto other = numbers_taken(seed);
    EXPECT_NE(other, first);
    blocks_differ += other[0] / 64 != first[0] / 64;
    std::sort(other.begin(), other.end());
    for (unsigned i = 0; i < 256; ++i) EXPECT_EQ(other[i], i);
  }
  EXPECT_GT(blocks_differ, 0);
}

__global__ void throw_in_thread(unsigned thread) {
  if (threadIdx.x == thread) throw std::runtime_error("a text of its own");
  __syncthreads();
}
__global__ void trap_in_thread(unsigned thread) {
  if (threadIdx.x == thread) __trap();
  __syncwarp();
}

struct CountsItsEnd {
  int* count;
  ~CountsItsEnd() { ++*count; }
};
__global__ void wait_for_a_thread_that_ended(int* count) {
  const CountsItsEnd guard{count};
  if (threadIdx.x > 0) __syncthreads();
}

TEST(CudaOnHost, AFailureOfOneThreadEndsTheOthersAndLeavesTheNextLaunchAlone) {
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    cuda_on_host::set_schedule_seed(seed);
    EXPECT_THROWS(DeviceError,
                  "[test] kernel launch failed: got cudaErrorLaunchFailure: a text of its own, "
                  "expected success",
                  run(throw_in_thread, {3, 64}, 40u));
    EXPECT_THROWS(DeviceError, "thread 40: __trap was called", run(trap_in_thread, {3, 64}, 40u));
    int ended = 0;
    EXPECT_THROWS(DeviceError, "hangs", run(wait_for_a_thread_that_ended, {1, 64}, &ended));
    EXPECT_EQ(ended, 64);
    run(throw_in_thread, {3, 64}, 64u);
    run(trap_in_thread, {3, 64}, 64u);
  }
}

__global__ void read_sixteen(float4* out, const float* in) {
  out[threadIdx.x] = *reinterpret_cast<const float4*>(aligned16(in + 4 * threadIdx.x));
}
__global__ void load_sixteen(float4* out, const char* in) {
  out[0] = __ldg(reinterpret_cast<const float4*>(in));
}
__global__ void add_one(char* p) { atomicAdd(reinterpret_cast<int*>(p), 1); }

TEST(CudaOnHost, FindsAddressesThatAreNotAligned) {
  DeviceVector<float4> out(32);
  const DeviceVector<float> in(200);
  run(read_sixteen, {1, 32}, out.data(), in.data());
  EXPECT_THROWS(DeviceError, "an access of 16 bytes at an address that is not aligned to them",
                run(read_sixteen, {1, 32}, out.data(), in.data() + 1));
  const auto* bytes = reinterpret_cast<const char*>(in.data());
  EXPECT_THROWS(DeviceError, "an access of 16 bytes at an address that is not aligned to them",
                run(load_sixteen, {1, 32}, out.data(), bytes + 8));
  DeviceVector<char> counter(std::vector<char>(8));
  run(add_one, {1, 32}, counter.data());
  EXPECT_THROWS(DeviceError, "an access of 4 bytes at an address that is not aligned",
                run(add_one, {1, 32}, counter.data() + 2));
}

// A bag a warp: the shape of the engine's hottest kernel, and how long it takes here.
__global__ void sum_rows(float* out, const float* table, const int* ids, int per_bag) {
  const int bag = static_cast<int>(blockIdx.x * (blockDim.x / kWarpSize)) + warp_in_block();
  float sum[4] = {};
  for (int first = 0; first < per_bag; first += kWarpSize) {
    const int mine = first + lane() < per_bag ? ids[bag * per_bag + first + lane()] : 0;
    for (int j = 0; j < kWarpSize && first + j < per_bag; ++j) {
      const float* row = table + __shfl_sync(kFullMask, mine, j) * 128;
      for (int d = 0; d < 4; ++d) sum[d] += row[lane() * 4 + d];
    }
  }
  for (int d = 0; d < 4; ++d) out[bag * 128 + lane() * 4 + d] = sum[d];
}

TEST(CudaOnHost, IsFastEnoughForFortyThousandLookups) {
  constexpr int kBags = 512, kPerBag = 80, kRows = 1000;
  const auto table = test_floats(kRows * 128, 1);
  std::vector<int> ids(kBags * kPerBag);
  for (size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<int>(i * i % kRows);
  DeviceVector<float> out(kBags * 128);
  const DeviceVector<float> rows(table);
  const DeviceVector<int> wanted(ids);
  run(sum_rows, {kBags / 8, 256}, out.data(), rows.data(), wanted.data(), kPerBag);
  const auto got = out.get();
  std::vector<float> want(got.size());
  for (size_t i = 0; i < ids.size(); ++i) {
    for (size_t d = 0; d < 128; ++d) {
      want[i / kPerBag * 128 + d] += table[static_cast<size_t>(ids[i]) * 128 + d];
    }
  }
  EXPECT_EQ(got, want);
}

}  // namespace
}  // namespace hotrow::test
