// The only place where kernels are started on a CUDA device.
#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

#include "kernels/core/check.h"
#include "kernels/core/stream.h"

namespace hotrow {

constexpr int64_t kMaxBlocks = INT64_C(0x7FFFFFFF);
constexpr int kMaxThreads = 1024;
constexpr size_t kMaxSharedBytes = 227 * 1024;     // of a block, on sm_90; 163 KiB on sm_80
constexpr size_t kUnaskedSharedBytes = 48 * 1024;  // more must be asked for, kernel by kernel

// One-dimensional. No blocks: nothing is started.
struct LaunchShape {
  int64_t blocks;
  int threads;  // of a block, a multiple of 32
  size_t shared_bytes = 0;
};

// Throws DeviceError "[op] STATEMENT failed: got NAME: TEXT, expected success" unless `error` is
// cudaSuccess, and clears the runtime's memory of it.
inline void check_cuda(cudaError_t error, const char* op, const char* statement) {
  if (error == cudaSuccess) return;
  static_cast<void>(cudaGetLastError());
  require<DeviceError>(false, "[{}] {} failed: got {}: {}, expected success", op, statement,
                       cudaGetErrorName(error), cudaGetErrorString(error));
}

// Throws InvalidArgument for a shape beyond the limits above.
inline void check_launch_shape(const char* op, const LaunchShape& shape) {
  require(shape.blocks >= 0 && shape.blocks <= kMaxBlocks,
          "[{}] wrong number of blocks: got {}, expected 0 to {}", op, shape.blocks, kMaxBlocks);
  require(shape.threads > 0 && shape.threads <= kMaxThreads && shape.threads % 32 == 0,
          "[{}] wrong number of threads in a block: got {}, expected a multiple of 32 up to {}", op,
          shape.threads, kMaxThreads);
  require(shape.shared_bytes <= kMaxSharedBytes,
          "[{}] too much shared memory for a block: got {} bytes, expected at most {}", op,
          shape.shared_bytes, kMaxSharedBytes);
}

// The most shared memory that a block of the device gets when its kernel asks for it.
inline int most_shared_bytes() {
  static const int most = [] {
    int bytes = 0;
    check_cuda(cudaDeviceGetAttribute(&bytes, cudaDevAttrMaxSharedMemoryPerBlockOptin, 0), "launch",
               "cudaDeviceGetAttribute");
    return bytes;
  }();
  return most;
}

// Queues kernel(args...). Parameters are plain values and pointers to device memory. Throws
// InvalidArgument for a shape beyond the limits, DeviceError when the runtime refuses the launch;
// what goes wrong while the kernel runs shows at a later call.
template <class... P, class... A>
void launch(const char* op, void (*kernel)(P...), const LaunchShape& shape, CudaStream stream,
            A&&... args) {
  static_assert((std::is_trivially_copyable_v<P> && ...), "kernel parameters are copied bytewise");
  check_launch_shape(op, shape);
  if (shape.blocks == 0) return;
  if (shape.shared_bytes > kUnaskedSharedBytes) {  // all, lest another thread lower it meanwhile
    check_cuda(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                    most_shared_bytes()),
               op, "asking for shared memory");
  }
  cudaLaunchConfig_t config{};
  config.gridDim = dim3(static_cast<unsigned>(shape.blocks));
  config.blockDim = dim3(static_cast<unsigned>(shape.threads));
  config.dynamicSmemBytes = shape.shared_bytes;
  config.stream = static_cast<cudaStream_t>(stream.native);
  check_cuda(cudaLaunchKernelEx(&config, kernel, std::forward<A>(args)...), op, "kernel launch");
}

}  // namespace hotrow
