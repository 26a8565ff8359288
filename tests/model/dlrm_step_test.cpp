#include "model/dlrm_step.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "kernels/core/check.h"
#include "kernels/core/parallel.h"
#include "tests/support/dlrm_harness.h"
#include "tests/support/expect_throws.h"

namespace hotrow::test {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

DlrmConfig config() {
  DlrmConfig c;
  c.table_rows = {4, 3};
  c.loss.kind = LossKind::kBce;
  return c;
}

BatchShape shape() { return {.num_dense = 4, .categorical = {{"C1", 4, 2}, {"C2", 3, 2}}}; }

class DlrmStepTest : public ::testing::Test {
 protected:
  DlrmStepTest() {
    NumpyRandom stream(1);
    model_.initialise(stream, InitOrder::kDefault);
    batch_ = random_batch(config(), 5, 2, 1);
    batch_.source = "day_0.gz";
    batch_.first_line = 101;
  }

  Dlrm model_{config(), Mode::kTrain, UpdateKind::kSgd};
  Batch batch_;
};

TEST_F(DlrmStepTest, SchemaThatDoesNotFit) {
  BatchShape s = shape();
  s.num_dense = 13;
  EXPECT_THROWS(InvalidArgument,
                "ERROR: arch-dense-feature-size 13 does not match first dim of bottom mlp 4",
                DlrmStep(model_, s, 5));
  s = shape();
  s.categorical.pop_back();
  EXPECT_THROWS(InvalidArgument, "got 1 categorical columns, expected 2", DlrmStep(model_, s, 5));
  s = shape();
  s.categorical.push_back(s.categorical.front());
  EXPECT_THROWS(InvalidArgument, "got 3 categorical columns, expected 2", DlrmStep(model_, s, 5));
}

TEST_F(DlrmStepTest, BatchThatDoesNotFit) {
  DlrmStep step(model_, shape(), 5);
  Batch b = batch_;
  b.rows = 6;
  EXPECT_THROWS(InvalidArgument, "got 6 samples, expected at most 5", step.feed(b));
  b = batch_;
  b.dense.pop_back();
  EXPECT_THROWS(InvalidArgument, "[feed] dense values: got 19, expected 5 x 4", step.feed(b));
  b = batch_;
  b.labels.push_back(0);
  EXPECT_THROWS(InvalidArgument, "[feed] label values: got 6, expected 5 x 1", step.feed(b));
  b = batch_;
  b.sparse.pop_back();
  EXPECT_THROWS(InvalidArgument, "[feed] got 1 sparse features, expected 2", step.feed(b));
}

TEST_F(DlrmStepTest, NumbersThatAreNotFinite) {
  DlrmStep step(model_, shape(), 5);
  Batch b = batch_;
  for (const float nan : {kNan, -kNan}) {
    b.dense[2 * 4 + 1] = nan;
    EXPECT_THROWS(DataError, "day_0.gz:103: dense value 2 is not a number to train on: got nan",
                  step.feed(b));
  }
  b = batch_;
  b.dense[19] = -std::numeric_limits<float>::infinity();
  EXPECT_THROWS(DataError, "day_0.gz:105: dense value 4 is not a number to train on: got -inf",
                step.feed(b));
  b = batch_;
  b.labels[0] = kNan;
  EXPECT_THROWS(DataError, "day_0.gz:101: label value 1", step.feed(b));
}

TEST_F(DlrmStepTest, IdsBeyondTheirTable) {
  DlrmStep step(model_, shape(), 5);
  for (const int64_t id : {int64_t{3}, int64_t{-1}, int64_t{1} << 40}) {
    Batch b = batch_;
    b.sparse[1] = {{0, 0, 0, 2, 2, 2}, {1, id}};
    EXPECT_THROWS(
        DataError,
        "day_0.gz:103: id beyond table 1 (C2): got " + std::to_string(id) + ", expected 0 to 2",
        step.feed(b));
  }
}

// Tables are copied side by side.
TEST_F(DlrmStepTest, TheFirstOfSeveralTablesWithBadIdsIsNamed) {
  DlrmStep step(model_, shape(), 5);
  Batch b = batch_;
  for (SparseFeature& feature : b.sparse) feature = {{0, 1, 1, 1, 1, 1}, {1000}};
  set_num_threads(3);
  for (int i = 0; i < 50; ++i) {
    EXPECT_THROWS(DataError, "day_0.gz:101: id beyond table 0 (C1)", step.feed(b));
  }
  set_num_threads(1);
}

// Test data may say that a column has more values than the model has rows.
TEST_F(DlrmStepTest, SchemaThatClaimsMoreRowsThanTheModelHas) {
  BatchShape s = shape();
  s.categorical[1].rows = 1000;
  DlrmStep step(model_, s, 5);
  Batch b = batch_;
  b.sparse[1] = {{0, 1, 1, 1, 1, 1}, {3}};
  EXPECT_THROWS(DataError, "day_0.gz:101: id beyond table 1 (C2): got 3, expected 0 to 2",
                step.feed(b));
}

TEST_F(DlrmStepTest, MoreIdsThanTheSchemaPromised) {
  DlrmStep step(model_, shape(), 5);
  Batch b = batch_;
  b.sparse[0] = {{0, 11, 11, 11, 11, 11}, std::vector<int64_t>(11, 0)};
  EXPECT_THROWS(InvalidArgument, "got 11 in one batch, expected at most 10", step.feed(b));
}

TEST_F(DlrmStepTest, RecoversAfterABadBatch) {
  DlrmStep step(model_, shape(), 5);
  step.feed(batch_);
  step.forward();
  const float loss = step.losses()[0];
  Batch b = batch_;
  b.sparse[1] = {{0, 1, 1, 1, 1, 1}, {3}};
  EXPECT_THROW(step.feed(b), DataError);
  step.feed(batch_);
  step.forward();
  EXPECT_EQ(step.losses()[0], loss);
}

// Serving is the same program without its second half.
TEST_F(DlrmStepTest, ServingPredictsWhatTrainingDoes) {
  DlrmStep training(model_, shape(), 5), serving(model_, shape(), 5, {.mode = Mode::kServe});
  training.feed(batch_), serving.feed(batch_);
  training.forward(), serving.forward();
  for (size_t b = 0; b < 5; ++b) {
    EXPECT_EQ(training.predictions()[b], serving.predictions()[b]);
    EXPECT_GT(serving.predictions()[b], 0.0f);
    EXPECT_LT(serving.predictions()[b], 1.0f);
  }
  EXPECT_THROWS(InvalidArgument, "got a plan for serving", serving.backward(UpdateRule{}));
}

TEST_F(DlrmStepTest, LearnsABatchByHeart) {
  DlrmStep step(model_, shape(), 5);
  step.feed(batch_);
  step.forward();
  const float before = step.losses()[0];
  for (int i = 0; i < 300; ++i) {
    step.backward(UpdateRule{.learning_rate = 0.1});
    step.feed(batch_);
    step.forward();
  }
  EXPECT_LT(step.losses()[0], before / 2);
}

TEST_F(DlrmStepTest, MemoryNamesItsPurposes) {
  DlrmStep step(model_, shape(), 5);
  ASSERT_EQ(step.memory().size(), 2u);
  EXPECT_EQ(step.memory()[0].purpose, "batch");
  EXPECT_GT(step.memory()[0].bytes, size_t{5 * 4 * 4});
  EXPECT_GT(step.memory()[1].bytes, 0u);
}

}  // namespace
}  // namespace hotrow::test
