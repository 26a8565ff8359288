#include "tests/support/cuda_on_host/guarded_memory.h"

#include <algorithm>
#include <cstring>
#include <new>

#include "tests/support/asan.h"

#if defined(HOTROW_ASAN)
#include <sanitizer/asan_interface.h>
#endif

namespace hotrow::cuda_on_host {
namespace {

// NaN as a number of any type, a large one as an integer, and unlike the 0xFF of fresh memory.
constexpr unsigned char kPattern[2] = {0xFD, 0x7F};

void forbid([[maybe_unused]] const char* p, [[maybe_unused]] size_t bytes) {
#if defined(HOTROW_ASAN)
  __asan_poison_memory_region(p, bytes);
#endif
}
void allow([[maybe_unused]] const char* p, [[maybe_unused]] size_t bytes) {
#if defined(HOTROW_ASAN)
  __asan_unpoison_memory_region(p, bytes);
#endif
}

void fill(char* p, size_t bytes) {
  for (size_t i = 0; i < bytes; ++i) p[i] = static_cast<char>(kPattern[i % 2]);
  forbid(p, bytes);
}

bool holds_pattern(const char* p, size_t bytes) {
  allow(p, bytes);
  bool same = true;
  for (size_t i = 0; i < bytes; ++i) same &= p[i] == static_cast<char>(kPattern[i % 2]);
  forbid(p, bytes);
  return same;
}

}  // namespace

const MemorySource kHostMemory{
    [](size_t bytes) { return ::operator new (bytes, std::align_val_t{256}); },
    [](void* memory, size_t) { ::operator delete (memory, std::align_val_t{256}); }};

GuardedMemory::GuardedMemory(size_t bytes, const MemorySource& source)
    : source_(&source), bytes_(bytes), back_zone_(kZone + (kZone - bytes % kZone) % kZone) {
  memory_ = static_cast<char*>(source_->allocate(all_bytes()));
  std::memset(data(), 0xFF, bytes_);
  fill(memory_, kZone);
  fill(data() + bytes_, back_zone_);
}

GuardedMemory::~GuardedMemory() {
  allow(memory_, kZone);
  allow(data() + bytes_, back_zone_);
  source_->release(memory_, all_bytes());
}

bool GuardedMemory::intact() const {
  return holds_pattern(memory_, kZone) && holds_pattern(data() + bytes_, back_zone_);
}

}  // namespace hotrow::cuda_on_host
