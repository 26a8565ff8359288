// Streams, events, captured graphs, and the launch of kernels.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "tests/support/cuda_on_host/grid.h"
#include "tests/support/cuda_on_host/runtime.h"

using Work = std::function<cudaError_t()>;

struct CUgraph_st {
  std::vector<Work> work;  // in the order of its capture, which all dependencies follow
};
struct CUgraphExec_st {
  std::vector<Work> work;
};

namespace hotrow::cuda_on_host {
namespace {

struct Capture {
  CUstream_st* origin;
  bool refuses_calls;  // to anything that is not captured
  std::vector<CUstream_st*> streams;
  std::unique_ptr<CUgraph_st> graph = std::make_unique<CUgraph_st>();
};
std::atomic<int> refusing_captures = 0;

}  // namespace
}  // namespace hotrow::cuda_on_host

using hotrow::cuda_on_host::Capture;

// Work is counted to tell whether the stream that began a capture has waited for all of it.
struct CUstream_st {
  std::shared_ptr<Capture> capture;
  int queued = 0, joined = 0;
};
struct CUevent_st {
  std::chrono::steady_clock::time_point time;
  bool recorded = false;
  std::weak_ptr<Capture> capture;
  bool captured = false;
  CUstream_st* stream = nullptr;
  int queued = 0;  // work of the stream before the event
};

namespace hotrow::cuda_on_host {
namespace {

constexpr unsigned kMaxBlocks = 0x7FFFFFFF, kMaxThreads = 1024;
constexpr size_t kSharedBytes = 227 * 1024, kUnaskedSharedBytes = 48 * 1024;

std::mutex kernels_mutex;
std::map<const void*, size_t> asked_shared_bytes;  // by kernel

bool is_captured(cudaStream_t stream) { return stream != nullptr && stream->capture != nullptr; }

cudaError_t enqueue(cudaStream_t stream, Work work) {
  if (is_captured(stream)) {
    stream->capture->graph->work.push_back(std::move(work));
    ++stream->queued;
    return cudaSuccess;
  }
  if (stream == nullptr && is_capturing()) return report(cudaErrorStreamCaptureImplicit);
  return work();
}

cudaError_t check_launch(const cudaLaunchConfig_t& config, const void* kernel) {
  const dim3 &grid = config.gridDim, &block = config.blockDim;
  if (grid.x == 0 || grid.x > kMaxBlocks || grid.y != 1 || grid.z != 1 || block.x == 0 ||
      block.x > kMaxThreads || block.y != 1 || block.z != 1) {
    return report(cudaErrorInvalidConfiguration);
  }
  const std::scoped_lock lock(kernels_mutex);
  const auto asked = asked_shared_bytes.find(kernel);
  const size_t most = asked == asked_shared_bytes.end() ? kUnaskedSharedBytes : asked->second;
  return report(config.dynamicSmemBytes > most ? cudaErrorInvalidValue : cudaSuccess);
}

cudaError_t run_kernel(unsigned blocks, unsigned threads, size_t shared_bytes,
                       const std::function<void()>& thread) {
  const std::string failure = run_grid(blocks, threads, shared_bytes, thread);
  if (!failure.empty()) return report(cudaErrorLaunchFailure, failure);
  const int64_t broken = find_broken_allocation();
  if (broken < 0) return cudaSuccess;
  return report(cudaErrorIllegalAddress,
                fmt::format("the kernel wrote outside of an allocation of {} bytes", broken));
}

cudaError_t refuse_captured(cudaStream_t stream) {
  return report(is_captured(stream) ? cudaErrorStreamCaptureUnsupported : cudaSuccess);
}

void end_capture(Capture& capture) {
  if (capture.refuses_calls) --refusing_captures;
  for (CUstream_st* stream : capture.streams) stream->capture = nullptr;
}

}  // namespace

bool is_capturing() { return refusing_captures > 0; }

cudaError_t launch_kernel(const cudaLaunchConfig_t& config, const void* kernel,
                          std::function<void()> thread) {
  if (const cudaError_t error = check_launch(config, kernel)) return error;
  return enqueue(config.stream, [blocks = config.gridDim.x, threads = config.blockDim.x,
                                 bytes = config.dynamicSmemBytes, thread = std::move(thread)] {
    return run_kernel(blocks, threads, bytes, thread);
  });
}

}  // namespace hotrow::cuda_on_host

using namespace hotrow::cuda_on_host;

cudaError_t cudaFuncSetAttribute(const void* kernel, cudaFuncAttribute, int value) {
  if (value < 0 || static_cast<size_t>(value) > kSharedBytes) return report(cudaErrorInvalidValue);
  const std::scoped_lock lock(kernels_mutex);
  asked_shared_bytes[kernel] = static_cast<size_t>(value);
  return cudaSuccess;
}

cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind,
                            cudaStream_t stream) {
  return enqueue(stream, [=] { return copy_memory(to, from, bytes); });
}
cudaError_t cudaMemsetAsync(void* p, int value, size_t bytes, cudaStream_t stream) {
  return enqueue(stream, [=] { return set_memory(p, value, bytes); });
}

cudaError_t cudaStreamCreate(cudaStream_t* stream) {
  *stream = new CUstream_st;
  return cudaSuccess;
}
cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
  return cudaStreamCreate(stream);
}
cudaError_t cudaStreamCreateWithPriority(cudaStream_t* stream, unsigned, int) {
  return cudaStreamCreate(stream);
}
cudaError_t cudaDeviceGetStreamPriorityRange(int* least, int* greatest) {
  *least = 0;
  *greatest = -5;
  return cudaSuccess;
}
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  if (stream == nullptr) return report(cudaErrorInvalidResourceHandle);
  delete stream;
  return cudaSuccess;
}
cudaError_t cudaStreamSynchronize(cudaStream_t stream) { return refuse_captured(stream); }
cudaError_t cudaStreamQuery(cudaStream_t stream) { return refuse_captured(stream); }

cudaError_t cudaEventCreate(cudaEvent_t* event) {
  *event = new CUevent_st;
  return cudaSuccess;
}
cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
  return cudaEventCreate(event);
}
cudaError_t cudaEventDestroy(cudaEvent_t event) {
  delete event;
  return cudaSuccess;
}
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  if (stream == nullptr && is_capturing()) return report(cudaErrorStreamCaptureImplicit);
  event->time = std::chrono::steady_clock::now();
  event->recorded = true;
  event->captured = is_captured(stream);
  event->capture.reset();
  if (event->captured) event->capture = stream->capture;
  event->stream = stream;
  event->queued = event->captured ? stream->queued : 0;
  return cudaSuccess;
}
cudaError_t cudaEventQuery(cudaEvent_t event) {
  return report(event->captured ? cudaErrorCapturedEvent : cudaSuccess);
}
cudaError_t cudaEventSynchronize(cudaEvent_t event) { return cudaEventQuery(event); }
cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t start, cudaEvent_t end) {
  if (!start->recorded || !end->recorded) return report(cudaErrorInvalidResourceHandle);
  if (start->captured || end->captured) return report(cudaErrorCapturedEvent);
  *milliseconds = std::chrono::duration<float, std::milli>(end->time - start->time).count();
  return cudaSuccess;
}

cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
  const bool capturing = is_captured(stream);
  if (!event->captured) {
    return report(capturing && event->recorded ? cudaErrorStreamCaptureIsolation : cudaSuccess);
  }
  const auto capture = event->capture.lock();
  if (capture == nullptr) return report(cudaErrorCapturedEvent);
  if (stream == nullptr) return report(cudaErrorStreamCaptureImplicit);
  if (capturing && stream->capture != capture) return report(cudaErrorStreamCaptureMerge);
  if (!capturing) {
    stream->capture = capture;
    stream->queued = stream->joined = 0;
    capture->streams.push_back(stream);
  }
  event->stream->joined = std::max(event->stream->joined, event->queued);
  ++stream->queued;
  return cudaSuccess;
}

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode) {
  if (stream == nullptr || is_captured(stream)) return report(cudaErrorStreamCaptureUnsupported);
  const bool refuses = mode != cudaStreamCaptureModeRelaxed;
  stream->capture = std::make_shared<Capture>(Capture{stream, refuses, {stream}});
  stream->queued = stream->joined = 0;
  if (refuses) ++refusing_captures;
  return cudaSuccess;
}

cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  *graph = nullptr;
  if (!is_captured(stream) || stream->capture->origin != stream) {
    return report(cudaErrorStreamCaptureUnmatched);
  }
  const auto capture = stream->capture;
  const auto is_joined = [stream](const CUstream_st* s) {
    return s == stream || s->joined == s->queued;
  };
  const bool joined = std::all_of(capture->streams.begin(), capture->streams.end(), is_joined);
  end_capture(*capture);
  if (!joined) return report(cudaErrorStreamCaptureUnjoined);
  *graph = capture->graph.release();
  return cudaSuccess;
}

cudaError_t cudaStreamIsCapturing(cudaStream_t stream, cudaStreamCaptureStatus* status) {
  *status = is_captured(stream) ? cudaStreamCaptureStatusActive : cudaStreamCaptureStatusNone;
  return cudaSuccess;
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t* exec, cudaGraph_t graph, unsigned long long) {
  *exec = new CUgraphExec_st{graph->work};
  return cudaSuccess;
}
cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t stream) {
  if (const cudaError_t error = refuse_captured(stream)) return error;
  for (const Work& work : exec->work) {
    if (const cudaError_t error = work()) return error;
  }
  return cudaSuccess;
}
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec) {
  delete exec;
  return cudaSuccess;
}
cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  delete graph;
  return cudaSuccess;
}
