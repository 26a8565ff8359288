// What the host writes for a device and reads of it.
#pragma once

#include <cstddef>
#include <string_view>

#include "engine/arena.h"
#include "engine/device.h"

namespace hotrow {

// The first bytes of an arena as the host sees them: on the CPU the arena itself; for a GPU pinned
// memory, zeroed, with copies queued between the two. The arena must outlive its mirror.
class Mirror {
 public:
  Mirror(const Arena& arena, size_t bytes, std::string_view purpose);
  ~Mirror();
  Mirror(Mirror&& other) noexcept;
  Mirror& operator=(Mirror&& other) noexcept;

  template <class T>
  T* as(size_t offset = 0) const {
    return reinterpret_cast<T*>(host_ + offset);
  }
  // Queue a copy of bytes [begin, end) to the device, or from it; on the CPU there is none. Until
  // the stream has passed it, the host must not write those that go up, nor read those that come.
  void upload(size_t begin, size_t end, const DeviceStream& stream) const;
  void download(size_t begin, size_t end, const DeviceStream& stream) const;

 private:
  bool is_copy() const { return host_ != memory_; }

  Device device_;
  std::byte* memory_;  // the arena's
  std::byte* host_;
  size_t bytes_;
};

}  // namespace hotrow
