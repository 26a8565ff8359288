// DeviceVector<T>: device memory that comes from a std::vector and goes back into one. Kernels get
// data(); on cuda_on_host it lies between guard zones. TestStream: a stream.
#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <type_traits>
#include <utility>
#include <vector>

#include "kernels/core/launch.cuh"

namespace hotrow::test {

template <class T>
class DeviceVector {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  // All bytes 0xFF: NaN as floats, -1 as integers.
  explicit DeviceVector(size_t size = 0) : size_(size) {
    check_cuda(cudaMalloc(&data_, bytes()), "DeviceVector", "cudaMalloc");
    if (size_ > 0) check_cuda(cudaMemset(data_, 0xFF, bytes()), "DeviceVector", "cudaMemset");
  }
  DeviceVector(const std::vector<T>& values) : DeviceVector(values.size()) { set(values); }
  ~DeviceVector() { static_cast<void>(cudaFree(data_)); }
  DeviceVector(DeviceVector&& other) noexcept { swap(other); }
  DeviceVector& operator=(DeviceVector&& other) noexcept {
    swap(other);
    return *this;
  }

  T* data() { return data_; }
  const T* data() const { return data_; }
  size_t size() const { return size_; }

  // As many values as there is room for.
  void set(const std::vector<T>& values) {
    require(values.size() == size_, "[DeviceVector] wrong number of values: got {}, expected {}",
            values.size(), size_);
    if (size_ == 0) return;
    check_cuda(cudaMemcpy(data_, values.data(), bytes(), cudaMemcpyHostToDevice), "DeviceVector",
               "cudaMemcpy");
  }
  // Waits for all work of the device.
  std::vector<T> get() const {
    check_cuda(cudaDeviceSynchronize(), "DeviceVector", "cudaDeviceSynchronize");
    std::vector<T> values(size_);
    if (size_ == 0) return values;
    check_cuda(cudaMemcpy(values.data(), data_, bytes(), cudaMemcpyDeviceToHost), "DeviceVector",
               "cudaMemcpy");
    return values;
  }

 private:
  void swap(DeviceVector& other) {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
  }
  size_t bytes() const { return size_ * sizeof(T); }

  T* data_ = nullptr;
  size_t size_ = 0;
};

class TestStream {
 public:
  TestStream() {
    check_cuda(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "TestStream", "create");
    check_cuda(cudaEventCreateWithFlags(&event_, cudaEventDisableTiming), "TestStream", "create");
  }
  ~TestStream() {
    static_cast<void>(cudaEventDestroy(event_));
    static_cast<void>(cudaStreamDestroy(stream_));
  }
  TestStream(const TestStream&) = delete;
  TestStream& operator=(const TestStream&) = delete;

  CudaStream stream() const { return {stream_}; }
  // What comes in this stream waits for what is in the other one.
  void wait_for(const TestStream& other) const {
    check_cuda(cudaEventRecord(other.event_, other.stream_), "TestStream", "cudaEventRecord");
    check_cuda(cudaStreamWaitEvent(stream_, other.event_, 0), "TestStream", "cudaStreamWaitEvent");
  }

 private:
  cudaStream_t stream_ = nullptr;
  cudaEvent_t event_ = nullptr;
};

}  // namespace hotrow::test
