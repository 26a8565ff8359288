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

TEST(CudaTrainer, ReturnsWhenTheLastUpdateIsDone) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    cuda_on_host::set_schedule_seed(seed);
    Dlrm model(trainer_config(), Mode::kTrain, UpdateKind::kSgd, Device::kCuda);
    NumpyRandom stream(1);
    model.initialise(stream, InitOrder::kDefault);
    FakeReader reader(4);
    TrainerConfig config;
    config.plan.device = Device::kCuda;
    std::FILE* out = std::tmpfile();
    Report report({.out = out, .json_log = {}, .now = {}});
    const std::atomic<bool> stop{false};
    Trainer trainer(model, config, reader, nullptr, report, stop);
    trainer.train();
    for (const Dlrm::Named& p : model.named_parameters()) {
      const std::vector<float> now = rows_now(p);
      EXPECT_EQ(now, p.floats()) << p.name << ", seed " << seed;
    }
    std::fclose(out);
  }
}

}  // namespace
}  // namespace hotrow::test
