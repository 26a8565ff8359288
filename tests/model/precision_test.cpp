// Which numbers of a model bf16 rounds: the weights of every layer, forwards and backwards, and
// what the layers read; not their biases.
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "tests/reference/bf16_ref.h"
#include "tests/support/dlrm_harness.h"

namespace hotrow::test {
namespace {

// With projections, which are layers too.
DlrmConfig config(Precision precision) {
  DlrmConfig c;
  c.table_rows = {31, 3, 5, 257};
  c.dim = 8;
  c.bottom = {5, 17, 8};
  c.top = {16, 1};
  c.mixed_dimensions = MixedDimensionConfig{.threshold = 4};
  c.loss.kind = LossKind::kBce;
  c.precision = precision;
  return c;
}

void round(std::vector<float>& values) {
  for (float& v : values) v = static_cast<float>(reference::round_to_bf16(v));
}

struct Outcome {
  std::vector<float> predictions;
  std::map<std::string, std::vector<float>> gradients;
  bool operator==(const Outcome&) const = default;
};

// A step on a model whose parameter of this name, if any, is rounded before.
Outcome step(Precision precision, const std::string& rounded, bool round_dense = false) {
  DlrmHarness engine(config(precision), {.batch = 13, .max_ids = 60, .plan = {}, .step = {}});
  NumpyRandom stream(1);
  engine.model().initialise(stream, InitOrder::kDefault);
  if (!rounded.empty()) {
    std::vector<float> values = engine.values().at(rounded);
    round(values);
    engine.set(rounded, values);
  }
  Batch batch = random_batch(config(precision), 13, 4, 2);
  if (round_dense) round(batch.dense);
  Outcome outcome;
  outcome.gradients = engine.gradients_by_sgd(batch);
  outcome.predictions = engine.predictions();
  return outcome;
}

std::vector<std::string> layer_parameters(const std::string& suffix) {
  Dlrm model(config(Precision::kFloat32), Mode::kTrain, UpdateKind::kSgd);
  std::vector<std::string> names;
  for (const Parameters::Parameter& p : model.parameters().list()) {
    if (p.name.ends_with(suffix)) names.push_back(p.name);
  }
  return names;
}

TEST(Precision, Bf16RoundsTheWeightsOfEveryLayer) {
  const Outcome bf16 = step(Precision::kBfloat16, ""), fp32 = step(Precision::kFloat32, "");
  const std::vector<std::string> names = layer_parameters("weight");
  EXPECT_EQ(names.size(), 4u + 3u) << "two layers a side, three projections";
  for (const std::string& name : names) {
    EXPECT_TRUE(step(Precision::kBfloat16, name) == bf16) << name;
    EXPECT_FALSE(step(Precision::kFloat32, name) == fp32) << name;
  }
}

TEST(Precision, Bf16RoundsWhatTheFirstLayerReads) {
  EXPECT_TRUE(step(Precision::kBfloat16, "", true) == step(Precision::kBfloat16, ""));
  EXPECT_FALSE(step(Precision::kFloat32, "", true) == step(Precision::kFloat32, ""));
}

TEST(Precision, Bf16KeepsBiases) {
  const Outcome bf16 = step(Precision::kBfloat16, "");
  for (const std::string& name : layer_parameters("bias")) {
    EXPECT_FALSE(step(Precision::kBfloat16, name) == bf16) << name;
  }
}

TEST(Precision, Bf16IsNearFp32) {
  const Outcome bf16 = step(Precision::kBfloat16, ""), fp32 = step(Precision::kFloat32, "");
  EXPECT_NE(bf16.predictions, fp32.predictions);
  for (size_t i = 0; i < fp32.predictions.size(); ++i) {
    EXPECT_TRUE(std::abs(bf16.predictions[i] - fp32.predictions[i]) < 0.01) << i;
  }
}

}  // namespace
}  // namespace hotrow::test
