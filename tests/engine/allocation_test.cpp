#include <gtest/gtest.h>

#include <new>
#include <thread>

#include "engine/arena.h"
#include "tests/support/alloc_guard.h"

namespace hotrow {
namespace {
using test::AllocCounts;
using test::AllocGuard;

TEST(AllocGuard, CountsEveryFormOfNew) {
  AllocGuard guard;
  // Calls, not expressions: a compiler may leave out an expression whose memory nobody uses.
  void* const one = ::operator new(4);
  void* const wide = ::operator new(100, std::align_val_t(128));
  void* const array = ::operator new[](100);
  void* const quiet = ::operator new(4, std::nothrow);
  EXPECT_EQ(guard.stop().ours, 4);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(wide) % 128, 0u);
  EXPECT_FALSE(guard.first_of_ours().empty());
  ::operator delete(one);
  ::operator delete(wide, std::align_val_t(128));
  ::operator delete[](array);
  ::operator delete(::operator new(4));
  ::operator delete(quiet, std::nothrow);
  EXPECT_EQ(guard.stop().ours, 4) << "counted after stop()";
}

TEST(AllocGuard, StartsFromZero) {
  {
    AllocGuard before;
    ::operator delete(::operator new(4));
    EXPECT_EQ(before.stop().ours, 1);
  }
  AllocGuard guard;
  const AllocCounts counts = guard.stop();
  EXPECT_EQ(counts.ours, 0);
  EXPECT_EQ(counts.foreign, 0);
  EXPECT_EQ(counts.maps, 0);
  EXPECT_EQ(guard.first_of_ours(), "");
}

TEST(AllocGuard, CountsOtherThreads) {
  AllocGuard guard;
  std::thread([] { ::operator delete(::operator new(4)); }).join();
  EXPECT_GE(guard.stop().ours, 2);  // the thread's own state and what it takes
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
