// Counts allocations between two points of a test, of all threads: the proof that a step allocates
// nothing.
//
//   AllocGuard guard;
//   step.forward();
//   step.backward(rule);
//   EXPECT_EQ(guard.stop().ours, 0) << guard.first_of_ours();
//
// alloc_guard.cpp replaces operator new for the whole executable that it is linked into, and mmap,
// from which Arena takes memory (mmap not under a sanitizer, which replaces it itself). An
// allocation is foreign when a frame of its stack lies in oneDNN, since a call of its execute makes
// small nodes of its own.
#pragma once

#include <cstdint>
#include <string>

namespace hotrow::test {

struct AllocCounts {
  int64_t ours = 0;     // operator new
  int64_t foreign = 0;  // operator new, below oneDNN
  int64_t maps = 0;     // mmap, by whomever
};

// One at a time.
class AllocGuard {
 public:
  AllocGuard();
  ~AllocGuard() { stop(); }
  AllocGuard(const AllocGuard&) = delete;
  AllocGuard& operator=(const AllocGuard&) = delete;

  // Ends the counting; further calls return the same numbers.
  AllocCounts stop();
  // The stack of the first allocation that was ours, one `file+offset` a line as addr2line takes
  // it.
  std::string first_of_ours() const;

  // False where mmap is not counted.
  static bool counts_maps();
};

}  // namespace hotrow::test
