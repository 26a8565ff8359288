#include "engine/device.h"

#include "kernels/core/check.h"

namespace hotrow {

void check_compute_capability(std::string_view name, int major, int minor) {
  constexpr int kOldest = 8;  // asynchronous copies and products of bf16 (kernels/core/async.cuh)
  require<DeviceError>(major >= kOldest,
                       "[device] GPU too old: got {} of compute capability {}.{}, expected {}.0 or "
                       "newer (such as A100 or H100)",
                       name, major, minor, kOldest);
}

const DeviceDriver& driver(Device device) {
  return device == Device::kCpu ? cpu_driver() : cuda_driver();
}

DeviceStream::DeviceStream(Device device)
    : driver_(&driver(device)), native_(driver_->make_stream()) {}

DeviceStream::~DeviceStream() { driver_->destroy_stream(native_); }

}  // namespace hotrow
