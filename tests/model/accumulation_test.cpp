// Groups of mini-batches that make one update: against the model in double, whose gradients of one
// mini-batch after the other add up.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/core/check.h"
#include "model/dlrm_step.h"
#include "tests/support/dlrm_harness.h"
#include "tests/support/expect_throws.h"

namespace hotrow::test {
namespace {

using reference::DlrmRef;
using reference::Value;

constexpr int64_t kBatch = 5, kMiniBatches = 3, kMaxIdsPerBag = 4;

std::vector<Batch> make_group(std::vector<int64_t> rows, uint32_t seed) {
  std::vector<Batch> group;
  for (int64_t n : rows) {
    group.push_back(random_batch(small_config(), n, kMaxIdsPerBag, ++seed));
    group.back().source = "day_" + std::to_string(group.size() - 1);
    group.back().first_line = 100 * std::ssize(group);
  }
  return group;
}

void initialise(Dlrm& model) {
  NumpyRandom stream(3);
  model.initialise(stream, InitOrder::kDefault);
}

DlrmRef make_reference() {
  DlrmHarness values(small_config(), {.plan = {}, .step = {}});
  initialise(values.model());
  return values.reference();
}

// Adagrad divides a gradient by its own size: where that may be 0 a bound says nothing.
struct Comparison {
  int64_t all = 0, loose = 0;

  void expect_near(std::span<const float> got, const std::vector<Value>& want,
                   const std::string& name) {
    ASSERT_EQ(got.size(), want.size());
    for (size_t i = 0; i < got.size(); ++i) {
      EXPECT_TRUE(std::abs(got[i] - want[i].v) <= want[i].e)
          << name << '[' << i << "]: got " << got[i] << ", expected " << want[i].v << " +- "
          << want[i].e;
      ++all;
      if (!(want[i].e <= 1e-3)) ++loose;
    }
  }
};

// A group with a short last mini-batch, a full one, a shorter one.
void check(UpdateKind kind) {
  Dlrm model(small_config(), Mode::kTrain, kind);
  initialise(model);
  DlrmStep step(model, batch_shape(small_config(), kMaxIdsPerBag), kBatch, {}, {.poison = true},
                kMiniBatches);
  DlrmRef ref = make_reference();
  const UpdateRule rule{.kind = kind, .learning_rate = 0.03};
  Comparison comparison;
  uint32_t seed = 0;
  for (const auto& sizes : std::vector<std::vector<int64_t>>{{5, 5, 2}, {5, 5, 5}, {4}}) {
    const std::vector<Batch> group = make_group(sizes, seed += 10);
    step.feed(group);
    step.forward();
    step.backward(rule);
    ASSERT_EQ(step.losses().size(), sizes.size());
    for (size_t m = 0; m < group.size(); ++m) {
      const Value loss = (m == 0 ? ref.run(group[m], true) : ref.accumulate(group[m])).loss;
      comparison.expect_near(step.losses().subspan(m, 1), {loss}, "loss");
    }
    ref.update(rule);
    for (const Dlrm::Named& p : model.named_parameters()) {
      comparison.expect_near(p.floats(), ref.values(p.name), p.name);
    }
  }
  EXPECT_LT(comparison.loose, comparison.all / 20) << comparison.all;
}

TEST(Accumulation, Sgd) { check(UpdateKind::kSgd); }
TEST(Accumulation, Adagrad) { check(UpdateKind::kAdagrad); }
TEST(Accumulation, RowwiseAdagrad) { check(UpdateKind::kRowwiseAdagrad); }

// Powers of two scale without rounding: four means add up to four times the mean of all.
TEST(Accumulation, EqualsOneLargeBatchAtAHigherRate) {
  constexpr int64_t kSmall = 8, kGroup = 4;
  const Batch large = random_batch(small_config(), kSmall * kGroup, kMaxIdsPerBag, 1);
  std::vector<Batch> group(kGroup);
  for (size_t m = 0; m < kGroup; ++m) {
    const auto cut = [m](const auto& all, size_t width, auto& part) {
      const auto first = all.begin() + static_cast<int64_t>(m * kSmall * width);
      part.assign(first, first + static_cast<int64_t>(kSmall * width));
    };
    group[m].rows = kSmall;
    cut(large.dense, 5, group[m].dense);
    cut(large.labels, 1, group[m].labels);
    for (const SparseFeature& all : large.sparse) {
      const auto first = all.offsets.begin() + static_cast<int64_t>(m * kSmall);
      SparseFeature& part = group[m].sparse.emplace_back();
      part.offsets.assign(first, first + kSmall + 1);
      const int64_t base = part.offsets.front();
      part.ids.assign(all.ids.begin() + base, all.ids.begin() + part.offsets.back());
      for (int64_t& offset : part.offsets) offset -= base;
    }
  }
  const auto train = [](std::span<const Batch> fed, int64_t batch, int64_t parts, double rate) {
    Dlrm model(small_config(), Mode::kTrain, UpdateKind::kSgd);
    initialise(model);
    DlrmStep step(model, batch_shape(small_config(), kMaxIdsPerBag), batch, {}, {}, parts);
    step.feed(fed);
    step.forward();
    step.backward(UpdateRule{.learning_rate = rate});
    std::vector<float> all;
    for (const Dlrm::Named& p : model.named_parameters()) {
      const std::vector<float> values = p.floats();
      all.insert(all.end(), values.begin(), values.end());
    }
    return all;
  };
  EXPECT_EQ(train(group, kSmall, kGroup, 0.25), train({&large, 1}, kSmall * kGroup, 1, 1.0));
}

class GroupErrors : public ::testing::Test {
 protected:
  GroupErrors() { initialise(model_); }

