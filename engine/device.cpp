#include "engine/device.h"

namespace hotrow {

const DeviceDriver& driver(Device device) {
  return device == Device::kCpu ? cpu_driver() : cuda_driver();
}

Stream::Stream(Device device) : driver_(&driver(device)), native_(driver_->make_stream()) {}

Stream::~Stream() { driver_->destroy_stream(native_); }

}  // namespace hotrow
