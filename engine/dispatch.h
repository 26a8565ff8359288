// The only place where a backend, or the width of an id, is chosen at run time.
#pragma once

#include <cstdint>
#include <utility>

#include "engine/device.h"
#include "engine/tensor.h"
#include "kernels/core/check.h"
#include "kernels/core/stream.h"

namespace hotrow {

// Calls body(s) with s of the stream type of the device; the overload of a kernel follows from it.
template <class Body>
void dispatch(const DeviceStream& stream, Body&& body) {
  switch (stream.device()) {
    case Device::kCpu:
      return body(CpuStream{});
    case Device::kCuda:
      return body(CudaStream{stream.native()});
  }
}

// Calls body(Id{}) with Id = int32_t or int64_t.
template <class Body>
void dispatch_ids(DType dtype, Body&& body) {
  switch (dtype) {
    case DType::kInt32:
      return body(int32_t{});
    case DType::kInt64:
      return body(int64_t{});
    case DType::kFloat32:
      throw InvalidArgument("[dispatch] wrong type for ids: got float32, expected int32 or int64");
  }
}

}  // namespace hotrow
