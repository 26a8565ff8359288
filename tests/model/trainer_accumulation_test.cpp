// The trainer with several mini-batches to an update.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "kernels/core/check.h"
#include "tests/model/trainer_fixture.h"
#include "tests/support/expect_throws.h"

namespace hotrow::test {
namespace {

class TrainerAccumulationTest : public TrainerTest {
 protected:
  // Of a run alone, from the first parameters.
  std::string output_of(FakeReader& reader, FakeReader* test) {
    std::fclose(std::exchange(out_, std::tmpfile()));
    initialise();
    train(reader, test);
    return output();
  }
  static std::vector<std::string> metrics_lines(const std::string& text) {
    std::vector<std::string> lines;
    for (size_t at = text.find(" AUC "); at != std::string::npos; at = text.find(" AUC ", at + 1))
      lines.push_back(text.substr(at, text.find('\n', at) - at));
    return lines;
  }
};

// Updates of groups of two that end with the epoch, each at its own rate, as the steps say.
TEST_F(TrainerAccumulationTest, GroupsEndWithTheEpochAndUpdatesFollowThePolicy) {
  config_.accumulate = 2;
  config_.epochs = 2;
  config_.learning_rate = LrPolicy(0.5, 5, 5, 0);
  for (const bool known : {true, false}) {
    FakeReader reader(5, known);
    initialise();
    train(reader);
    const std::vector<float> got = parameters();
    initialise();
    DlrmStep step(model_, reader.shape(), kBatch, {}, {}, 2);
    int64_t update = 0;
    for (int epoch = 0; epoch < 2; ++epoch) {
      for (const auto& [first, size] : {std::pair{0, 2}, {2, 2}, {4, 1}}) {
        step.feed(std::span<const Batch>(reader.batches).subspan(size_t(first), size_t(size)));
        step.forward();
        ++update;
        step.backward({.learning_rate = config_.learning_rate.at(update), .step = update});
      }
    }
    EXPECT_EQ(got, parameters());
  }
}

// At rate 0 the group makes no difference to what a run says, wherever lines and tests fall.
TEST_F(TrainerAccumulationTest, LinesAndTestsAreThoseOfMiniBatches) {
  config_.learning_rate = LrPolicy(0.0, 0, 0, 0);
  config_.epochs = 2;
  for (const bool known : {true, false}) {
    for (const int64_t print_freq : {1, 2, 3, 7}) {
      for (const int64_t test_freq : {-1, 2, 5}) {
        for (const int64_t num_batches : {0, 3, 100}) {
          config_.print_freq = print_freq;
          config_.test_freq = test_freq;
          config_.num_batches = num_batches;
          FakeReader reader(8, known), test(2);
          config_.accumulate = 1;
          const std::string want = output_of(reader, &test);
          for (const int64_t accumulate : {2, 3, 5, 100}) {
            config_.accumulate = accumulate;
            EXPECT_EQ(output_of(reader, &test), want) << accumulate << ' ' << known;
          }
        }
      }
    }
  }
}

TEST_F(TrainerAccumulationTest, TestsSeeWholeUpdates) {
  config_.accumulate = 2;
  config_.test_freq = 1;
  FakeReader reader(4), test(3);
  train(reader, &test);
  const std::vector<std::string> lines = metrics_lines(output());
  ASSERT_EQ(lines.size(), 4u);
  EXPECT_NE(lines[0], lines[1]);
  EXPECT_EQ(lines[1], lines[2]);
  EXPECT_NE(lines[2], lines[3]);
}

TEST_F(TrainerAccumulationTest, ReadsNothingBeyondTheLastIteration) {
  config_.accumulate = 2;
  config_.num_batches = 3;
  for (const bool known : {true, false}) {
    FakeReader reader(5, known);
    size_t last = 0;
    reader.on_next = [&](size_t i) { last = i; };
    train(reader);
    EXPECT_EQ(last, 2u);
  }
}

TEST_F(TrainerAccumulationTest, PlansNoMoreThanAnEpochHas) {
  FakeReader reader(3);
  Report report({.out = out_, .json_log = {}, .now = {}});
  const auto bytes = [&](int64_t accumulate) {
    config_.accumulate = accumulate;
    return Trainer(model_, config_, reader, nullptr, report, stop_).memory()[1].bytes;
  };
  EXPECT_GT(bytes(3), 2 * bytes(1));
  EXPECT_EQ(bytes(1000000), bytes(3));
}

TEST_F(TrainerAccumulationTest, NanLossNamesItsMiniBatchAndUpdatesNothing) {
  FakeReader reader(4);
  constexpr int64_t kRow = 37;
  for (Batch& batch : reader.batches) {
    for (int64_t& id : batch.sparse[0].ids) id %= kRow;
  }
  reader.batches[1].sparse[0].ids[0] = kRow;  // no other batch meets it
  model_.embeddings().tables()[0]->weights().row(kRow)[0] = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> before = parameters();
  config_.accumulate = 3;
  EXPECT_THROWS(DataError,
                "[train] loss at iteration 2 of epoch 0 (clicks.tsv, samples 9 to 16): got nan",
                train(reader));
  int different = 0;
  for (size_t i = 0; i < before.size(); ++i) different += parameters()[i] != before[i] ? 1 : 0;
  EXPECT_EQ(different, 1);  // NaN is not equal to itself
  EXPECT_EQ(count(output(), "Finished training"), 0);
}

// What was read is trained on; its lines and tests are left out.
TEST_F(TrainerAccumulationTest, StopFlagEndsAfterTheUpdateAtHand) {
  FakeReader reader(100), test(3);
  config_.accumulate = 4;
  config_.test_freq = 3;
  size_t last = 0;
  reader.on_next = [&](size_t i) {
    last = i;
    if (i == 5) stop_ = true;
  };
  train(reader, &test);
  EXPECT_EQ(last, 7u);
  EXPECT_EQ(count(output(), "Finished training"), 4);
  EXPECT_EQ(test.passes, 1);
  const std::vector<float> stopped = parameters();
  stop_ = false;
  reader.on_next = nullptr;
  config_.num_batches = 8;
  initialise();
  train(reader, &test);
  EXPECT_EQ(stopped, parameters());
}

TEST_F(TrainerAccumulationTest, ThresholdInsideAGroupStopsBeforeItsUpdate) {
  config_.accumulate = 4;
  config_.test_freq = 2;
  config_.auc_threshold = 1e-9;
  FakeReader reader(50), test(4);
  const std::vector<float> before = parameters();
  train(reader, &test);
  EXPECT_EQ(count(output(), "Finished training"), 2);
  EXPECT_EQ(parameters(), before);
}

TEST_F(TrainerAccumulationTest, NoMiniBatchesAreRefused) {
  config_.accumulate = 0;
  FakeReader reader(2);
  EXPECT_THROWS(InvalidArgument, "[train] mini-batches of an update: got 0, expected at least 1",
                train(reader));
}

}  // namespace
}  // namespace hotrow::test
