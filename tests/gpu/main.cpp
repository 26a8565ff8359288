// Runs tests on a GPU. Where there is none it says how many did not run, and exits with 77, which
// ctest counts as skipped.
#include <cuda_runtime.h>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/support/cuda_on_host/cuda_on_host.h"

// A GPU has an order of its own.
void hotrow::cuda_on_host::set_schedule_seed(uint64_t) {}

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  int devices = 0;
  const cudaError_t error = cudaGetDeviceCount(&devices);
  if (error == cudaSuccess && devices > 0) return RUN_ALL_TESTS();
  fmt::print("skipped: {} tests for a GPU, there is none ({})\n",
             testing::UnitTest::GetInstance()->total_test_count(), cudaGetErrorString(error));
  return 77;
}
