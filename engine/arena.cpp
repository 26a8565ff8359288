#include "engine/arena.h"

#include <algorithm>

#include "kernels/core/parallel.h"

namespace hotrow {

Arena::Arena(size_t bytes, Device device, std::string_view purpose)
    : data_(bytes == 0 ? nullptr : driver(device).allocate(bytes, purpose), {device, bytes}) {}

void Arena::spread() const {
  if (device() != Device::kCpu) return;
  constexpr size_t kPart = size_t{2} << 20, kPage = 4096;  // a huge page, the smallest page
  parallel_for(static_cast<int64_t>((size() + kPart - 1) / kPart), [&](int64_t task) {
    const size_t begin = static_cast<size_t>(task) * kPart;
    for (size_t at = begin; at < std::min(begin + kPart, size()); at += kPage) {
      volatile std::byte* byte = data() + at;
      *byte = *byte;
    }
  });
}

}  // namespace hotrow
