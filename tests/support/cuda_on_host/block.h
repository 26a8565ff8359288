// How the threads of a running block meet: what the stand-ins for intrinsics are made of. Only for
// code that runs inside a kernel.
#pragma once

#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace hotrow::cuda_on_host {

// Where a kernel calls an intrinsic: a default argument of it.
struct Where {
  const char* file;
  int line;
  static constexpr Where here(const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
    return {file, line};
  }
};

// What a kernel did against the rules.
struct Fault : std::runtime_error {
  using std::runtime_error::runtime_error;
};
[[noreturn]] void throw_fault(const std::string& text);  // adds which thread it is
[[noreturn]] void throw_unaligned(size_t bytes);
template <class... Args>
void check(bool ok, fmt::format_string<Args...> text, Args&&... args) {
  if (!ok) [[unlikely]]
    throw_fault(fmt::format(text, std::forward<Args>(args)...));
}

constexpr int kLanes = 32;
int current_lane();
template <class Body>
void for_lanes(unsigned mask, const Body& body) {
  for (; mask != 0; mask &= mask - 1) body(__builtin_ctz(mask));
}

// What lanes of one warp do together. `complete` is called once, when all lanes of the mask have
// come, with their operands by lane.
struct Collective {
  const char* name;
  void (*complete)(unsigned mask, void* const* operands);
};
// Waits for the other lanes of the mask.
void meet_warp(const Collective& what, unsigned mask, void* operand, Where where);

// Waits for all threads of the block; of how many of them `flag` was set.
int meet_block(const char* name, bool flag, Where where);

// Copies of the thread that runs which have not landed.
struct PendingCopies {
  struct Copy {
    void* to;
    const void* from;
    unsigned bytes;
  };
  std::vector<Copy> copies;
  std::vector<size_t> group_ends;  // for each group the copies up to it
};
PendingCopies& pending_copies();

char* shared_memory();
// Throws unless [p, p + bytes) is shared memory of this block and p is aligned.
void check_shared(const char* what, const void* p, size_t bytes, size_t alignment);

// Of the seed, in the order of the calls.
uint64_t random_bits();

}  // namespace hotrow::cuda_on_host
