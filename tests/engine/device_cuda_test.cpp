// The driver of a GPU, and what lives in its memory.
#include <cuda_runtime.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <numeric>
#include <utility>
#include <vector>

#include "engine/arena.h"
#include "engine/device.h"
#include "engine/device_rows.h"
#include "engine/lists.h"
#include "engine/mirror.h"
#include "engine/table.h"
#include "kernels/core/check.h"
#include "tests/support/cuda_on_host/cuda_on_host.h"
#include "tests/support/error_text.h"

namespace hotrow {
namespace {

template <class T>
std::vector<T> to_host(const void* memory, size_t count, const DeviceStream& stream) {
  std::vector<T> host(count);
  std::memset(host.data(), 77, count * sizeof(T));
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

// For the host and for other streams.
TEST(DeviceEvent, IsAPointInTheWork) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    cuda_on_host::set_schedule_seed(seed);
    DeviceStream stream(Device::kCuda);
    const DeviceStream other(Device::kCuda);
    const DeviceEvent event(Device::kCuda);
    event.wait();  // no point yet
    other.hold_for(event);
    const Arena from(1000, Device::kCuda);
    std::vector<uint8_t> host(1000, 77), next(1000, 77), held(1000, 77);
    cuda_driver().copy(host.data(), from.data(), host.size(), stream.native());
    event.record(stream);
    cuda_driver().copy(next.data(), from.data(), next.size(), stream.native());
    other.hold_for(event);
    cuda_driver().copy(held.data(), host.data(), held.size(), other.native());
    event.wait();
    EXPECT_EQ(host, std::vector<uint8_t>(1000));
    other.wait();
    EXPECT_EQ(held, host);
    const DeviceStream moved(std::move(stream));
    moved.wait();
    EXPECT_EQ(next, host);
  }
}

TEST(DeviceGraph, DoesNothingWhileItIsRecordedAndAllOfItWhenReplayed) {
  const DeviceStream stream(Device::kCuda);
  const Arena a(4, Device::kCuda), b(4, Device::kCuda);
  DeviceGraph graph;
  EXPECT_FALSE(graph.recorded());
  graph.record(stream, [&] {
    cuda_driver().copy(b.data(), a.data(), 4, stream.native());
    cuda_driver().fill(a.data(), 9, 4, stream.native());
  });
  EXPECT_TRUE(graph.recorded());
  EXPECT_EQ(to_host<uint8_t>(a.data(), 4, stream), std::vector<uint8_t>(4));
  const DeviceGraph moved(std::move(graph));
  moved.replay(stream);
  EXPECT_EQ(to_host<uint8_t>(b.data(), 4, stream), std::vector<uint8_t>(4));
  moved.replay(stream);
  EXPECT_EQ(to_host<uint8_t>(b.data(), 4, stream), std::vector<uint8_t>(4, 9));
}

TEST(DeviceGraph, LeavesTheStreamFitForUseWhenTheWorkFails) {
  const DeviceStream stream(Device::kCuda);
  const Arena a(4, Device::kCuda);
  DeviceGraph graph;
  EXPECT_EQ(test::error_text<DeviceError>([&] {
              graph.record(stream, [&] {
                cuda_driver().fill(a.data(), 9, 4, stream.native());
                throw DeviceError("of the work");
              });
            }),
            "of the work");
  EXPECT_FALSE(graph.recorded());
  EXPECT_EQ(to_host<uint8_t>(a.data(), 4, stream), std::vector<uint8_t>(4));
}

TEST(DeviceGraph, IsRecordedOnce) {
  const DeviceStream stream(Device::kCuda);
  DeviceGraph graph;
  graph.record(stream, [] {});
  EXPECT_EQ(test::error_text([&] { graph.record(stream, [] {}); }),
            "[device] a graph is recorded once: got a second call");
  graph = {};
  graph.record(stream, [] {});
}

TEST(Mirror, CopiesPartsBothWays) {
  const DeviceStream stream(Device::kCuda);
  const Arena arena(100, Device::kCuda);
  Mirror mirror(Device::kCuda, arena.data(), 60, "a test");
  EXPECT_NE(mirror.as<std::byte>(), arena.data());
  std::fill_n(mirror.as<uint8_t>(), 60, uint8_t{5});
  mirror.upload(10, 30, stream);
  std::vector<uint8_t> want(100);
  std::fill_n(want.begin() + 10, 20, uint8_t{5});
  EXPECT_EQ(to_host<uint8_t>(arena.data(), 100, stream), want);
  Mirror other(Device::kCuda, arena.data(), 0, "a test");
  other = std::move(mirror);
  other.download(20, 60, stream);
  stream.wait();
  want.resize(60);
  std::fill_n(want.begin(), 20, uint8_t{5});
  EXPECT_EQ(std::vector<uint8_t>(other.as<uint8_t>(), other.as<uint8_t>(60)), want);
}

TEST(Lists, LieOnTheDevice) {
  const DeviceStream stream(Device::kCuda);
  struct Pair {
    int64_t a;
    float b;
  };
  Lists lists;
  lists.add(std::vector<char>{'x', 'y', 'z'});
  lists.add(std::vector<Pair>{});
  lists.add(std::vector<Pair>{{1, 2.5f}, {3, 4.5f}});
  EXPECT_EQ(lists.count(), 3u);
  lists.place(Device::kCuda);
  EXPECT_EQ(to_host<char>(lists.get<char>(0).data(), 3, stream),
            (std::vector<char>{'x', 'y', 'z'}));
  EXPECT_EQ(lists.get<Pair>(1).size(), 0u);
  ASSERT_EQ(lists.get<Pair>(2).size(), 2u);
  const std::vector<Pair> pairs = to_host<Pair>(lists.get<Pair>(2).data(), 2, stream);
  EXPECT_EQ(pairs[1].a, 3);
  EXPECT_EQ(pairs[1].b, 4.5f);
}

// The bits of the CPU, whatever a row is made of.
TEST(DeviceRows, AreWrittenAndReadAsOnTheCpu) {
  for (TableType type :
       {TableType::kFloat32, TableType::kSplitBf16, TableType::kBf16, TableType::kFp16}) {
    SCOPED_TRACE(table_type_name(type));
    const auto fill = [](const TableRows& rows, int64_t) {
      for (int64_t i = 0; i < rows.size(); ++i) {
        const float value = 1.0f / static_cast<float>(i + 3);
        write_floats(rows, i, {&value, 1});
      }
    };
    std::vector<std::vector<float>> seen;
    for (Device device : {Device::kCpu, Device::kCuda}) {
      const DeviceStream stream(device);
      const Table table("t", 7, 3, true, type, {}, device);
      write_rows(table.stored(), stream, fill);
      seen.push_back(read_rows(table.stored(), stream));
    }
    EXPECT_EQ(seen[0].size(), 21u);
    EXPECT_NE(seen[0][20], 0.0f);
    EXPECT_EQ(seen[0], seen[1]);
  }
}

// 23 rows of 3 MiB a part: a block has 21 of them.
TEST(DeviceRows, TakeBlocksOfTheHost) {
  constexpr int64_t kRows = 23, kWidth = 3 << 19;
  const DeviceStream stream(Device::kCuda);
  const Table table("t", kRows, kWidth, true, TableType::kSplitBf16, {}, Device::kCuda);
  const auto value = [](int64_t row, int64_t column) {
    return static_cast<float>(row * kWidth + column) * 1.25f;
  };
  std::vector<std::pair<int64_t, int64_t>> blocks;
  write_rows(table.stored(), stream, [&](const TableRows& rows, int64_t first) {
    EXPECT_LE(static_cast<size_t>(rows.size()) * sizeof(uint16_t), kBlockBytes);
    blocks.emplace_back(first, rows.rows());
    std::vector<float> row(kWidth);
    for (int64_t r = 0; r < rows.rows(); ++r) {
      for (int64_t c = 0; c < kWidth; ++c) row[static_cast<size_t>(c)] = value(first + r, c);
      write_floats(rows, r * kWidth, row);
    }
  });
  EXPECT_EQ(blocks, (std::vector<std::pair<int64_t, int64_t>>{{0, 21}, {21, 2}}));
  const std::vector<float> read = read_rows(table.stored(), stream);
  ASSERT_EQ(read.size(), size_t{kRows * kWidth});
  int64_t wrong = 0;
  for (int64_t r = 0; r < kRows; ++r) {
    for (int64_t c = 0; c < kWidth; ++c)
      wrong += read[static_cast<size_t>(r * kWidth + c)] != value(r, c);
  }
  EXPECT_EQ(wrong, 0);
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
