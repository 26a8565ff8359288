// A model on a GPU, from its first values to its predictions.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "engine/device_rows.h"
#include "kernels/embedding_update.h"
#include "model/dlrm_step.h"
#include "tests/support/dlrm_harness.h"
#include "tests/support/expect_near.h"

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

Trained train(const DlrmConfig& c, Device device, int64_t mini_batches = 1,
              UpdateKind kind = UpdateKind::kAdagrad) {
  Dlrm model(c, Mode::kTrain, kind, device);
  NumpyRandom stream(3);
  model.initialise(stream, InitOrder::kDefault);
  DlrmStep step(model, batch_shape(c, kMaxIdsPerBag), kBatch, {.device = device}, kExact,
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
    step.backward({.kind = kind, .learning_rate = 0.1});
  }
  result.values = all_values(model);
  return result;
}

constexpr float kNear = 2e-5f;  // sums run in other orders

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
    expect_near(gpu.losses, cpu.losses, kNear);
    expect_near(gpu.values, cpu.values, kNear);
  }
}

TEST(CudaDlrm, AddsUpMiniBatchesAsOnTheCpu) {
  const Trained cpu = train(config(), Device::kCpu, 3), gpu = train(config(), Device::kCuda, 3);
  expect_near(gpu.losses, cpu.losses, kNear);
  expect_near(gpu.values, cpu.values, kNear);
}

// Every kind of bad input that a batch can hold.
std::vector<Batch> bad_batches(const Batch& good) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  std::vector<Batch> all;
  const auto with = [&](const auto& spoil) { spoil(all.emplace_back(good)); };
  for (int64_t id : {int64_t{5}, int64_t{-1}, int64_t{1} << 32, int64_t{-1} << 40})
    with([&](Batch& b) { b.sparse[2].ids.back() = id; });
  for (float x : {kNan, kInfinity, -kInfinity}) {
    with([&](Batch& b) { b.dense[7] = x; });
    with([&](Batch& b) { b.labels[kBatch - 1] = x; });
  }
  for (int64_t offset : {int64_t{-1}, int64_t{1} << 33})
    with([&](Batch& b) { b.sparse[1].offsets[3] = offset; });
  with([](Batch& b) { b.sparse[0].offsets.front() = 1; });
  with([](Batch& b) { b.sparse[0].offsets.back() += 1; });
  with([](Batch& b) { b.sparse[3].offsets.pop_back(); });
  with([](Batch& b) { b.sparse[0].ids.resize(kBatch * kMaxIdsPerBag + 1); });
  with([](Batch& b) { b.sparse.pop_back(); });
  with([](Batch& b) { b.dense.pop_back(); });
  with([](Batch& b) { b.labels.push_back(0); });
  with([](Batch& b) { ++b.rows; });
  return all;
}

// What is refused, and with which words; what is not has its loss.
class Refusals {
 public:
  Refusals(Device device, UpdateKind kind)
      : kind_(kind), model_(split_config(), Mode::kTrain, kind, device) {
    NumpyRandom stream(3);
    model_.initialise(stream, InitOrder::kDefault);
    step_.emplace(model_, batch_shape(config(), kMaxIdsPerBag), kBatch,
                  PlanOptions{.device = device}, kExact);
  }
  static DlrmConfig split_config() {
    DlrmConfig c = config();
    c.table_type = TableType::kSplitBf16;
    return c;
  }
  std::string run(const Batch& batch) {
    try {
      step_->feed(batch);
      step_->forward();
      step_->backward({.kind = kind_, .learning_rate = 0.1});
    } catch (const std::exception& error) {
      return error.what();
    }
    return "no error";
  }
  // What is learned, the optimizer's state of the tables, and what the model says of the batch.
  std::vector<float> state() {
    std::vector<float> all = all_values(model_);
    for (const auto& table : model_.embeddings().tables()) {
      const int64_t floats = embedding_state_size(kind_, table->rows(), table->dim());
      const std::vector<float> own =
          read_rows({table->state(), {floats, 1}}, model_.parameters().stream());
      all.insert(all.end(), own.begin(), own.end());
    }
    return all;
  }

 private:
  UpdateKind kind_;
  Dlrm model_;
  std::optional<DlrmStep> step_;
};

// The words of the CPU, and no byte of the tables or their state has changed, also where full
// batches replay graphs by now.
TEST(CudaDlrm, RefusesBadInputAndGoesOn) {
  Batch good = random_batch(config(), kBatch, kMaxIdsPerBag, 1);
  good.source = "day_0.gz";
  for (UpdateKind kind : {UpdateKind::kSgd, UpdateKind::kAdam}) {
    Refusals cpu(Device::kCpu, kind), gpu(Device::kCuda, kind), undisturbed(Device::kCuda, kind);
    for (int i = 0; i < 3; ++i) {
      for (Refusals* each : {&cpu, &gpu, &undisturbed}) ASSERT_EQ(each->run(good), "no error");
    }
    const std::vector<float> before = gpu.state();
    for (const Batch& bad : bad_batches(good)) {
      const std::string text = gpu.run(bad);
      EXPECT_NE(text, "no error");
      EXPECT_EQ(text, cpu.run(bad));
      EXPECT_EQ(gpu.state(), before) << text;
    }
    for (Refusals* each : {&gpu, &undisturbed}) EXPECT_EQ(each->run(good), "no error");
    EXPECT_NE(gpu.state(), before);
    EXPECT_EQ(gpu.state(), undisturbed.state());
  }
}

// Sizes at which the fixed ones of other programs end: 32 tables, 128 columns.
TEST(CudaDlrm, HasNoLimitOnTablesFeaturesAndColumns) {
  struct Sizes {
    int tables;
    int64_t dim;
  };
  for (const auto& [tables, dim] : {Sizes{100, 3}, Sizes{69, 4}, Sizes{2, 512}, Sizes{3, 600}}) {
    DlrmConfig c = config();
    c.table_rows.clear();
    for (int t = 0; t < tables; ++t) c.table_rows.push_back(1 + 7 * t % 29);
    c.dim = dim;
    c.bottom = {5, dim};
    // Adagrad's first step would make much of gradients that are all but 0.
    const Trained cpu = train(c, Device::kCpu, 1, UpdateKind::kSgd);
    const Trained gpu = train(c, Device::kCuda, 1, UpdateKind::kSgd);
    SCOPED_TRACE(tables);
    expect_near(gpu.losses, cpu.losses, kNear);
    expect_near(gpu.values, cpu.values, kNear);
  }
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
