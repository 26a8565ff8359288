// Training allocates nothing after the second step: feed, forward, backward, with other ids in
// every batch.
#include <gtest/gtest.h>

#include <span>
#include <vector>

#include "kernels/core/parallel.h"
#include "model/dlrm_step.h"
#include "tests/support/alloc_guard.h"
#include "tests/support/dlrm_harness.h"

namespace hotrow::test {
namespace {

constexpr int64_t kBatch = 64;
constexpr int64_t kMaxIdsPerBag = 3;

DlrmConfig config() {
  DlrmConfig c;
  c.table_rows = {1460, 3, 10007, 1, 305, 24};
  c.dim = 16;
  c.bottom = {13, 64, 16};
  c.top = {64, 32, 1};
  c.loss.kind = LossKind::kBce;
  return c;
}

class Training {
 public:
  Training(const DlrmConfig& c, UpdateKind kind, int64_t mini_batches = 1)
      : model_(c, Mode::kTrain, kind),
        step_(model_, batch_shape(c, kMaxIdsPerBag), kBatch, {}, {}, mini_batches) {
    rule_.kind = kind;
    NumpyRandom stream(1);
    model_.initialise(stream, InitOrder::kDefault);
  }

  void step(const Batch& batch) { step({&batch, 1}); }
  void step(std::span<const Batch> group) {
    step_.feed(group);
    step_.forward();
    step_.backward(rule_);
    step_.take_times();
    ++rule_.step;
  }

 private:
  Dlrm model_;
  DlrmStep step_;
  UpdateRule rule_;
};

// Two full batches and one of each other size first; then the same sizes with ids that were never
// seen.
void check(const DlrmConfig& c, UpdateKind kind, int threads) {
  set_num_threads(threads);
  Training training(c, kind);
  std::vector<Batch> warm_up, batches;
  for (const int64_t rows : {kBatch, kBatch, int64_t{37}, int64_t{1}}) {
    warm_up.push_back(random_batch(c, rows, kMaxIdsPerBag, 1));
  }
  for (const int64_t rows : {kBatch, kBatch, int64_t{37}, kBatch, int64_t{1}, kBatch}) {
    batches.push_back(
        random_batch(c, rows, kMaxIdsPerBag, static_cast<uint32_t>(batches.size()) + 2));
  }
  for (const Batch& batch : warm_up) training.step(batch);
  AllocGuard guard;
  for (const Batch& batch : batches) training.step(batch);
  const AllocCounts counts = guard.stop();
  EXPECT_EQ(counts.ours, 0) << guard.first_of_ours();
  EXPECT_EQ(counts.maps, 0);
  set_num_threads(1);
}

TEST(Allocations, EveryOptimizer) {
  for (const UpdateKind kind :
       {UpdateKind::kSgd, UpdateKind::kAdagrad, UpdateKind::kRowwiseAdagrad, UpdateKind::kAdam}) {
    SCOPED_TRACE(static_cast<int>(kind));
    check(config(), kind, 2);
  }
}

TEST(Allocations, OneThread) { check(config(), UpdateKind::kAdagrad, 1); }

TEST(Allocations, Bf16) {
  DlrmConfig c = config();
  c.precision = Precision::kBfloat16;
  check(c, UpdateKind::kSgd, 2);
}

TEST(Allocations, Compositions) {
  DlrmConfig c = config();
  c.qr = QrConfig{.threshold = 200, .collisions = 4, .operation = QrOperation::kMultiply};
  check(c, UpdateKind::kAdagrad, 2);
  c.qr.reset();
  c.mixed_dimensions = MixedDimensionConfig{};
  check(c, UpdateKind::kAdagrad, 2);
  c.mixed_dimensions.reset();
  c.weighted_pooling = WeightedPooling::kLearned;
  c.interaction = Interaction::kCat;
  check(c, UpdateKind::kAdagrad, 2);
}

TEST(Allocations, GroupsOfMiniBatches) {
  Training training(config(), UpdateKind::kAdagrad, 2);
  std::vector<Batch> batches;
  for (uint32_t seed = 1; seed <= 8; ++seed)
    batches.push_back(random_batch(config(), kBatch, kMaxIdsPerBag, seed));
  training.step({&batches[0], 2});
  training.step({&batches[2], 2});
  AllocGuard guard;
  training.step({&batches[4], 2});
  training.step({&batches[6], 2});
  const AllocCounts counts = guard.stop();
  EXPECT_EQ(counts.ours, 0) << guard.first_of_ours();
  EXPECT_EQ(counts.maps, 0);
}

// The guard sees what it has to: building a step and its first run allocate.
TEST(Allocations, GuardCounts) {
  const Batch batch = random_batch(config(), kBatch, kMaxIdsPerBag, 1);
  AllocGuard guard;
  Training training(config(), UpdateKind::kAdagrad);
  training.step(batch);
  EXPECT_GT(guard.stop().ours, 0);
}

}  // namespace
}  // namespace hotrow::test
