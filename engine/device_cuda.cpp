#include <cuda_runtime.h>

#include <cstring>

#include "engine/device.h"
#include "kernels/core/check.h"
#include "kernels/core/gemm_cuda.h"
#include "kernels/core/launch.cuh"

namespace hotrow {
namespace {

constexpr const char* kOp = "device";
double mebibytes(size_t bytes) { return static_cast<double>(bytes) / (1 << 20); }

// Where nobody can be told of a failure, nor must the next call report it.
void forget(cudaError_t error) noexcept {
  if (error != cudaSuccess) static_cast<void>(cudaGetLastError());
}

class CudaDriver final : public DeviceDriver {
 public:
  CudaDriver() {
    int count = 0;
    const cudaError_t error = cudaGetDeviceCount(&count);
    require<DeviceError>(error == cudaSuccess && count > 0,
                         "[device] no GPU: got {}, expected one that CUDA can use",
                         error == cudaSuccess ? "none" : cudaGetErrorString(error));
    check_cuda(cudaGetDeviceProperties(&properties_, 0), kOp, "cudaGetDeviceProperties");
    check_compute_capability(name(), properties_.major, properties_.minor);
    GemmContext::open_library();
  }

  std::string name() const override { return fmt::format("cuda:0 ({})", properties_.name); }

  DeviceMemory memory() const override {
    DeviceMemory found;
    check_cuda(cudaMemGetInfo(&found.free, &found.total), kOp, "cudaMemGetInfo");
    return found;
  }

  std::byte* allocate(size_t bytes, std::string_view purpose) const override {
    void* memory = nullptr;
    const cudaError_t error = cudaMalloc(&memory, bytes);
    if (error == cudaErrorMemoryAllocation) {
      forget(error);
      throw DeviceError(fmt::format(
          "[device] out of memory on cuda:0: got {:.0f} MiB free, expected {:.0f} MiB for {}",
          mebibytes(this->memory().free), mebibytes(bytes), purpose));
    }
    check_cuda(error, kOp, "cudaMalloc");
    fill(memory, 0, bytes, nullptr);
    wait(nullptr);
    return static_cast<std::byte*>(memory);
  }

  void release(std::byte* memory, size_t) const noexcept override { forget(cudaFree(memory)); }

  std::byte* allocate_host(size_t bytes, std::string_view purpose) const override {
    void* memory = nullptr;
    const cudaError_t error = cudaMallocHost(&memory, bytes);
    if (error == cudaErrorMemoryAllocation) {
      forget(error);
      throw DeviceError(fmt::format(
          "[device] out of pinned memory: got no room for {:.0f} MiB for {}, expected that the "
          "system has it",
          mebibytes(bytes), purpose));
    }
    check_cuda(error, kOp, "cudaMallocHost");
    return static_cast<std::byte*>(std::memset(memory, 0, bytes));
  }

  void release_host(std::byte* memory, size_t) const noexcept override {
    forget(cudaFreeHost(memory));
  }

  // Streams that do not wait for the null stream, nor it for them.
  void* make_stream() const override {
    cudaStream_t stream = nullptr;
    check_cuda(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), kOp,
               "cudaStreamCreateWithFlags");
    return stream;
  }

  void destroy_stream(void* stream) const noexcept override {
    forget(cudaStreamDestroy(static_cast<cudaStream_t>(stream)));
  }

  void wait(void* stream) const override {
    check_cuda(cudaStreamSynchronize(static_cast<cudaStream_t>(stream)), kOp,
               "cudaStreamSynchronize");
  }

  void* make_event() const override {
    cudaEvent_t event = nullptr;
    check_cuda(cudaEventCreateWithFlags(&event, cudaEventDisableTiming), kOp,
               "cudaEventCreateWithFlags");
    return event;
  }

  void destroy_event(void* event) const noexcept override {
    forget(cudaEventDestroy(static_cast<cudaEvent_t>(event)));
  }

  void record_event(void* event, void* stream) const override {
    check_cuda(cudaEventRecord(static_cast<cudaEvent_t>(event), static_cast<cudaStream_t>(stream)),
               kOp, "cudaEventRecord");
  }

  void wait_for_event(void* event) const override {
    check_cuda(cudaEventSynchronize(static_cast<cudaEvent_t>(event)), kOp, "cudaEventSynchronize");
  }

  void hold_for_event(void* stream, void* event) const override {
    check_cuda(
        cudaStreamWaitEvent(static_cast<cudaStream_t>(stream), static_cast<cudaEvent_t>(event), 0),
        kOp, "cudaStreamWaitEvent");
  }

  void copy(void* to, const void* from, size_t bytes, void* stream) const override {
    check_cuda(
        cudaMemcpyAsync(to, from, bytes, cudaMemcpyDefault, static_cast<cudaStream_t>(stream)), kOp,
        "cudaMemcpyAsync");
  }

  void fill(void* memory, unsigned char byte, size_t bytes, void* stream) const override {
    check_cuda(cudaMemsetAsync(memory, byte, bytes, static_cast<cudaStream_t>(stream)), kOp,
               "cudaMemsetAsync");
  }

  void begin_graph(void* stream) const override {
    check_cuda(
        cudaStreamBeginCapture(static_cast<cudaStream_t>(stream), cudaStreamCaptureModeThreadLocal),
        kOp, "cudaStreamBeginCapture");
  }

  void* end_graph(void* stream) const override {
    cudaGraph_t graph = nullptr;
    check_cuda(cudaStreamEndCapture(static_cast<cudaStream_t>(stream), &graph), kOp,
               "cudaStreamEndCapture");
    cudaGraphExec_t replayed = nullptr;
    const cudaError_t error = cudaGraphInstantiate(&replayed, graph, 0);
    forget(cudaGraphDestroy(graph));
    check_cuda(error, kOp, "cudaGraphInstantiate");
    return replayed;
  }

  void replay(void* graph, void* stream) const override {
    check_cuda(
        cudaGraphLaunch(static_cast<cudaGraphExec_t>(graph), static_cast<cudaStream_t>(stream)),
        kOp, "cudaGraphLaunch");
  }

  void destroy_graph(void* graph) const noexcept override {
    forget(cudaGraphExecDestroy(static_cast<cudaGraphExec_t>(graph)));
  }

 private:
  cudaDeviceProp properties_;
};

}  // namespace

const DeviceDriver& cuda_driver() {
  static const CudaDriver driver;
  return driver;
}

}  // namespace hotrow
