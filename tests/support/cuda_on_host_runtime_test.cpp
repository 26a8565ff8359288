// The CUDA runtime's stand-in: memory, the device, and the limits of a launch.
#include <cuda_runtime.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <vector>

#include "kernels/core/launch.cuh"
#include "tests/support/device_memory.h"
#include "tests/support/expect_throws.h"

namespace hotrow::test {
namespace {

__global__ void do_nothing() {}

// Throws where a call of the runtime fails.
void ok(cudaError_t error) { check_cuda(error, "test", "call"); }

TEST(CudaOnHostRuntime, MemoryIsCountedAndBounded) {
  size_t free = 0, total = 0, free_later = 0;
  ok(cudaMemGetInfo(&free, &total));
  char* p = nullptr;
  ok(cudaMalloc(&p, 1000));
  EXPECT_EQ(reinterpret_cast<uintptr_t>(p) % 256, 0u);
  ok(cudaMemGetInfo(&free_later, &total));
  EXPECT_EQ(free - free_later, 1000u);
  char host[1001] = {};
  ok(cudaMemcpy(host, p, 1000, cudaMemcpyDeviceToHost));
  EXPECT_EQ(host[0], '\xFF');
  EXPECT_EQ(host[999], '\xFF');
  EXPECT_EQ(cudaMemcpy(host, p, 1001, cudaMemcpyDeviceToHost), cudaErrorInvalidValue);
  EXPECT_EQ(cudaMemcpy(p + 1, host, 1000, cudaMemcpyHostToDevice), cudaErrorInvalidValue);
  EXPECT_EQ(cudaMemset(p + 999, 0, 2), cudaErrorInvalidValue);
  EXPECT_EQ(cudaFree(p + 1), cudaErrorInvalidValue);
  EXPECT_EQ(cudaFreeHost(p), cudaErrorInvalidValue);
  ok(cudaFree(p));
  EXPECT_EQ(cudaFree(p), cudaErrorInvalidValue);
  ok(cudaFree(nullptr));
  EXPECT_EQ(cudaMalloc(&p, total + 1), cudaErrorMemoryAllocation);
  EXPECT_EQ(p, nullptr);
  EXPECT_EQ(cudaGetLastError(), cudaErrorMemoryAllocation);
  EXPECT_EQ(cudaGetLastError(), cudaSuccess);
  ok(cudaMallocHost(&p, 10));
  ok(cudaFreeHost(p));
}

__global__ void add_one(int* p) {
  if (threadIdx.x == 0) ++*p;
}

TEST(CudaOnHostRuntime, TheHostCannotTouchDeviceMemory) {
  const char* kStop = "the host reads or writes device memory";
  const DeviceVector<int> vector({3, 1, 4});
  int* p = const_cast<int*>(vector.data());
  EXPECT_DEATH(std::memset(p + 2, 0, sizeof(int)), kStop);
  const TestStream stream;
  for (int i = 0; i < 20; ++i) {  // open for the kernel alone, whenever it runs
    launch("add_one", add_one, {1, 32}, stream.stream(), p);
    launch("add_one", add_one, {1, 32}, {}, p + 1);
  }
  EXPECT_DEATH(static_cast<void>(*static_cast<volatile int*>(p)), kStop);
  EXPECT_EQ(vector.get(), (std::vector<int>{23, 21, 4}));
  EXPECT_DEATH(static_cast<void>(*static_cast<volatile int*>(p)), kStop);
  int* pinned = nullptr;
  ok(cudaMallocHost(&pinned, sizeof(int)));
  EXPECT_EQ(*pinned, -1);
  ok(cudaFreeHost(pinned));
}

TEST(CudaOnHostRuntime, HasOneDevice) {
  int count = 0, value = 0;
  ok(cudaGetDeviceCount(&count));
  EXPECT_EQ(count, 1);
  ok(cudaSetDevice(0));
  EXPECT_EQ(cudaSetDevice(1), cudaErrorInvalidDevice);
  cudaDeviceProp properties;
  ok(cudaGetDeviceProperties(&properties, 0));
  ok(cudaDeviceGetAttribute(&value, cudaDevAttrMaxSharedMemoryPerBlockOptin, 0));
  EXPECT_EQ(value, static_cast<int>(properties.sharedMemPerBlockOptin));
  EXPECT_STREQ(cudaGetErrorName(cudaErrorInvalidDevice), "cudaErrorInvalidDevice");
}

TEST(CudaOnHostRuntime, ALaunchHasTheLimitsOfADevice) {
  const auto launch_raw = [](unsigned blocks, unsigned threads, size_t shared_bytes) {
    cudaLaunchConfig_t config{};
    config.gridDim = dim3(blocks);
    config.blockDim = dim3(threads);
    config.dynamicSmemBytes = shared_bytes;
    return cudaLaunchKernelEx(&config, do_nothing);
  };
  EXPECT_EQ(launch_raw(1, 33, 48 * 1024), cudaSuccess);
  EXPECT_EQ(launch_raw(0, 32, 0), cudaErrorInvalidConfiguration);
  EXPECT_EQ(launch_raw(1, 1025, 0), cudaErrorInvalidConfiguration);
  EXPECT_EQ(launch_raw(1, 32, 48 * 1024 + 1), cudaErrorInvalidValue);
  ok(cudaFuncSetAttribute(do_nothing, cudaFuncAttributeMaxDynamicSharedMemorySize, 49153));
  EXPECT_EQ(launch_raw(1, 32, 49153), cudaSuccess);
  EXPECT_EQ(cudaFuncSetAttribute(do_nothing, cudaFuncAttributeMaxDynamicSharedMemorySize, 232449),
            cudaErrorInvalidValue);
}

TEST(DeviceVector, HoldsWhatItWasMadeOf) {
  const std::vector<int> values{3, 1, 4};
  DeviceVector<int> vector(values), other(2);
  EXPECT_EQ(vector.get(), values);
  EXPECT_EQ(other.get(), std::vector<int>(2, -1));
  EXPECT_THROWS(InvalidArgument, "[DeviceVector] wrong number of values: got 3, expected 2",
                other.set(values));
  other = std::move(vector);
  EXPECT_EQ(other.get(), values);
  EXPECT_EQ(DeviceVector<int>().get(), std::vector<int>());
}

}  // namespace
}  // namespace hotrow::test
