// Memory whose neighbourhood is watched.
#pragma once

#include <cstddef>

namespace hotrow::cuda_on_host {

// Exactly `bytes` bytes, all 0xFF, aligned to 256, between two zones that nobody may touch: the
// address sanitizer stops at an access to them; without it intact() tells whether one was written
// to.
class GuardedMemory {
 public:
  explicit GuardedMemory(size_t bytes);  // throws std::bad_alloc
  ~GuardedMemory();
  GuardedMemory(const GuardedMemory&) = delete;
  GuardedMemory& operator=(const GuardedMemory&) = delete;

  char* data() const { return memory_ + kZone; }
  size_t size() const { return bytes_; }
  bool intact() const;

 private:
  static constexpr size_t kZone = 256;
  size_t bytes_, back_zone_;
  char* memory_;
};

}  // namespace hotrow::cuda_on_host
