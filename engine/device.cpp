#include "engine/device.h"

#include <utility>

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
    : device_(device), native_(driver(device).make_stream()) {}

DeviceStream::~DeviceStream() {
  if (native_ != nullptr) driver(device_).destroy_stream(native_);
}

DeviceStream::DeviceStream(DeviceStream&& other) noexcept
    : device_(other.device_),
      native_(std::exchange(other.native_, nullptr)),
      marks_(other.marks_),
      seen_(other.seen_) {}

DeviceStream& DeviceStream::operator=(DeviceStream&& other) noexcept {
  std::swap(device_, other.device_);
  std::swap(native_, other.native_);
  std::swap(marks_, other.marks_);
  std::swap(seen_, other.seen_);
  return *this;
}

void DeviceStream::wait() const {
  driver(device_).wait(native_);
  seen_ = marks_;
}

DeviceGraph::~DeviceGraph() {
  if (graph_ != nullptr) driver(device_).destroy_graph(graph_);
}

DeviceGraph::DeviceGraph(DeviceGraph&& other) noexcept
    : device_(other.device_), graph_(std::exchange(other.graph_, nullptr)) {}

DeviceGraph& DeviceGraph::operator=(DeviceGraph&& other) noexcept {
  std::swap(device_, other.device_);
  std::swap(graph_, other.graph_);
  return *this;
}

void DeviceGraph::record(const DeviceStream& stream, const std::function<void()>& work) {
  device_ = stream.device();
  const DeviceDriver& device = driver(device_);
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
  graph_ = device.end_graph(stream.native());
}

void DeviceGraph::replay(const DeviceStream& stream) const {
  driver(device_).replay(graph_, stream.native());
}

}  // namespace hotrow
