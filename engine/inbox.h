// How a batch comes from the host to where a step reads it.
//
// On the CPU the host writes it there. For a GPU it writes pinned memory; send() queues the copy of
// that to a place of its own on the device, on a stream of its own, so that it runs beside the step
// before, and then, on the step's stream, the copy from there to where kernels read. The second
// copy is cheap (device memory is fifty times as fast as the way to it), and with it one address
// serves every batch, as graphs want it.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "engine/arena.h"
#include "engine/device.h"
#include "engine/mirror.h"

namespace hotrow {

struct ByteRange {
  size_t begin, end;
};

class Inbox {
 public:
  // For the first `bytes` bytes of an arena, which must outlive it.
  Inbox(const Arena& arena, size_t bytes, std::string_view purpose);

  // Where the host writes the batch after the one that was sent last.
  template <class T>
  T* as(size_t offset = 0) const {
    return host_.as<T>(offset);
  }
  // Returns when the host may write: what was sent has left its memory, whatever else is queued.
  void wait() const { uploaded_.wait(); }
  // Of a GPU: queues the copies of these bytes; work that is queued on `stream` after this call
  // finds them. Throws DeviceError.
  void send(std::span<const ByteRange> ranges, const DeviceStream& stream) const;
  // On the device, beside the arena.
  size_t bytes() const { return staged_.size(); }

 private:
  std::byte* inputs_;  // the arena's
  Arena staged_;       // none on the CPU
  Mirror host_;
  DeviceStream copies_;
  DeviceEvent uploaded_, taken_;
};

}  // namespace hotrow
