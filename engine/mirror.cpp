#include "engine/mirror.h"

#include <utility>

namespace hotrow {

Mirror::Mirror(const Arena& arena, size_t bytes, std::string_view purpose)
    : device_(arena.device()), memory_(arena.data()), host_(memory_), bytes_(bytes) {
  if (device_ != Device::kCpu && bytes > 0) host_ = driver(device_).allocate_host(bytes, purpose);
}

Mirror::~Mirror() {
  if (is_copy()) driver(device_).release_host(host_, bytes_);
}

Mirror::Mirror(Mirror&& other) noexcept
    : device_(other.device_),
      memory_(std::exchange(other.memory_, nullptr)),
      host_(std::exchange(other.host_, nullptr)),
      bytes_(std::exchange(other.bytes_, 0)) {}

Mirror& Mirror::operator=(Mirror&& other) noexcept {
  std::swap(device_, other.device_);
  std::swap(memory_, other.memory_);
  std::swap(host_, other.host_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

void Mirror::upload(size_t begin, size_t end, const DeviceStream& stream) const {
  if (is_copy() && begin < end)
    driver(device_).copy(memory_ + begin, host_ + begin, end - begin, stream.native());
}

void Mirror::download(size_t begin, size_t end, const DeviceStream& stream) const {
  if (is_copy() && begin < end)
    driver(device_).copy(host_ + begin, memory_ + begin, end - begin, stream.native());
}

}  // namespace hotrow
