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

std::string_view device_name(Device device) { return device == Device::kCpu ? "the CPU" : "a GPU"; }

DeviceStream::DeviceStream(Device device) : native_(driver(device).make_stream(), {device}) {}

void DeviceStream::wait() const { driver(device()).wait(native()); }

void DeviceStream::hold_for(const DeviceEvent& event) const {
  if (event.native_ != nullptr) driver(device()).hold_for_event(native(), event.native_.get());
}

DeviceEvent::DeviceEvent(Device device) : native_(driver(device).make_event(), {device}) {}

void DeviceEvent::record(const DeviceStream& stream) const {
  if (native_ != nullptr) driver(stream.device()).record_event(native_.get(), stream.native());
}

void DeviceEvent::wait() const {
  if (native_ != nullptr) driver(native_.get_deleter().device).wait_for_event(native_.get());
}

void DeviceGraph::record(const DeviceStream& stream, const std::function<void()>& work) {
  require(!recorded(), "[device] a graph is recorded once: got a second call");
  const DeviceDriver& device = driver(stream.device());
  device.begin_graph(stream.native());
  try {
    work();
  } catch (...) {
    try {  // the stream must be left fit for use; the first failure is the one to tell of
      device.destroy_graph(device.end_graph(stream.native()));
    } catch (const DeviceError&) {
    }
    throw;
  }
  graph_ = {device.end_graph(stream.native()), {stream.device()}};
}

void DeviceGraph::replay(const DeviceStream& stream) const {
  driver(stream.device()).replay(graph_.get(), stream.native());
}

}  // namespace hotrow