  Dlrm model_{small_config(), Mode::kTrain, UpdateKind::kSgd};
  DlrmStep step_{model_, batch_shape(small_config(), kMaxIdsPerBag), kBatch, {}, {}, kMiniBatches};
};

TEST_F(GroupErrors, BatchesThatAreNotFull) {
  EXPECT_THROWS(InvalidArgument, "[feed] batch does not fit: got 4 samples, expected exactly 5",
                step_.feed(make_group({5, 4, 5}, 1)));
  EXPECT_THROWS(InvalidArgument, "[feed] batch does not fit: got 6 samples, expected at most 5",
                step_.feed(make_group({5, 6}, 1)));
  EXPECT_THROWS(InvalidArgument, "[feed] got 4 batches, expected 1 to 3",
                step_.feed(make_group({5, 5, 5, 1}, 1)));
  std::vector<Batch> group = make_group({5, 5}, 1);
  group[1].sparse.pop_back();
  EXPECT_THROWS(InvalidArgument, "[feed] got 3 sparse features, expected 4", step_.feed(group));
}

// The place is that in the mini-batch's own file.
TEST_F(GroupErrors, BadNumbersAndIds) {
  std::vector<Batch> group = make_group({5, 5, 5}, 1);
  group[1].dense[2 * 5 + 3] = NAN;
  EXPECT_THROWS(DataError, "day_1:202: dense value 4 is not a number to train on: got nan",
                step_.feed(group));
  group = make_group({5, 5, 5}, 1);
  group[2].labels[4] = INFINITY;
  EXPECT_THROWS(DataError, "day_2:304: label value 1 is not a number", step_.feed(group));
  group = make_group({5, 5, 5}, 1);
  group[1].sparse[2] = {{0, 0, 0, 0, 2, 2}, {4, 5}};
  EXPECT_THROWS(DataError, "day_1:203: id beyond table 2 (C): got 5, expected 0 to 4",
                step_.feed(group));
}

// Offsets of a later batch that do not start at 0, do not end at its ids, or are too few.
TEST_F(GroupErrors, BadOffsets) {
  for (const std::vector<int64_t>& offsets :
       {std::vector<int64_t>{1, 1, 1, 1, 1, 2}, {0, 0, 0, 0, 0, 1}, {0, 0, 0, 0, 2}, {}}) {
    std::vector<Batch> group = make_group({5, 5, 5}, 1);
    group[1].sparse[2] = {offsets, {0, 1}};
    EXPECT_THROWS(InvalidArgument, "[step] offsets of 'table 2", step_.feed(group));
  }
}

}  // namespace
}  // namespace hotrow::test
