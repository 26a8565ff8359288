// The same seed gives the same bits: for any number of threads, with memory reuse off, with dead
// memory poisoned, and from run to run. Parameters, optimizer states, losses and predictions are
// compared bit by bit.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <vector>

#include "kernels/core/parallel.h"
#include "model/dlrm_step.h"
#include "tests/support/dlrm_harness.h"

namespace hotrow::test {
namespace {

constexpr int64_t kBatch = 128;
constexpr int64_t kMaxIdsPerBag = 4;
constexpr int kSteps = 20;

// 26 tables of sizes like Criteo's, odd dimensions everywhere.
DlrmConfig config() {
  DlrmConfig c;
  c.table_rows = {1460, 583, 10007, 2201, 305, 24,  1251, 633,  3,  931, 568,  8351, 3194,
                  27,   149, 5461,  10,   565, 217, 4,    7046, 18, 15,  2861, 105,  1};
  c.dim = 13;
  c.bottom = {13, 67, 13};
  c.top = {61, 31, 1};
  c.loss.kind = LossKind::kBce;
  return c;
}

struct Run {
  int threads = 1;
  PlanOptions plan = {};
  StepOptions step = {};
};

// All that a training run leaves behind, as bits.
std::vector<uint32_t> train(const DlrmConfig& c, UpdateKind kind, const Run& run) {
  set_num_threads(run.threads);
  Dlrm model(c, Mode::kTrain, kind);
  NumpyRandom stream(7);
  model.initialise(stream, InitOrder::kDefault);
  DlrmStep step(model, batch_shape(c, kMaxIdsPerBag), kBatch, run.plan, run.step);
  std::vector<uint32_t> bits;
  const auto keep = [&](const float* data, int64_t n) {
    const size_t first = bits.size();
    bits.resize(first + static_cast<size_t>(n));
    if (n > 0) std::memcpy(&bits[first], data, static_cast<size_t>(n) * sizeof(float));
  };
  for (int i = 1; i <= kSteps; ++i) {
    const int64_t rows = i == 7        ? 1
                         : i == kSteps ? 101
                                       : kBatch;  // a short last batch, and a tiny one between
    step.feed(random_batch(c, rows, kMaxIdsPerBag, static_cast<uint32_t>(i)));
    step.forward();
    const float loss = step.losses()[0];
    EXPECT_TRUE(std::isfinite(loss));
    keep(&loss, 1);
    keep(step.predictions().data(), rows);
    step.backward(UpdateRule{.kind = kind, .learning_rate = 0.05, .eps = 1e-8, .step = i});
  }
  for (const Dlrm::Named& p : model.named_parameters()) keep(p.floats().data(), p.value.size());
  for (const auto& table : model.embeddings().tables()) {
    keep(table->state(), static_cast<int64_t>(table->state_bytes() / sizeof(float)));
  }
  return bits;
}

void check(const DlrmConfig& c, UpdateKind kind) {
  const std::vector<uint32_t> once = train(c, kind, {});
  const auto same = [&](const Run& run) {
    const std::vector<uint32_t> bits = train(c, kind, run);
    return bits.size() == once.size() && bits == once;
  };
  EXPECT_TRUE(same({})) << "from run to run";
  for (const int threads : {2, 3, 8})
    EXPECT_TRUE(same({.threads = threads})) << threads << " threads";
  EXPECT_TRUE(same({.plan = {.reuse = false}})) << "without reuse of memory";
  EXPECT_TRUE(same({.step = {.poison = true}})) << "with poison";
  EXPECT_TRUE(same({.threads = 3, .plan = {.reuse = false}, .step = {.poison = true}}))
      << "all at once";
  set_num_threads(1);
}

TEST(Determinism, Sgd) { check(config(), UpdateKind::kSgd); }
TEST(Determinism, Adagrad) { check(config(), UpdateKind::kAdagrad); }
TEST(Determinism, RowwiseAdagrad) { check(config(), UpdateKind::kRowwiseAdagrad); }
TEST(Determinism, Adam) { check(config(), UpdateKind::kAdam); }

TEST(Determinism, Bf16) {
  DlrmConfig c = config();
  c.precision = Precision::kBfloat16;
  check(c, UpdateKind::kAdagrad);
}

TEST(Determinism, Compositions) {
  DlrmConfig c = config();
  c.qr = QrConfig{.threshold = 600, .collisions = 5, .operation = QrOperation::kMultiply};
  check(c, UpdateKind::kAdagrad);
  c.qr.reset();
  c.mixed_dimensions = MixedDimensionConfig{.threshold = 600};
  check(c, UpdateKind::kAdagrad);
  c.mixed_dimensions.reset();
  c.weighted_pooling = WeightedPooling::kLearned;
  c.self_interaction = true;
  check(c, UpdateKind::kAdagrad);
  c.interaction = Interaction::kCat;
  check(c, UpdateKind::kSgd);
}

TEST(Determinism, TableTypes) {
  for (TableType type : {TableType::kSplitBf16, TableType::kBf16, TableType::kFp16}) {
    SCOPED_TRACE(table_type_name(type));
    DlrmConfig c = config();
    c.table_type = type;
    check(c, UpdateKind::kAdagrad);
  }
}

// The tests above compare something.
TEST(Determinism, AnotherOptimizerLeavesOtherBits) {
  const std::vector<uint32_t> sgd = train(config(), UpdateKind::kSgd, {});
  EXPECT_NE(sgd, train(config(), UpdateKind::kRowwiseAdagrad, {}));
  EXPECT_GT(sgd.size(), 500000u);
}

}  // namespace
}  // namespace hotrow::test
