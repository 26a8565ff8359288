// Training on a GPU, as far as it differs from training on the CPU.
#include <cuda_runtime.h>
#include <gtest/gtest.h>

#include <vector>

#include "tests/model/trainer_fixture.h"
#include "tests/support/cuda_on_host/cuda_on_host.h"

namespace hotrow::test {
namespace {

// What a table holds at this moment: this copy waits for no stream.
std::vector<float> rows_now(const Dlrm::Named& table) {
  std::vector<float> rows(static_cast<size_t>(table.value.size()));
  EXPECT_EQ(cudaMemcpy(rows.data(), table.value.data, rows.size() * sizeof(float),
                       cudaMemcpyDeviceToHost),
            cudaSuccess);
  return rows;
}

class CudaTrainer : public TrainerTest {
 protected:
  CudaTrainer() : TrainerTest(Device::kCuda) {}
  ~CudaTrainer() override { cuda_on_host::set_graphs_refused(false); }
};

TEST_F(CudaTrainer, ReturnsWhenTheLastUpdateIsDone) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    cuda_on_host::set_schedule_seed(seed);
    FakeReader reader(4);
    train(reader);
    for (const Dlrm::Named& p : model_.named_parameters()) {
      const std::vector<float> now = rows_now(p);
      EXPECT_EQ(now, p.floats()) << p.name << ", seed " << seed;
    }
  }
}

TEST_F(CudaTrainer, TellsOfHostAndGpuAsOne) {
  FakeReader reader(4);
  train(reader);
  EXPECT_TRUE(seconds_.on_gpu);
  EXPECT_GT(seconds_.step(), 0);
}

TEST_F(CudaTrainer, SaysOnceThatThereAreNoGraphs) {
  FakeReader reader(6), test(4);
  config_.test_freq = 5;
  train(reader, &test);
  const std::vector<float> want = parameters();
  EXPECT_EQ(count(output(), "No CUDA graphs"), 0);

  initialise();
  cuda_on_host::set_graphs_refused(true);
  train(reader, &test);
  EXPECT_EQ(parameters(), want);
  EXPECT_EQ(count(output(),
                  "No CUDA graphs, steps are queued call by call: [device] cudaGraphInstantiate"),
            1);
}

}  // namespace
}  // namespace hotrow::test
