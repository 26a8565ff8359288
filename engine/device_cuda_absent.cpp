// Stands in for device_cuda.cpp where the build has no CUDA.
#include "engine/device.h"
#include "kernels/core/check.h"

namespace hotrow {

const DeviceDriver& cuda_driver() {
  throw DeviceError(
      "[device] this build has no GPU backend: got device cuda, expected cpu (install CUDA 12.0 or "
      "newer with nvcc and cuBLAS, then configure with -DHOTROW_CUDA=ON)");
}

}  // namespace hotrow
