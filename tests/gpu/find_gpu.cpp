#include "tests/gpu/find_gpu.h"

#include <cuda_runtime.h>

namespace hotrow::test {

std::string why_no_gpu() {
  int devices = 0;
  const cudaError_t error = cudaGetDeviceCount(&devices);
  if (error != cudaSuccess) return cudaGetErrorString(error);
  return devices > 0 ? "" : "CUDA counts none";
}

}  // namespace hotrow::test
