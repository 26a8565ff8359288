#include "engine/mirror.h"

namespace hotrow {

Mirror::Mirror(Device device, std::byte* memory, size_t bytes, std::string_view purpose)
    : memory_(memory),
      pinned_(device == Device::kCpu || bytes == 0 ? nullptr
                                                   : driver(device).allocate_host(bytes, purpose),
              {device, bytes}) {}

void Mirror::upload(size_t begin, size_t end, const DeviceStream& stream) const {
  if (pinned_ != nullptr && begin < end)
    driver(stream.device())
        .copy(memory_ + begin, pinned_.get() + begin, end - begin, stream.native());
}

void Mirror::download(size_t begin, size_t end, const DeviceStream& stream) const {
  if (pinned_ != nullptr && begin < end)
    driver(stream.device())
        .copy(pinned_.get() + begin, memory_ + begin, end - begin, stream.native());
}

}  // namespace hotrow
