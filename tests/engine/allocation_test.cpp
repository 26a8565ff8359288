#include <gtest/gtest.h>

#include <memory>
#include <thread>
#include <vector>

#include "engine/arena.h"
#include "tests/support/alloc_guard.h"

namespace hotrow {
namespace {
using test::AllocCounts;
using test::AllocGuard;

TEST(AllocGuard, CountsEveryFormOfNew) {
  struct alignas(128) Wide {
    float x[32];
  };
  AllocGuard guard;
  const auto one = std::make_unique<int>(1);
  const auto wide = std::make_unique<Wide>();
  const auto array = std::make_unique<char[]>(100);
  const std::unique_ptr<int> quiet(new (std::nothrow) int(3));
  EXPECT_EQ(guard.stop().ours, 4);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(wide.get()) % 128, 0u);
  EXPECT_FALSE(guard.first_of_ours().empty());
  const std::vector<int> after(10);
  EXPECT_EQ(guard.stop().ours, 4) << "counted after stop()";
}

TEST(AllocGuard, StartsFromZero) {
  {
    AllocGuard before;
    const std::vector<int> counted(10);
    EXPECT_EQ(before.stop().ours, 1);
  }
  AllocGuard guard;
  const AllocCounts counts = guard.stop();
  EXPECT_EQ(counts.ours, 0);
  EXPECT_EQ(counts.library, 0);
  EXPECT_EQ(counts.maps, 0);
  EXPECT_EQ(guard.first_of_ours(), "");
}

TEST(AllocGuard, CountsOtherThreads) {
  AllocGuard guard;
  std::thread([] { const std::vector<int> theirs(1000); }).join();
  EXPECT_GE(guard.stop().ours, 2);  // the thread's own state, the vector
}

TEST(AllocGuard, CountsArenas) {
  if (!AllocGuard::counts_maps()) GTEST_SKIP() << "a sanitizer owns mmap";
  AllocGuard guard;
  const Arena arena(100);
  EXPECT_EQ(guard.stop().maps, 1);
  arena.data()[99] = std::byte{1};
}

}  // namespace
}  // namespace hotrow
