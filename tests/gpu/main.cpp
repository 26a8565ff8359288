// Runs tests on a GPU. Where there is none it says how many did not run, and exits with kSkipped.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/gpu/find_gpu.h"
#include "tests/support/cuda_on_host/cuda_on_host.h"

// A GPU has an order of its own.
void hotrow::cuda_on_host::set_schedule_seed(uint64_t) {}

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  const std::string why = hotrow::test::why_no_gpu();
  if (why.empty()) return RUN_ALL_TESTS();
  fmt::print("skipped: {} tests for a GPU, there is none ({})\n",
             testing::UnitTest::GetInstance()->total_test_count(), why);
  return hotrow::test::kSkipped;
}
