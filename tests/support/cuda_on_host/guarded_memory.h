// Memory whose neighbourhood is watched.
#pragma once

#include <cstddef>

namespace hotrow::cuda_on_host {

// Where it comes from.
struct MemorySource {
  void* (*allocate)(size_t bytes);  // aligned to 256; throws std::bad_alloc
  void (*release)(void* memory, size_t bytes);
};
extern const MemorySource kHostMemory;

// Exactly `bytes` bytes, all 0xFF, aligned to 256, between two zones that nobody may touch: the
// address sanitizer stops at an access to them; without it intact() tells whether one was written
// to.
class GuardedMemory {
 public:
  explicit GuardedMemory(size_t bytes, const MemorySource& source = kHostMemory);
  ~GuardedMemory();
  GuardedMemory(const GuardedMemory&) = delete;
  GuardedMemory& operator=(const GuardedMemory&) = delete;

  char* data() const { return memory_ + kZone; }
  size_t size() const { return bytes_; }
  bool intact() const;

 private:
  static constexpr size_t kZone = 256;
  size_t all_bytes() const { return kZone + bytes_ + back_zone_; }

  const MemorySource* source_;
  size_t bytes_, back_zone_;
  char* memory_;
};

}  // namespace hotrow::cuda_on_host
