// Times work that is queued on a GPU.
#pragma once

#include <chrono>
#include <functional>

#include "engine/device.h"

namespace hotrow {

// A graph of so many calls of a function, so that what the host does between two calls, and its
// wait for the last one, is not in the time of a call.
class RepeatedCalls {
 public:
  static constexpr int kCalls = 64;

  // Calls body() once as it is, when libraries make their choices, and then to record it. The
  // stream's device is a GPU.
  RepeatedCalls(const DeviceStream& stream, const std::function<void()>& body) : stream_(stream) {
    body();
    stream.wait();
    graph_.record(stream, [&] {
      for (int i = 0; i < kCalls; ++i) body();
    });
    seconds();  // the first one after recording is slower
  }
  // Runs all calls and waits for them; gives the time of one.
  double seconds() const {
    using Clock = std::chrono::steady_clock;
    const Clock::time_point start = Clock::now();
    graph_.replay(stream_);
    stream_.wait();
    return std::chrono::duration<double>(Clock::now() - start).count() / kCalls;
  }

 private:
  const DeviceStream& stream_;
  DeviceGraph graph_;
};

}  // namespace hotrow
