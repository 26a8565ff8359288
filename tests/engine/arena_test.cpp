#include "engine/arena.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <utility>

#include "kernels/core/parallel.h"
#include "tests/engine/resident_pages.h"
#include "tests/engine/rig.h"

namespace hotrow {
namespace {
using test::error_text;

bool all_zero(const Arena& arena) {
  return std::all_of(arena.data(), arena.data() + arena.size(),
                     [](std::byte b) { return b == std::byte{0}; });
}

TEST(Arena, IsZeroedAndAligned) {
  for (size_t bytes : {size_t{1}, size_t{4097}, size_t{3} << 20}) {  // the last on huge pages
    const Arena arena(bytes);
    EXPECT_EQ(arena.size(), bytes);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(arena.data()) % kAlignment, 0u);
    EXPECT_TRUE(all_zero(arena));
    std::fill_n(arena.data(), bytes, std::byte{0xFF});
  }
}

TEST(Arena, SpreadTakesEveryPageAndKeepsEveryByte) {
  Arena(0).spread();
  for (int threads : {1, 3}) {
    set_num_threads(threads);
    for (size_t bytes : {size_t{1}, size_t{5000}, (size_t{5} << 20) + 4097}) {
      const Arena arena(bytes);
      arena.data()[bytes - 1] = std::byte{7};
      arena.spread();
      EXPECT_EQ(test::pages_not_there(arena.data(), bytes), 0);
      EXPECT_EQ(arena.data()[bytes - 1], std::byte{7});
      arena.data()[bytes - 1] = std::byte{0};
      EXPECT_TRUE(all_zero(arena));
    }
  }
  set_num_threads(1);
}

TEST(Arena, OfNothingTakesNothing) {
  const Arena none(0), also_none;
  EXPECT_EQ(none.data(), nullptr);
  EXPECT_EQ(also_none.size(), 0u);
}

TEST(Arena, OffsetsAreInBytes) {
  const Arena arena(64);
  EXPECT_EQ(arena.as<float>(8), arena.as<float>() + 2);
}

TEST(Arena, MovesWithoutMovingItsMemory) {
  Arena a(100);
  *a.as<int>() = 7;
  const std::byte* address = a.data();
  Arena b(std::move(a));
  EXPECT_EQ(b.data(), address);
  EXPECT_EQ(b.size(), 100u);
  EXPECT_EQ(a.data(), nullptr);  // NOLINT: what a moved-from arena holds is part of its contract
  EXPECT_EQ(a.size(), 0u);
  Arena c(5000);
  c = std::move(b);
  EXPECT_EQ(c.data(), address);
  EXPECT_EQ(*c.as<int>(), 7);
}

TEST(Arena, SaysHowMuchWasMissing) {
  EXPECT_EQ(error_text<DeviceError>(
                [] { const Arena arena(size_t{1} << 60, Device::kCpu, "the test's memory"); }),
            "[device] out of memory on the CPU: got no room for 1152921504606846976 bytes "
            "(1073741824.0 GiB) for the test's memory, expected that the system has it");
}

TEST(AlignUp, RoundsUpToCacheLines) {
  EXPECT_EQ(align_up(0), 0u);
  EXPECT_EQ(align_up(1), 64u);
  EXPECT_EQ(align_up(64), 64u);
  EXPECT_EQ(align_up(65), 128u);
}

}  // namespace
}  // namespace hotrow
