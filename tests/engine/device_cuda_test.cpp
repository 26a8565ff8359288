// The driver of a GPU, and what lives in its memory.
#include <cuda_runtime.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <utility>
#include <vector>

#include "engine/arena.h"
#include "engine/device.h"
#include "engine/table.h"
#include "kernels/core/check.h"
#include "tests/support/error_text.h"

namespace hotrow {
namespace {

template <class T>
std::vector<T> to_host(const void* memory, size_t count, const DeviceStream& stream) {
  std::vector<T> host(count, T{77});
  cuda_driver().copy(host.data(), memory, count * sizeof(T), stream.native());
  stream.wait();
  return host;
}

TEST(CudaDriver, SaysWhatItIs) {
  const DeviceDriver& cuda = driver(Device::kCuda);
  EXPECT_TRUE(cuda.name().starts_with("cuda:0 (")) << cuda.name();
  EXPECT_GT(cuda.memory().total, size_t{1} << 20);
  EXPECT_LE(cuda.memory().free, cuda.memory().total);
}

TEST(CudaDriver, GivesZeroedMemory) {
  const DeviceStream stream(Device::kCuda);
  for (size_t bytes : {size_t{1}, size_t{1000}, size_t{1} << 20}) {
    for (int again = 0; again < 2; ++again) {  // what was released dirty comes back zeroed
      std::byte* memory = cuda_driver().allocate(bytes, "a test");
      EXPECT_EQ(reinterpret_cast<uintptr_t>(memory) % kAlignment, 0u);
      EXPECT_EQ(to_host<uint8_t>(memory, bytes, stream), std::vector<uint8_t>(bytes));
      cuda_driver().fill(memory, 0xFF, bytes, stream.native());
      stream.wait();
      cuda_driver().release(memory, bytes);
    }
  }
}

TEST(CudaDriver, GivesZeroedMemoryOfTheHost) {
  const DeviceStream stream(Device::kCuda);
  const Arena device(size_t{1} << 20, Device::kCuda);
  cuda_driver().fill(device.data(), 0xFF, device.size(), stream.native());
  for (size_t bytes : {size_t{1}, size_t{1000}, size_t{1} << 20}) {
    for (int again = 0; again < 2; ++again) {
      std::byte* memory = cuda_driver().allocate_host(bytes, "a test");
      EXPECT_EQ(reinterpret_cast<uintptr_t>(memory) % kAlignment, 0u);
      EXPECT_TRUE(
          std::all_of(memory, memory + bytes, [](std::byte b) { return b == std::byte{}; }));
      cuda_driver().copy(memory, device.data(), bytes, stream.native());
      stream.wait();
      EXPECT_EQ(memory[bytes - 1], std::byte{0xFF});
      cuda_driver().release_host(memory, bytes);
    }
  }
}

TEST(CudaDriver, KeepsTheOrderOfAStream) {
  const DeviceStream stream(Device::kCuda);
  EXPECT_NE(stream.native(), nullptr);
  const Arena a(100 * sizeof(int), Device::kCuda), b(100 * sizeof(int), Device::kCuda);
  std::vector<int> host(100);
  std::iota(host.begin(), host.end(), 1);
  cuda_driver().copy(a.data(), host.data(), a.size(), stream.native());
  cuda_driver().copy(b.data(), a.data(), a.size(), stream.native());
  cuda_driver().fill(a.data(), 0xFF, 99 * sizeof(int), stream.native());
  EXPECT_EQ(to_host<int>(b.data(), 100, stream), host);
  std::fill_n(host.begin(), 99, -1);
  EXPECT_EQ(to_host<int>(a.data(), 100, stream), host);
}

TEST(CudaDriver, SaysWhoWantedHowMuch) {
  const std::string text = test::error_text<DeviceError>(
      [] { const Arena arena(size_t{1} << 46, Device::kCuda, "a test"); });
  EXPECT_TRUE(text.starts_with("[device] out of memory on cuda:0: got ")) << text;
  EXPECT_TRUE(text.ends_with(" MiB free, expected 67108864 MiB for a test")) << text;
  const Arena next(64, Device::kCuda);  // the failure is over
  EXPECT_NE(next.data(), nullptr);
  const std::string host =
      test::error_text<DeviceError>([] { cuda_driver().allocate_host(size_t{1} << 46, "a test"); });
  EXPECT_TRUE(host.starts_with("[device] out of pinned memory: got no room for 67108864 MiB for a"))
      << host;
}

// What nobody can be told of must not fail the next call either.
TEST(CudaDriver, ForgetsWhatFailsWhereNobodyCanBeTold) {
  std::byte* memory = cuda_driver().allocate(64, "a test");
  cuda_driver().release(memory, 64);
  cuda_driver().release(memory, 64);
  EXPECT_EQ(cudaGetLastError(), cudaSuccess);
  cuda_driver().release_host(memory, 64);
  EXPECT_EQ(cudaGetLastError(), cudaSuccess);
}

TEST(CudaArena, MovesBetweenDevices) {
  Arena a(100, Device::kCuda), b(200);
  const std::byte *on_cuda = a.data(), *on_cpu = b.data();
  a.spread();
  std::swap(a, b);
  EXPECT_EQ(a.device(), Device::kCpu);
  EXPECT_EQ(a.data(), on_cpu);
  EXPECT_EQ(b.device(), Device::kCuda);
  EXPECT_EQ(b.data(), on_cuda);
}

TEST(CudaTable, LivesWithItsStateOnTheDevice) {
  const DeviceStream stream(Device::kCuda);
  Table table("t", 7, 3, true, TableType::kSplitBf16, {}, Device::kCuda);
  table.prepare_state(UpdateKind::kAdagrad);
  EXPECT_EQ(table.device(), Device::kCuda);
  EXPECT_EQ(to_host<uint8_t>(table.stored().data, table.weight_bytes(), stream),
            std::vector<uint8_t>(table.weight_bytes()));
  EXPECT_EQ(to_host<float>(table.state(), 21, stream), std::vector<float>(21));
}

TEST(CudaTable, SaysWhichTableDoesNotFit) {
  const std::string text = test::error_text<DeviceError>(
      [] { Table("t", 1 << 20, 1 << 24, true, TableType::kFloat32, {}, Device::kCuda); });
  EXPECT_TRUE(text.ends_with(" expected 67108864 MiB for the rows of table t")) << text;
}

}  // namespace
}  // namespace hotrow
