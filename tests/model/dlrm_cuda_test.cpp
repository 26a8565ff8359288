// A model on a GPU, from its first values to its predictions.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "kernels/core/check.h"
#include "model/dlrm_step.h"
#include "tests/support/cuda_on_host/cuda_on_host.h"
#include "tests/support/dlrm_harness.h"
#include "tests/support/expect_throws.h"

namespace hotrow::test {
namespace {

constexpr int64_t kBatch = 20;
constexpr int64_t kMaxIdsPerBag = 3;
constexpr StepOptions kExact{.strict_fp32 = true};

DlrmConfig config() {
  DlrmConfig c = small_config();
  c.table_rows = {31, 1, 5, 57};
  return c;
}

std::vector<float> all_values(Dlrm& model) {
  std::vector<float> all;
  for (const Dlrm::Named& p : model.named_parameters()) {
    const std::vector<float> values = p.floats();
    all.insert(all.end(), values.begin(), values.end());
  }
  return all;
}

struct Trained {
  std::vector<float> losses, values;
};

Trained train(const DlrmConfig& c, Device device, int64_t mini_batches = 1) {
  Dlrm model(c, Mode::kTrain, UpdateKind::kAdagrad, device);
  NumpyRandom stream(3);
  model.initialise(stream, InitOrder::kDefault);
  DlrmStep step(model, batch_shape(config(), kMaxIdsPerBag), kBatch, {.device = device}, kExact,
                mini_batches);
  Trained result;
  for (uint32_t i = 0; i < 6; ++i) {
    std::vector<Batch> group;
    for (uint32_t m = 0; m < mini_batches; ++m) {
      const bool short_one = i == 2 && m + 1 == mini_batches;
      group.push_back(random_batch(c, short_one ? 7 : kBatch, kMaxIdsPerBag, 10 * i + m));
    }
    step.feed(group);
    step.forward();
    for (float loss : step.losses()) result.losses.push_back(loss);
    step.backward({.kind = UpdateKind::kAdagrad, .learning_rate = 0.1});
  }
  result.values = all_values(model);
  return result;
}

void expect_near(const std::vector<float>& got, const std::vector<float>& want) {
  ASSERT_EQ(got.size(), want.size());
  for (size_t i = 0; i < got.size(); ++i)
    EXPECT_TRUE(std::abs(got[i] - want[i]) <= 2e-5f * (1 + std::abs(want[i])))
        << i << ": " << got[i] << ", expected " << want[i];
}

TEST(CudaDlrm, StartsFromTheBitsOfTheCpu) {
  DlrmConfig split = config(), pooled = config(), mixed = config();
  split.qr = QrConfig{.threshold = 20, .collisions = 4, .operation = QrOperation::kMultiply};
  split.table_type = TableType::kSplitBf16;
  pooled.weighted_pooling = WeightedPooling::kLearned;
  pooled.table_type = TableType::kFp16;
  mixed.mixed_dimensions = MixedDimensionConfig{.threshold = 20};
  for (const DlrmConfig& c : {config(), split, pooled, mixed}) {
    for (InitOrder order : {InitOrder::kDefault, InitOrder::kReadme}) {
      std::vector<std::vector<float>> values;
      for (Device device : {Device::kCpu, Device::kCuda}) {
        Dlrm model(c, Mode::kTrain, UpdateKind::kSgd, device);
        NumpyRandom stream(3);
        model.initialise(stream, order);
        values.push_back(all_values(model));
      }
      EXPECT_EQ(values[0], values[1]);
    }
  }
}

TEST(CudaDlrm, TrainsAsOnTheCpu) {
  DlrmConfig split = config(), pooled = config(), mixed = config();
  split.qr = QrConfig{.threshold = 20, .collisions = 4, .operation = QrOperation::kAdd};
  split.interaction = Interaction::kCat;
  pooled.weighted_pooling = WeightedPooling::kLearned;
  mixed.mixed_dimensions = MixedDimensionConfig{.threshold = 20};
  for (const DlrmConfig& c : {config(), split, pooled, mixed}) {
    const Trained cpu = train(c, Device::kCpu), gpu = train(c, Device::kCuda);
    expect_near(gpu.losses, cpu.losses);
    expect_near(gpu.values, cpu.values);
  }
}

TEST(CudaDlrm, AddsUpMiniBatchesAsOnTheCpu) {
  const Trained cpu = train(config(), Device::kCpu, 3), gpu = train(config(), Device::kCuda, 3);
  expect_near(gpu.losses, cpu.losses);
  expect_near(gpu.values, cpu.values);
}

// The words of the CPU, and nothing has changed.
TEST(CudaDlrm, RefusesBadInputAndGoesOn) {
  Dlrm model(config(), Mode::kTrain, UpdateKind::kSgd, Device::kCuda);
  NumpyRandom stream(3);
  model.initialise(stream, InitOrder::kDefault);
  DlrmStep step(model, batch_shape(config(), kMaxIdsPerBag), kBatch, {.device = Device::kCuda},
                kExact);
  const auto run = [&](const Batch& batch) {
    step.feed(batch);
    step.forward();
    const float loss = step.losses()[0];
    step.backward({.learning_rate = 0.1});
    return loss;
  };
  Batch good = random_batch(config(), kBatch, kMaxIdsPerBag, 1);
  good.source = "day_0.gz";
  for (int i = 0; i < 3; ++i) run(good);  // by now from graphs
  const std::vector<float> before = all_values(model);

  Batch bad = good;
  bad.sparse[2].ids[0] = 5;
  EXPECT_THROWS(DataError, "id beyond table 2 (C): got 5, expected 0 to 4", step.feed(bad));
  bad = good;
  bad.dense[7] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THROWS(DataError, "day_0.gz:2: dense value 3 is not a number to train on: got nan",
                step.feed(bad));
  bad = good;
  bad.sparse[1].offsets[3] = -1;
  EXPECT_THROWS(InvalidArgument, "[step] offsets of 'table 1.ids' do not fit: got a fall at 3",
                step.feed(bad));
  EXPECT_EQ(all_values(model), before);
  EXPECT_TRUE(std::isfinite(run(good)));
  EXPECT_NE(all_values(model), before);
}

TEST(CudaDlrm, ServesWhatItHasLearned) {
  Dlrm model(config(), Mode::kTrain, UpdateKind::kSgd, Device::kCuda);
  NumpyRandom stream(3);
  model.initialise(stream, InitOrder::kDefault);
  DlrmStep train(model, batch_shape(config(), kMaxIdsPerBag), kBatch, {.device = Device::kCuda},
                 kExact);
  DlrmStep serve(model, batch_shape(config(), kMaxIdsPerBag), kBatch,
                 {.mode = Mode::kServe, .device = Device::kCuda}, kExact);
  for (uint32_t i = 0; i < 4; ++i) {
    const Batch batch = random_batch(config(), i == 2 ? 3 : kBatch, kMaxIdsPerBag, i);
    for (DlrmStep* step : {&train, &serve}) {
      step->feed(batch);
      step->forward();
    }
    const auto a = train.predictions(), b = serve.predictions();
    EXPECT_EQ(std::vector<float>(a.begin(), a.end()), std::vector<float>(b.begin(), b.end()));
    train.backward({.learning_rate = 0.5});
  }
}

}  // namespace
}  // namespace hotrow::test
