// Which tables a model gets, under which names, and how they are initialised. That the features are
// right is what golden_steps_test and gradients_test show.
#include "model/embeddings.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "model/dlrm.h"

namespace hotrow::test {
namespace {

DlrmConfig base() {
  DlrmConfig c;
  c.table_rows = {10, 301, 200};
  c.dim = 4;
  c.bottom = {3, 4};
  c.top = {5, 1};
  return c;
}

std::vector<std::string> names(Dlrm& model) {
  std::vector<std::string> all;
  for (const Dlrm::Named& p : model.named_parameters()) all.push_back(p.name);
  return all;
}

const std::vector<std::string> kMlps{"bot_l.0.weight", "bot_l.0.bias",   "top_l.0.weight",
                                     "top_l.0.bias",   "top_l.2.weight", "top_l.2.bias"};

void expect_names(Dlrm& model, std::vector<std::string> tables) {
  tables.insert(tables.end(), kMlps.begin(), kMlps.end());
  EXPECT_EQ(names(model), tables);
}

TEST(Embeddings, Plain) {
  Dlrm model(base(), Mode::kTrain, UpdateKind::kSgd);
  expect_names(model, {"emb_l.0.weight", "emb_l.1.weight", "emb_l.2.weight"});
  EXPECT_EQ(model.embeddings().tables()[1]->rows(), 301);
  EXPECT_EQ(model.embeddings().tables()[1]->dim(), 4);
}

TEST(Embeddings, QuotientRemainderAboveTheThresholdOnly) {
  DlrmConfig c = base();
  c.qr = QrConfig{.threshold = 200, .collisions = 4};
  Dlrm model(c, Mode::kTrain, UpdateKind::kSgd);
  expect_names(model, {"emb_l.0.weight", "emb_l.1.weight_q", "emb_l.1.weight_r", "emb_l.2.weight"});
  EXPECT_EQ(model.embeddings().tables()[1]->rows(), 76);  // ceil(301 / 4)
  EXPECT_EQ(model.embeddings().tables()[2]->rows(), 4);
}

TEST(Embeddings, MixedDimensionsAboveTheThresholdOnly) {
  DlrmConfig c = base();
  c.mixed_dimensions = MixedDimensionConfig{.threshold = 200, .temperature = 0.3};
  Dlrm model(c, Mode::kTrain, UpdateKind::kSgd);
  expect_names(model,
               {"emb_l.0.weight", "emb_l.1.embs.weight", "emb_l.1.proj.weight", "emb_l.2.weight"});
  EXPECT_EQ(model.embeddings().tables()[1]->dim(), 1);  // 4 (10 / 301)^0.3 = 1.44
  EXPECT_EQ(model.embeddings().tables()[2]->dim(), 4);
}

TEST(Embeddings, WeightedPooling) {
  DlrmConfig c = base();
  c.weighted_pooling = WeightedPooling::kFixed;
  Dlrm fixed(c, Mode::kTrain, UpdateKind::kAdagrad);
  expect_names(fixed, {"emb_l.0.weight", "emb_l.1.weight", "emb_l.2.weight"});
  c.weighted_pooling = WeightedPooling::kLearned;
  Dlrm learned(c, Mode::kTrain, UpdateKind::kAdagrad);
  expect_names(learned, {"emb_l.0.weight", "emb_l.1.weight", "emb_l.2.weight", "v_W_l.0", "v_W_l.1",
                         "v_W_l.2"});
  NumpyRandom stream(1);
  learned.initialise(stream, InitOrder::kDefault);
  const Table& weights = *learned.embeddings().tables()[4];
  EXPECT_EQ(weights.rows(), 301);
  for (int64_t i = 0; i < weights.rows(); ++i) EXPECT_EQ(weights.weights().data[i], 1.0f);
}

TEST(Embeddings, MemoryIsThatOfTheTables) {
  Dlrm model(base(), Mode::kTrain, UpdateKind::kAdam);
  const std::vector<MemoryUse> memory = model.memory();
  EXPECT_GE(memory[0].bytes, size_t{511 * 4 * 4});
  EXPECT_LT(memory[0].bytes, size_t{511 * 4 * 4 + 3 * 4096});
  EXPECT_GE(memory[1].bytes, size_t{2 * 511 * 4 * 4});
  Dlrm serving(base(), Mode::kServe, UpdateKind::kAdam);
  EXPECT_EQ(serving.memory()[1].bytes, 0u);
}

// Every value of a table is inside its bound, and they spread over all of it; of MLPs the deviation
// is right.
TEST(Embeddings, Initialisation) {
  for (const bool qr : {false, true}) {
    DlrmConfig c = base();
    c.table_rows = {1000, 5000};
    if (qr) c.qr = QrConfig{.threshold = 2000, .collisions = 10};
    Dlrm model(c, Mode::kTrain, UpdateKind::kSgd);
    NumpyRandom stream(3);
    model.initialise(stream, InitOrder::kDefault);
    for (const auto& table : model.embeddings().tables()) {
      const double bound = std::sqrt(1.0 / (table->name().starts_with("emb_l.0") ? 1000 : 5000));
      const Matrix m = table->weights();
      double low = 0, high = 0;
      for (int64_t i = 0; i < m.size(); ++i) {
        low = std::min<double>(low, m.data[i]), high = std::max<double>(high, m.data[i]);
      }
      EXPECT_LE(std::max(-low, high), bound * (1 + 1e-7)) << table->name();
      EXPECT_GE(std::min(-low, high), bound * 0.85) << table->name();
    }
  }
}

}  // namespace
}  // namespace hotrow::test
