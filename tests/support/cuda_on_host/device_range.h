// The addresses of the device's memory, which the host cannot read or write: it stops at once where
// it does, with a word on stderr.
#pragma once

#include <cstddef>

namespace hotrow::cuda_on_host {

// Whole pages of that range. allocate_pages() throws std::bad_alloc.
void* allocate_pages(size_t bytes);
void release_pages(void* pages, size_t bytes);

// While one lives the range can be read and written: kernels run, or copies, in any thread.
class DeviceAccess {
 public:
  DeviceAccess();
  ~DeviceAccess();
  DeviceAccess(const DeviceAccess&) = delete;
  DeviceAccess& operator=(const DeviceAccess&) = delete;
};

}  // namespace hotrow::cuda_on_host
