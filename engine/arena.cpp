#include "engine/arena.h"

#include <algorithm>
#include <utility>

#include "kernels/core/parallel.h"

namespace hotrow {

Arena::Arena(size_t bytes, Device device, std::string_view purpose)
    : device_(device),
      data_(bytes == 0 ? nullptr : driver(device).allocate(bytes, purpose)),
      size_(bytes) {}

void Arena::spread() const {
  if (device_ != Device::kCpu) return;
  constexpr size_t kPart = size_t{2} << 20, kPage = 4096;  // a huge page, the smallest page
  parallel_for(static_cast<int64_t>((size_ + kPart - 1) / kPart), [&](int64_t task) {
    const size_t begin = static_cast<size_t>(task) * kPart;
    for (size_t at = begin; at < std::min(begin + kPart, size_); at += kPage) {
      volatile std::byte* byte = data_ + at;
      *byte = *byte;
    }
  });
}

Arena::~Arena() {
  if (data_ != nullptr) driver(device_).release(data_, size_);
}

Arena::Arena(Arena&& other) noexcept
    : device_(other.device_),
      data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)) {}

Arena& Arena::operator=(Arena&& other) noexcept {
  std::swap(device_, other.device_);
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

}  // namespace hotrow
