#include "engine/lists.h"

namespace hotrow {

void Lists::place(Device device) {
  arena_ = Arena(bytes_.size(), device, "the lists that kernels take");
  if (bytes_.empty()) return;
  const DeviceStream stream(device);
  driver(device).copy(arena_.data(), bytes_.data(), bytes_.size(), stream.native());
  stream.wait();
  bytes_ = {};
}

}  // namespace hotrow
