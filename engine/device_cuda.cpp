#include <cuda_runtime.h>

#include "engine/device.h"
#include "kernels/core/check.h"
#include "kernels/core/launch.cuh"

namespace hotrow {
namespace {

constexpr const char* kOp = "device";
double mebibytes(size_t bytes) { return static_cast<double>(bytes) / (1 << 20); }

class CudaDriver final : public DeviceDriver {
 public:
  CudaDriver() {
    int count = 0;
    const cudaError_t error = cudaGetDeviceCount(&count);
    require<DeviceError>(error == cudaSuccess && count > 0,
                         "[device] no GPU: got {}, expected one that CUDA can use",
                         error == cudaSuccess ? "none" : cudaGetErrorString(error));
  }

  std::string name() const override {
    cudaDeviceProp properties;
    check_cuda(cudaGetDeviceProperties(&properties, 0), kOp, "cudaGetDeviceProperties");
    return fmt::format("cuda:0 ({})", properties.name);
  }

  DeviceMemory memory() const override {
    DeviceMemory found;
    check_cuda(cudaMemGetInfo(&found.free, &found.total), kOp, "cudaMemGetInfo");
    return found;
  }

  std::byte* allocate(size_t bytes, std::string_view purpose) const override {
    void* memory = nullptr;
    const cudaError_t error = cudaMalloc(&memory, bytes);
    if (error == cudaErrorMemoryAllocation) {
      cudaGetLastError();  // or the next launch would report it again
      throw DeviceError(fmt::format(
          "[device] out of memory on cuda:0: got {:.0f} MiB free, expected {:.0f} MiB for {}",
          mebibytes(this->memory().free), mebibytes(bytes), purpose));
    }
    check_cuda(error, kOp, "cudaMalloc");
    fill(memory, 0, bytes, nullptr);
    wait(nullptr);
    return static_cast<std::byte*>(memory);
  }

  void release(std::byte* memory, size_t) const noexcept override { cudaFree(memory); }

  // Streams that do not wait for the null stream, nor it for them.
  void* make_stream() const override {
    cudaStream_t stream = nullptr;
    check_cuda(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), kOp,
               "cudaStreamCreateWithFlags");
    return stream;
  }

  void destroy_stream(void* stream) const noexcept override {
    cudaStreamDestroy(static_cast<cudaStream_t>(stream));
  }

  void wait(void* stream) const override {
    check_cuda(cudaStreamSynchronize(static_cast<cudaStream_t>(stream)), kOp,
               "cudaStreamSynchronize");
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
};

}  // namespace

const DeviceDriver& cuda_driver() {
  static const CudaDriver driver;
  return driver;
}

}  // namespace hotrow
