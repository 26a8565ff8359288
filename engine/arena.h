// Memory that is taken once and never moves.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "engine/device.h"
#include "kernels/core/alignment.h"

namespace hotrow {

// Zeroed memory of one device. Throws DeviceError, with the bytes asked for and `purpose`, when the
// device has no more.
class Arena {
 public:
  Arena() = default;
  explicit Arena(size_t bytes, Device device = Device::kCpu, std::string_view purpose = "an arena");
  ~Arena();
  Arena(Arena&& other) noexcept;
  Arena& operator=(Arena&& other) noexcept;

  // Writes the pages from all threads, in parts of the order of memory: on a machine with several
  // memory nodes they come to lie on all that the threads run on, and taking a large block from the
  // system is shared work. The bytes stay what they were. A GPU has one memory: nothing to do.
  void spread() const;

  Device device() const { return device_; }
  std::byte* data() const { return data_; }  // an address of the device
  size_t size() const { return size_; }
  template <class T>
  T* as(size_t offset = 0) const {
    return reinterpret_cast<T*>(data_ + offset);
  }

 private:
  Device device_ = Device::kCpu;
  std::byte* data_ = nullptr;
  size_t size_ = 0;
};

// One line of the table of memory that is printed before training starts.
struct MemoryUse {
  std::string purpose;
  size_t bytes = 0;
  Device device = Device::kCpu;  // of kCpu too: pinned memory of the host
};

}  // namespace hotrow
