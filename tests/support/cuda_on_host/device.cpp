// Errors, the device's properties and its memory.
#include <algorithm>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>

#include "tests/support/cuda_on_host/device_range.h"
#include "tests/support/cuda_on_host/guarded_memory.h"
#include "tests/support/cuda_on_host/runtime.h"
#include "tests/support/cuda_on_host/tasks.h"

namespace hotrow::cuda_on_host {
namespace {

constexpr size_t kDeviceBytes = size_t{16} << 30;
constexpr size_t kSharedBytes = 227 * 1024;

struct ErrorText {
  cudaError_t error;
  const char *name, *text;
};
constexpr ErrorText kErrors[] = {
    {cudaSuccess, "cudaSuccess", "no error"},
    {cudaErrorInvalidValue, "cudaErrorInvalidValue", "invalid argument"},
    {cudaErrorMemoryAllocation, "cudaErrorMemoryAllocation", "out of memory"},
    {cudaErrorInvalidConfiguration, "cudaErrorInvalidConfiguration",
     "invalid configuration argument"},
    {cudaErrorNoDevice, "cudaErrorNoDevice", "no CUDA-capable device is detected"},
    {cudaErrorInvalidDevice, "cudaErrorInvalidDevice", "invalid device ordinal"},
    {cudaErrorInvalidResourceHandle, "cudaErrorInvalidResourceHandle", "invalid resource handle"},
    {cudaErrorNotReady, "cudaErrorNotReady", "device not ready"},
    {cudaErrorIllegalAddress, "cudaErrorIllegalAddress", "an illegal memory access"},
    {cudaErrorLaunchFailure, "cudaErrorLaunchFailure", "unspecified launch failure"},
    {cudaErrorStreamCaptureUnsupported, "cudaErrorStreamCaptureUnsupported",
     "operation not permitted when stream is capturing"},
    {cudaErrorStreamCaptureMerge, "cudaErrorStreamCaptureMerge",
     "dependency on two streams that are captured apart"},
    {cudaErrorStreamCaptureUnmatched, "cudaErrorStreamCaptureUnmatched",
     "capture was not begun in this stream"},
    {cudaErrorStreamCaptureUnjoined, "cudaErrorStreamCaptureUnjoined",
     "capturing stream has unjoined work"},
    {cudaErrorStreamCaptureIsolation, "cudaErrorStreamCaptureIsolation",
     "dependency on uncaptured work in another stream"},
    {cudaErrorStreamCaptureImplicit, "cudaErrorStreamCaptureImplicit",
     "operation would make the legacy stream depend on a capturing one"},
    {cudaErrorCapturedEvent, "cudaErrorCapturedEvent",
     "operation not permitted on an event last recorded in a capturing stream"},
};
const ErrorText& find_error(cudaError_t error) {
  return *std::find_if(std::begin(kErrors), std::end(kErrors) - 1,
                       [error](const ErrorText& e) { return e.error == error; });
}

thread_local cudaError_t last_error = cudaSuccess;
thread_local std::string fault_text;

class Allocations {
 public:
  explicit Allocations(const MemorySource& source) : source_(source) {}

  // Null where fewer than `bytes` of `most` are left.
  void* allocate(size_t bytes, size_t most) {
    const std::scoped_lock lock(mutex_);
    if (bytes > most - used_) return nullptr;
    const DeviceAccess access;
    auto memory = std::make_unique<GuardedMemory>(bytes, source_);
    char* p = memory->data();
    blocks_[p] = std::move(memory);
    used_ += bytes;
    return p;
  }
  bool release(void* p) {
    const std::scoped_lock lock(mutex_);
    const auto block = blocks_.find(static_cast<char*>(p));
    if (block == blocks_.end()) return false;
    used_ -= block->second->size();
    blocks_.erase(block);
    return true;
  }
  // Memory that begins in one of these allocations must end there.
  bool fits(const void* p, size_t bytes) {
    const std::scoped_lock lock(mutex_);
    auto block = blocks_.upper_bound(static_cast<char*>(const_cast<void*>(p)));
    if (block == blocks_.begin()) return true;
    const auto& [begin, memory] = *--block;
    const auto offset = static_cast<size_t>(static_cast<const char*>(p) - begin);
    return offset >= memory->size() || bytes <= memory->size() - offset;
  }
  int64_t find_broken() {
    const std::scoped_lock lock(mutex_);
    for (const auto& [p, memory] : blocks_) {
      if (!memory->intact()) return static_cast<int64_t>(memory->size());
    }
    return -1;
  }
  size_t used() {
    const std::scoped_lock lock(mutex_);
    return used_;
  }

