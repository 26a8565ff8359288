// The main function of tests that need a GPU: where there is none, it says how many did not run and
// exits with 77, which ctest counts as skipped.
#include <cuda_runtime.h>
#include <fmt/format.h>
#include <gtest/gtest.h>

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  int devices = 0;
  const cudaError_t error = cudaGetDeviceCount(&devices);
  if (error == cudaSuccess && devices > 0) return RUN_ALL_TESTS();
  fmt::print("skipped: {} tests for a GPU, there is none ({})\n",
             testing::UnitTest::GetInstance()->total_test_count(),
             error == cudaSuccess ? "no device" : cudaGetErrorString(error));
  return 77;
}
