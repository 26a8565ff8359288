#include "engine/device.h"

namespace hotrow {

const DeviceDriver& driver(Device device) {
  return device == Device::kCpu ? cpu_driver() : cuda_driver();
}

DeviceStream::DeviceStream(Device device)
    : driver_(&driver(device)), native_(driver_->make_stream()) {}

DeviceStream::~DeviceStream() { driver_->destroy_stream(native_); }

}  // namespace hotrow