 private:
  const MemorySource& source_;
  std::mutex mutex_;
  std::map<char*, std::unique_ptr<GuardedMemory>> blocks_;
  size_t used_ = 0;
};
constexpr MemorySource kDevicePages{allocate_pages, release_pages};
Allocations device_memory(kDevicePages), pinned_memory(kHostMemory);

cudaError_t allocate(Allocations& from, void** p, size_t bytes) {
  *p = nullptr;
  if (is_capturing()) return report(cudaErrorStreamCaptureUnsupported);
  if (bytes == 0) return cudaSuccess;
  ++counted_calls().allocations;
  *p = from.allocate(bytes, kDeviceBytes);
  return report(*p == nullptr ? cudaErrorMemoryAllocation : cudaSuccess);
}

// Waits for all work, as CUDA does; whoever asks for its outcome learns it.
cudaError_t release(Allocations& from, void* p) {
  if (is_capturing()) return report(cudaErrorStreamCaptureUnsupported);
  finish_all_quietly();
  return report(p == nullptr || from.release(p) ? cudaSuccess : cudaErrorInvalidValue);
}

}  // namespace

RuntimeCalls& counted_calls() {
  static RuntimeCalls calls;
  return calls;
}
RuntimeCalls runtime_calls() { return counted_calls(); }

cudaError_t report(cudaError_t error) {
  if (error != cudaSuccess) last_error = error;
  return error;
}
cudaError_t report(cudaError_t error, const std::string& text) {
  fault_text = text;
  return report(error);
}
int64_t find_broken_allocation() {
  return std::max(device_memory.find_broken(), pinned_memory.find_broken());
}
bool is_whole(const void* p, size_t bytes) {
  return device_memory.fits(p, bytes) && pinned_memory.fits(p, bytes);
}

}  // namespace hotrow::cuda_on_host

using namespace hotrow::cuda_on_host;

const char* cudaGetErrorName(cudaError_t error) { return find_error(error).name; }
const char* cudaGetErrorString(cudaError_t error) {
  const bool kernel = error == cudaErrorLaunchFailure || error == cudaErrorIllegalAddress;
  return kernel && !fault_text.empty() ? fault_text.c_str() : find_error(error).text;
}
cudaError_t cudaGetLastError() { return std::exchange(last_error, cudaSuccess); }
cudaError_t cudaPeekAtLastError() { return last_error; }

cudaError_t cudaGetDeviceCount(int* count) {
  *count = 1;
  return cudaSuccess;
}
cudaError_t cudaGetDevice(int* device) {
  *device = 0;
  return cudaSuccess;
}
cudaError_t cudaSetDevice(int device) {
  return report(device == 0 ? cudaSuccess : cudaErrorInvalidDevice);
}
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device) {
  if (device != 0) return report(cudaErrorInvalidDevice);
  *properties = {.name = "CUDA on host",
                 .totalGlobalMem = kDeviceBytes,
                 .sharedMemPerBlockOptin = kSharedBytes,
                 .major = 9,
                 .minor = 0,
                 .multiProcessorCount = 4,
                 .l2CacheSize = 1 << 20};
  return cudaSuccess;
}
cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int device) {
  cudaDeviceProp properties;
  if (const cudaError_t error = cudaGetDeviceProperties(&properties, device)) return error;
  switch (attribute) {
    case cudaDevAttrMultiProcessorCount:
      *value = properties.multiProcessorCount;
      return cudaSuccess;
    case cudaDevAttrL2CacheSize:
      *value = properties.l2CacheSize;
      return cudaSuccess;
    case cudaDevAttrComputeCapabilityMajor:
      *value = properties.major;
      return cudaSuccess;
    case cudaDevAttrComputeCapabilityMinor:
      *value = properties.minor;
      return cudaSuccess;
    case cudaDevAttrMaxSharedMemoryPerBlockOptin:
      *value = static_cast<int>(properties.sharedMemPerBlockOptin);
      return cudaSuccess;
  }
  return report(cudaErrorInvalidValue);
}
cudaError_t cudaDeviceSynchronize() {
  return is_capturing() ? report(cudaErrorStreamCaptureUnsupported) : finish_all();
}
cudaError_t cudaMemGetInfo(size_t* free, size_t* total) {
  *total = kDeviceBytes;
  *free = kDeviceBytes - device_memory.used();
  return cudaSuccess;
}

cudaError_t cudaMalloc(void** p, size_t bytes) { return allocate(device_memory, p, bytes); }
cudaError_t cudaFree(void* p) { return release(device_memory, p); }
cudaError_t cudaMallocHost(void** p, size_t bytes) { return allocate(pinned_memory, p, bytes); }
cudaError_t cudaFreeHost(void* p) { return release(pinned_memory, p); }

cudaError_t cudaMemcpy(void* to, const void* from, size_t bytes, cudaMemcpyKind) {
  if (is_capturing()) return report(cudaErrorStreamCaptureImplicit);
  if (!is_whole(to, bytes) || !is_whole(from, bytes)) return report(cudaErrorInvalidValue);
  const DeviceAccess access;
  if (bytes > 0) std::memcpy(to, from, bytes);
  return cudaSuccess;
}
cudaError_t cudaMemset(void* p, int value, size_t bytes) {
  if (is_capturing()) return report(cudaErrorStreamCaptureImplicit);
  if (!is_whole(p, bytes)) return report(cudaErrorInvalidValue);
  const DeviceAccess access;
  if (bytes > 0) std::memset(p, value, bytes);
  return cudaSuccess;
}
