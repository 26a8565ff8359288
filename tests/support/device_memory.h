// DeviceVector<T>: device memory that comes from a std::vector and goes back into one. Kernels get
// data(); on cuda_on_host it is the host's memory, between guard zones.
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

}  // namespace hotrow::test
