#include "model/trainer.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

#include "kernels/core/check.h"
#include "tests/model/trainer_fixture.h"
#include "tests/support/expect_throws.h"

namespace hotrow::test {
namespace {

TEST_F(TrainerTest, PrintsEveryIterationOfEveryEpoch) {
  config_.epochs = 2;
  FakeReader reader(3);
  train(reader);
  const std::string text = output();
  for (const char* line :
       {"Finished training it 1/3 of epoch 0, ", "Finished training it 3/3 of epoch 0, ",
        "Finished training it 1/3 of epoch 1, ", "Finished training it 3/3 of epoch 1, "}) {
    EXPECT_EQ(count(text, line), 1) << line << text;
  }
  EXPECT_EQ(count(text, "Finished training"), 6);
  EXPECT_EQ(reader.passes, 2);
  EXPECT_GT(seconds_.forward, 0);
  EXPECT_GT(seconds_.update, 0);
}

TEST_F(TrainerTest, PrintFrequencyAndLastLine) {
  config_.print_freq = 4;
  FakeReader reader(10);
  train(reader);
  const std::string text = output();
  EXPECT_EQ(count(text, "Finished training"), 3) << text;
  for (const char* line : {"it 4/10 ", "it 8/10 ", "it 10/10 "})
    EXPECT_EQ(count(text, line), 1) << line;
}

TEST_F(TrainerTest, StreamOfUnknownLengthPrintsItsLastLineOnce) {
  for (const int64_t print_freq : {4, 5}) {
    config_.print_freq = print_freq;
    FakeReader reader(10, /*known=*/false);
    train(reader);
  }
  const std::string text = output();
  EXPECT_EQ(count(text, "it 4/? "), 1) << text;
  EXPECT_EQ(count(text, "it 8/? "), 1);
  EXPECT_EQ(count(text, "it 10/10 "), 1);  // with 4: after the end
  EXPECT_EQ(count(text, "it 10/? "), 1);   // with 5: it was due before the end showed
  EXPECT_EQ(count(text, "Finished training"), 5);
}

TEST_F(TrainerTest, NumBatchesLimitsAnEpoch) {
  config_.num_batches = 2;
  config_.epochs = 2;
  for (const bool known : {true, false}) {
    FakeReader reader(5, known);
    train(reader);
  }
  const std::string text = output();
  EXPECT_EQ(count(text, "it 2/2 of epoch 1"), 2) << text;
  EXPECT_EQ(count(text, "Finished training"), 8);
}

TEST_F(TrainerTest, MoreBatchesThanThereAreEndWithTheData) {
  config_.num_batches = 100;
  config_.print_freq = 1000;
  config_.test_at_end = true;
  FakeReader known(5), stream(5, false), test(2);
  train(known, &test);
  train(stream, &test);
  const std::string text = output();
  EXPECT_EQ(count(text, "Finished training it 5/5 of epoch 0"), 2) << text;
  EXPECT_EQ(count(text, "Testing at - 5/5 of epoch 0"), 2) << text;
}

TEST_F(TrainerTest, TestsByFrequencyAndAfterEachEpoch) {
  config_.print_freq = 100;
  config_.test_freq = 2;
  config_.epochs = 2;
  FakeReader reader(5), test(2);
  train(reader, &test);
  const std::string text = output();
  for (const char* line : {"Testing at - 2/5 of epoch 0,", "Testing at - 4/5 of epoch 0,",
                           "Testing at - 5/5 of epoch 0,", "Testing at - 5/5 of epoch 1,"}) {
    EXPECT_EQ(count(text, line), 1) << line << text;
  }
  EXPECT_EQ(count(text, "Testing at"), 6);
  EXPECT_EQ(count(text, "Finished training"), 6);  // a test has a line of its own before it
  EXPECT_EQ(test.passes, 6);
  EXPECT_GT(seconds_.test, 0);
}

TEST_F(TrainerTest, StreamIsNotTestedTwiceAtItsEnd) {
  config_.test_freq = 2;
  FakeReader reader(4, /*known=*/false), test(2);
  train(reader, &test);
  EXPECT_EQ(test.passes, 2);
}

TEST_F(TrainerTest, TestsOnceAtTheEnd) {
  config_.test_at_end = true;
  config_.epochs = 2;
  for (const bool known : {true, false}) {
    FakeReader reader(4, known), test(2, known);
    train(reader, &test);
    EXPECT_EQ(test.passes, 1);
  }
  EXPECT_EQ(count(output(), "Testing at - 4/4 of epoch 1,"), 2);
}

TEST_F(TrainerTest, NoTestDataNoTest) {
  config_.test_freq = 1;
  FakeReader reader(3);
  train(reader);
  EXPECT_EQ(count(output(), "Testing"), 0);
}

TEST_F(TrainerTest, TestsChangeNothing) {
  FakeReader reader(6), test(3);
  train(reader);
  const std::vector<float> alone = parameters();
  initialise();
  config_.test_freq = 1;
  train(reader, &test);
  EXPECT_EQ(parameters(), alone);
}

TEST_F(TrainerTest, StopsAtTheAccuracyThreshold) {
  config_.test_freq = 1;
  config_.accuracy_threshold = 1e-9;
  expect_stop_at("accuracy threshold 1e-09");
}

TEST_F(TrainerTest, StopsAtTheAucThreshold) {
  config_.test_freq = 3;
  config_.auc_threshold = 1e-9;
  expect_stop_at("auc threshold 1e-09");
  EXPECT_EQ(count(output(), "Finished training it 3/50 "), 1);
  EXPECT_EQ(count(output(), "Finished training it 4/50 "), 0);
}

TEST_F(TrainerTest, ThresholdsThatAreNotReachedStopNothing) {
  config_.test_freq = 1;
  config_.accuracy_threshold = 1.0;
  config_.auc_threshold = 1.0;
  FakeReader reader(4), test(2);
  train(reader, &test);
  EXPECT_EQ(test.passes, 4);
}

TEST_F(TrainerTest, NanLossStopsBeforeTheUpdateAndNamesTheBatch) {
  FakeReader reader(4);
  config_.num_batches = 2;
  train(reader);
  const std::vector<float> after_two = parameters();
  initialise();
  // A weight that only batch 3 meets turns NaN just before it.
  reader.on_next = [&](size_t i) {
    if (i == 2) model_.parameters().value(0).data[0] = std::numeric_limits<float>::quiet_NaN();
  };
  config_.num_batches = 0;
  EXPECT_THROWS(DataError,
                "[train] loss at iteration 3 of epoch 0 (clicks.tsv, samples 17 to 24): got nan, "
                "expected a finite",
                train(reader));
  std::vector<float> now = parameters();
  int different = 0;
  for (size_t i = 0; i < now.size(); ++i) different += now[i] != after_two[i] ? 1 : 0;
  EXPECT_EQ(different, 1);  // the poisoned one alone
}

TEST_F(TrainerTest, BadDataStopsAndNamesItsLine) {
  FakeReader reader(3);
  reader.batches[1].sparse[1].ids.assign(reader.batches[1].sparse[1].ids.size(), 30);
  EXPECT_THROWS(DataError, "id beyond table 1 (C2): got 30, expected 0 to 29", train(reader));
  EXPECT_EQ(count(output(), "Finished training"), 1);
}

TEST_F(TrainerTest, EmptyDataIsRefused) {
  for (const bool known : {true, false}) {
    FakeReader none(0, known), some(2);
    EXPECT_THROWS(DataError, "[train] the training data is empty", train(none));
    config_.test_at_end = true;
    EXPECT_THROWS(DataError, "[test] the test data is empty", train(some, &none));
  }
}

TEST_F(TrainerTest, StopFlagEndsAfterTheStepAtHand) {
  FakeReader reader(100), test(3);
  config_.epochs = 3;
  config_.test_freq = 1000;
  reader.on_next = [&](size_t i) { stop_ = i == 4; };
  train(reader, &test);
  EXPECT_EQ(count(output(), "Finished training"), 4);
  EXPECT_EQ(reader.passes, 1);
  EXPECT_EQ(test.passes, 0);
}

TEST_F(TrainerTest, StopFlagEndsATest) {
  FakeReader reader(3), test(1000);
  config_.test_freq = 1;
  size_t read = 0;
  test.on_next = [&](size_t i) { read = i, stop_ = i == 5; };
  train(reader, &test);
  EXPECT_EQ(read, 5u);
  EXPECT_EQ(count(output(), ", best "), 0);  // no numbers of a part of the data
}

TEST_F(TrainerTest, FollowsTheLearningRatePolicy) {
  FakeReader reader(3);
  const std::vector<float> before = parameters();
  config_.learning_rate = LrPolicy(0.0, 0, 0, 0);
  train(reader);
  EXPECT_EQ(parameters(), before);
  config_.learning_rate = LrPolicy(0.1, 0, 0, 0);
  train(reader);
  EXPECT_NE(parameters(), before);
}

TEST_F(TrainerTest, MemoryIsSplitByTrainingAndTest) {
  FakeReader reader(2), test(2);
  Report report({.out = out_, .json_log = {}, .now = {}});
  Trainer both(model_, config_, reader, &test, report, stop_);
  ASSERT_EQ(both.memory().size(), 4u);
  EXPECT_TRUE(both.memory()[0].purpose.starts_with("training: "));
  EXPECT_TRUE(both.memory()[3].purpose.starts_with("test: "));
  config_.plan.mode = Mode::kServe;
  EXPECT_EQ(Trainer(model_, config_, reader, &test, report, stop_).memory().size(), 2u);
}

}  // namespace
}  // namespace hotrow::test
