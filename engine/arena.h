// Memory that is taken once and never moves.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
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

  // Writes the pages from all threads, in parts of the order of memory: on a machine with several
  // memory nodes they come to lie on all that the threads run on, and taking a large block from the
  // system is shared work. The bytes stay what they were. A GPU has one memory: nothing to do.
  void spread() const;

  Device device() const { return data_.get_deleter().device; }
  std::byte* data() const { return data_.get(); }  // an address of the device
  size_t size() const { return data_ == nullptr ? 0 : data_.get_deleter().bytes; }
  template <class T>
  T* as(size_t offset = 0) const {
    return reinterpret_cast<T*>(data() + offset);
  }

 private:
  struct Release {  // the CPU and 0 by default
    Device device;
    size_t bytes;
    void operator()(std::byte* memory) const noexcept { driver(device).release(memory, bytes); }
  };
  std::unique_ptr<std::byte, Release> data_;
};

// One line of the table of memory that is printed before training starts.
struct MemoryUse {
  std::string purpose;
  size_t bytes = 0;
  Device device = Device::kCpu;  // of kCpu too: pinned memory of the host
};

}  // namespace hotrow
