// Streams, events, captured graphs, and the launch of kernels.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <vector>

#include "tests/support/cuda_on_host/grid.h"
#include "tests/support/cuda_on_host/runtime.h"
#include "tests/support/cuda_on_host/tasks.h"

using hotrow::cuda_on_host::TaskPtr;

// Tasks that never run: each launch queues copies of them.
struct CUgraph_st {
  std::vector<TaskPtr> tasks;  // in the order of their capture
};
struct CUgraphExec_st {
  std::vector<TaskPtr> tasks;
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
std::atomic<bool> graphs_refused = false;

}  // namespace
}  // namespace hotrow::cuda_on_host

using hotrow::cuda_on_host::Capture;

// The last task is null while there is none.
struct CUstream_st {
  TaskPtr last;
  std::shared_ptr<Capture> capture;
  TaskPtr captured;  // the last one in the capture
};
struct CUevent_st {
  bool recorded = false, captured = false;
  std::weak_ptr<Capture> capture;
  TaskPtr task;  // when it ends the event has come; null: it has
};

namespace hotrow::cuda_on_host {
namespace {

constexpr unsigned kMaxBlocks = 0x7FFFFFFF, kMaxThreads = 1024;
constexpr size_t kSharedBytes = 227 * 1024, kUnaskedSharedBytes = 48 * 1024;

std::mutex kernels_mutex;
std::map<const void*, size_t> asked_shared_bytes;  // by kernel

bool is_captured(cudaStream_t stream) { return stream != nullptr && stream->capture != nullptr; }

// Puts a task behind the others of its stream. Of the null stream it has ended on return.
cudaError_t enqueue(cudaStream_t stream, const TaskPtr& task) {
  if (stream == nullptr) {
    if (is_capturing()) return report(cudaErrorStreamCaptureImplicit);
    submit(task);
    return finish(task);
  }
  TaskPtr& last = is_captured(stream) ? stream->captured : stream->last;
  if (last != nullptr) task->after.push_back(last);
  last = task;
  if (is_captured(stream)) {
    stream->capture->graph->tasks.push_back(task);
    return cudaSuccess;
  }
  submit(task);
  return make_progress();
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

Outcome run_kernel(unsigned blocks, unsigned threads, size_t shared_bytes,
                   const std::function<void()>& thread) {
  const std::string failure = run_grid(blocks, threads, shared_bytes, thread);
  if (!failure.empty()) return {cudaErrorLaunchFailure, failure};
  const int64_t broken = find_broken_allocation();
  if (broken < 0) return {};
  return {cudaErrorIllegalAddress,
          fmt::format("the kernel wrote outside of an allocation of {} bytes", broken)};
}

cudaError_t refuse_captured(cudaStream_t stream) {
  return report(is_captured(stream) ? cudaErrorStreamCaptureUnsupported : cudaSuccess);
}

// Whether all that was captured comes before the end of the stream that began it.
bool is_joined(const Capture& capture) {
  std::set<const Task*> before;
  std::vector<const Task*> found{capture.origin->captured.get()};
  while (!found.empty()) {
    const Task* task = found.back();
    found.pop_back();
    if (task == nullptr || !before.insert(task).second) continue;
    for (const TaskPtr& t : task->after) found.push_back(t.get());
  }
  return before.size() == capture.graph->tasks.size();
}

void end_capture(Capture& capture) {
  if (capture.refuses_calls) --refusing_captures;
  for (CUstream_st* stream : capture.streams) stream->capture = nullptr;
}

}  // namespace

bool is_capturing() { return refusing_captures > 0; }

void set_graphs_refused(bool refused) { graphs_refused = refused; }

cudaError_t launch_kernel(const cudaLaunchConfig_t& config, const void* kernel,
                          std::function<void()> thread) {
  if (const cudaError_t error = check_launch(config, kernel)) return error;
  ++counted_calls().launches;
  return enqueue(config.stream,
                 make_task([blocks = config.gridDim.x, threads = config.blockDim.x,
                            bytes = config.dynamicSmemBytes, thread = std::move(thread)] {
                   return run_kernel(blocks, threads, bytes, thread);
                 }));
}

}  // namespace hotrow::cuda_on_host

using namespace hotrow::cuda_on_host;

cudaError_t cudaFuncSetAttribute(const void* kernel, cudaFuncAttribute, int value) {
  if (value < 0 || static_cast<size_t>(value) > kSharedBytes) return report(cudaErrorInvalidValue);
  const std::scoped_lock lock(kernels_mutex);
  asked_shared_bytes[kernel] = static_cast<size_t>(value);
  return cudaSuccess;
}

// Two tasks: what does not wait for the copy, and comes between, finds poison.
cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind,
                            cudaStream_t stream) {
  if (!is_whole(to, bytes) || !is_whole(from, bytes)) return report(cudaErrorInvalidValue);
  if (bytes == 0) return cudaSuccess;
  const auto begin = [=] {
    std::memset(to, 0xFF, bytes);
    return Outcome{};
  };
  const auto land = [=] {
    std::memcpy(to, from, bytes);
    return Outcome{};
  };
  if (const cudaError_t error = enqueue(stream, make_task(begin))) return error;
  return enqueue(stream, make_task(land));
}
cudaError_t cudaMemsetAsync(void* p, int value, size_t bytes, cudaStream_t stream) {
  if (!is_whole(p, bytes)) return report(cudaErrorInvalidValue);
  if (bytes == 0) return cudaSuccess;
  return enqueue(stream, make_task([=] {
                   std::memset(p, value, bytes);
                   return Outcome{};
                 }));
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags) {
  if (flags != cudaStreamNonBlocking) return report(cudaErrorInvalidValue);
  *stream = new CUstream_st;
  return cudaSuccess;
}
cudaError_t cudaStreamCreateWithPriority(cudaStream_t* stream, unsigned flags, int) {
  return cudaStreamCreateWithFlags(stream, flags);
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
cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  if (const cudaError_t error = refuse_captured(stream)) return error;
  return finish(stream == nullptr ? nullptr : stream->last);
}
cudaError_t cudaStreamQuery(cudaStream_t stream) {
  if (const cudaError_t error = refuse_captured(stream)) return error;
  return query(stream == nullptr ? nullptr : stream->last);
}

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
  event->recorded = true;
  event->captured = is_captured(stream);
  if (event->captured) {
    event->capture = stream->capture;
    event->task = stream->captured;
    return cudaSuccess;
  }
  event->task = make_task();
  return enqueue(stream, event->task);
}
cudaError_t cudaEventQuery(cudaEvent_t event) {
  return event->captured ? report(cudaErrorCapturedEvent) : query(event->task);
}
cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  return event->captured ? report(cudaErrorCapturedEvent) : finish(event->task);
}
cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t start, cudaEvent_t end) {
  if (!start->recorded || !end->recorded) return report(cudaErrorInvalidResourceHandle);
  if (start->captured || end->captured) return report(cudaErrorCapturedEvent);
  for (const cudaEvent_t event : {start, end}) {
    if (const cudaError_t error = query(event->task)) return error;
  }
  *milliseconds =
      std::chrono::duration<float, std::milli>(end->task->end_time - start->task->end_time).count();
  return cudaSuccess;
}

cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
  const bool capturing = is_captured(stream);
  if (!event->captured) {
    if (capturing && event->recorded) return report(cudaErrorStreamCaptureIsolation);
    return event->recorded ? enqueue(stream, make_task({}, event->task)) : cudaSuccess;
  }
  const auto capture = event->capture.lock();
  if (capture == nullptr) return report(cudaErrorCapturedEvent);
  if (stream == nullptr) return report(cudaErrorStreamCaptureImplicit);
  if (capturing && stream->capture != capture) return report(cudaErrorStreamCaptureMerge);
  if (!capturing) {
    stream->capture = capture;
    stream->captured = nullptr;
    capture->streams.push_back(stream);
  }
  return enqueue(stream, make_task({}, event->task));
}

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode) {
  if (stream == nullptr || is_captured(stream)) return report(cudaErrorStreamCaptureUnsupported);
  const bool refuses = mode != cudaStreamCaptureModeRelaxed;
  stream->capture = std::make_shared<Capture>(Capture{stream, refuses, {stream}});
  stream->captured = nullptr;
  if (refuses) ++refusing_captures;
  return cudaSuccess;
}

cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  *graph = nullptr;
  if (!is_captured(stream) || stream->capture->origin != stream) {
    return report(cudaErrorStreamCaptureUnmatched);
  }
  const auto capture = stream->capture;
  const bool joined = is_joined(*capture);
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
  if (graphs_refused) return report(cudaErrorMemoryAllocation);
  *exec = new CUgraphExec_st{graph->tasks};
  return cudaSuccess;
}
cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t stream) {
  ++counted_calls().graphs;
  if (const cudaError_t error = refuse_captured(stream)) return error;
  const TaskPtr begin = make_task(), end = make_task();
  if (const cudaError_t error = enqueue(stream, begin)) return error;
  std::map<const Task*, TaskPtr> copies;
  for (const TaskPtr& task : exec->tasks) {
    const TaskPtr copy = make_task(task->work, begin);
    for (const TaskPtr& before : task->after) copy->after.push_back(copies.at(before.get()));
    end->after.push_back(copy);
    copies[task.get()] = copy;
    submit(copy);
  }
  return enqueue(stream, end);
}
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec) {
  delete exec;
  return cudaSuccess;
}
cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  delete graph;
  return cudaSuccess;
}
