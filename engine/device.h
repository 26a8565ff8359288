// What the engine asks of a device: memory, and work in order. Which library does it, and whether
// this build has one, is known below this header alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace hotrow {

enum class Device { kCpu, kCuda };

struct DeviceMemory {
  size_t free = 0, total = 0;  // bytes
};

// A stream is work that is done in order. What is queued on one may still run when the call
// returns, and the memory of the host that it names must stay until wait(). The CPU has one stream,
// null, on which everything is done at once. Every function but those that are noexcept throws
// DeviceError when the device fails.
class DeviceDriver {
 public:
  virtual ~DeviceDriver() = default;

  virtual std::string name() const = 0;
  virtual DeviceMemory memory() const = 0;

  // Zeroed memory, aligned as a Tensor wants it; bytes >= 1. Waits for the device. Throws
  // DeviceError when the device has no more, with the bytes asked for and `purpose`.
  virtual std::byte* allocate(size_t bytes, std::string_view purpose) const = 0;
  // `bytes` as allocated. Waits for the device.
  virtual void release(std::byte* memory, size_t bytes) const noexcept = 0;

  // The same for memory of the host whose pages stay where they are, so that the device copies from
  // and to it at full speed while the host does something else.
  virtual std::byte* allocate_host(size_t bytes, std::string_view purpose) const = 0;
  virtual void release_host(std::byte* memory, size_t bytes) const noexcept = 0;

  virtual void* make_stream() const = 0;
  virtual void destroy_stream(void* stream) const noexcept = 0;
  virtual void wait(void* stream) const = 0;

  // See DeviceEvent. The CPU has none: null.
  virtual void* make_event() const = 0;
  virtual void destroy_event(void* event) const noexcept = 0;
  virtual void record_event(void* event, void* stream) const = 0;
  virtual void wait_for_event(void* event) const = 0;
  virtual void hold_for_event(void* stream, void* event) const = 0;

  // Each side may be the device's memory or the host's.
  virtual void copy(void* to, const void* from, size_t bytes, void* stream) const = 0;
  // `memory` is the device's.
  virtual void fill(void* memory, unsigned char byte, size_t bytes, void* stream) const = 0;

  // See DeviceGraph. The CPU has no graphs and throws.
  virtual void begin_graph(void* stream) const = 0;
  virtual void* end_graph(void* stream) const = 0;
  virtual void replay(void* graph, void* stream) const = 0;
  virtual void destroy_graph(void* graph) const noexcept = 0;
};

const DeviceDriver& cpu_driver();
// The first GPU that the process sees. Throws DeviceError where this build has no CUDA, or the
// machine no GPU that its kernels run on.
const DeviceDriver& cuda_driver();

// Throws DeviceError unless kernels run on a GPU of compute capability major.minor.
void check_compute_capability(std::string_view name, int major, int minor);

const DeviceDriver& driver(Device device);
std::string_view device_name(Device device);  // in a sentence

// What a driver has made, given back when its owner goes.
template <auto kGiveBack>
struct GiveBack {
  Device device = Device::kCpu;
  void operator()(void* made) const noexcept { (driver(device).*kGiveBack)(made); }
};
template <auto kGiveBack>
using DeviceHandle = std::unique_ptr<void, GiveBack<kGiveBack>>;

class DeviceEvent;

// A stream of its own. One thread uses it.
class DeviceStream {
 public:
  explicit DeviceStream(Device device);

  Device device() const { return native_.get_deleter().device; }
  void* native() const { return native_.get(); }
  void wait() const;
  // What is queued from now on begins when what lies before the event's point is done.
  void hold_for(const DeviceEvent& event) const;

 private:
  DeviceHandle<&DeviceDriver::destroy_stream> native_;
};

// A point in the work of a stream. Before the first record() nobody waits for it, and on the CPU,
// where all is done at once, never.
class DeviceEvent {
 public:
  explicit DeviceEvent(Device device);

  // Moves the point to behind all that is queued on `stream`.
  void record(const DeviceStream& stream) const;
  // Returns when all before the point is done, whatever lies behind it.
  void wait() const;

 private:
  friend class DeviceStream;
  DeviceHandle<&DeviceDriver::destroy_event> native_;
};

// Work of a GPU's stream, recorded call by call and then queued as a whole, again and again, with
// the sizes and addresses that it had when it was recorded; what memory holds is read anew.
class DeviceGraph {
 public:
  bool recorded() const { return graph_ != nullptr; }
  // Records what work() queues on `stream`, and on streams that hold for an event which it records
  // there, as long as `stream` holds for them at the end, without doing it. work() must not wait,
  // nor take memory of the device. What it throws comes through, and nothing is recorded. Throws
  // InvalidArgument where a graph is recorded already.
  void record(const DeviceStream& stream, const std::function<void()>& work);
  void replay(const DeviceStream& stream) const;

 private:
  DeviceHandle<&DeviceDriver::destroy_graph> graph_;
};

}  // namespace hotrow
