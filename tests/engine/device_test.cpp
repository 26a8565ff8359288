#include "engine/device.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdint>

#include "kernels/core/check.h"
#include "tests/support/expect_throws.h"

namespace hotrow {
namespace {

TEST(CpuDriver, SaysWhatItIs) {
  const DeviceDriver& cpu = driver(Device::kCpu);
  EXPECT_EQ(cpu.name(), "cpu");
  EXPECT_GT(cpu.memory().total, size_t{1} << 20);
  EXPECT_LE(cpu.memory().free, cpu.memory().total);
}

TEST(CpuDriver, GivesZeroedMemory) {
  for (size_t bytes : {size_t{1}, size_t{4097}, size_t{3} << 20}) {  // the last on huge pages
    std::byte* memory = cpu_driver().allocate(bytes, "a test");
    EXPECT_EQ(reinterpret_cast<uintptr_t>(memory) % 64, 0u);
    EXPECT_TRUE(std::all_of(memory, memory + bytes, [](std::byte b) { return b == std::byte{}; }));
    std::fill_n(memory, bytes, std::byte{0xFF});
    cpu_driver().release(memory, bytes);
  }
}

TEST(CpuDriver, GivesZeroedMemoryOfTheHost) {
  std::byte* memory = cpu_driver().allocate_host(5000, "a test");
  EXPECT_TRUE(std::all_of(memory, memory + 5000, [](std::byte b) { return b == std::byte{}; }));
  std::fill_n(memory, 5000, std::byte{0xFF});
  cpu_driver().release_host(memory, 5000);
}

TEST(CpuDriver, SaysWhoWantedHowMuch) {
  EXPECT_THROWS(DeviceError,
                "[device] out of memory on the CPU: got no room for 1152921504606846976 bytes "
                "(1073741824.0 GiB) for a test, expected that the system has it",
                cpu_driver().allocate(size_t{1} << 60, "a test"));
}

TEST(CpuDriver, CopiesAndFillsAtOnce) {
  const DeviceStream stream(Device::kCpu);
  EXPECT_EQ(stream.native(), nullptr);
  const std::array<int, 3> from{1, 2, 3};
  std::array<int, 4> to{9, 9, 9, 9};
  cpu_driver().copy(to.data(), from.data(), 2 * sizeof(int), stream.native());
  EXPECT_EQ(to, (std::array<int, 4>{1, 2, 9, 9}));
  cpu_driver().fill(to.data() + 1, 0xFF, sizeof(int), stream.native());
  EXPECT_EQ(to, (std::array<int, 4>{1, -1, 9, 9}));
  stream.wait();
}

TEST(CudaDriver, WantsAGpuThatKernelsRunOn) {
  check_compute_capability("cuda:0 (A100)", 8, 0);
  check_compute_capability("cuda:0 (B200)", 10, 0);
  EXPECT_THROWS(DeviceError,
                "[device] GPU too old: got cuda:0 (T4) of compute capability 7.5, expected 8.0 or "
                "newer",
                check_compute_capability("cuda:0 (T4)", 7, 5));
}

TEST(CpuDriver, HasNoGraphs) {
  const DeviceStream stream(Device::kCpu);
  DeviceGraph graph;
  EXPECT_THROWS(DeviceError, "[device] no graphs: got the CPU, expected a GPU",
                graph.record(stream, [] {}));
  EXPECT_FALSE(graph.recorded());
  EXPECT_THROWS(DeviceError, "[device] no graphs", graph.replay(stream));
}

// Here runs either a build without CUDA or one with it; only a machine with a GPU has a driver.
TEST(CudaDriver, IsADriverOrSaysWhyNot) {
  try {
    EXPECT_TRUE(driver(Device::kCuda).name().starts_with("cuda:0 ("));
  } catch (const DeviceError& error) {
    const std::string text = error.what();
    EXPECT_TRUE(text.starts_with("[device] this build has no GPU backend: got ") ||
                text.starts_with("[device] no GPU: got ") ||
                text.starts_with("[device] GPU too old: got "))
        << text;
  }
}

}  // namespace
}  // namespace hotrow
