// What the host writes for a device and reads of it.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

#include "engine/device.h"

namespace hotrow {

// Memory of a device as the host sees it: on the CPU the memory itself; for a GPU pinned memory,
// zeroed, with copies queued between the two. The memory must outlive its mirror.
class Mirror {
 public:
  Mirror(Device device, std::byte* memory, size_t bytes, std::string_view purpose);

  template <class T>
  T* as(size_t offset = 0) const {
    return reinterpret_cast<T*>((pinned_ == nullptr ? memory_ : pinned_.get()) + offset);
  }
  // Queue a copy of bytes [begin, end) to the device, or from it; on the CPU there is none. Until
  // the stream has passed it, the host must not write those that go up, nor read those that come.
  void upload(size_t begin, size_t end, const DeviceStream& stream) const;
  void download(size_t begin, size_t end, const DeviceStream& stream) const;

 private:
  struct Release {
    Device device;
    size_t bytes;
    void operator()(std::byte* host) const noexcept { driver(device).release_host(host, bytes); }
  };
  std::byte* memory_;
  std::unique_ptr<std::byte, Release> pinned_;
};

}  // namespace hotrow
