// Gradients of whole models against central differences of the model in double
// (tests/reference/dlrm_ref.h): every parameter of every combination of options, over a batch with
// empty bags and repeated ids.
#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <string>

#include "tests/support/dlrm_harness.h"

namespace hotrow::test {
namespace {

using reference::DlrmRef;
using reference::Value;

// Draws every value, the fixed pooling weights too.
void randomise(Dlrm& model, uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0.0f, 0.5f);
  const auto fill = [&](Matrix m) {
    for (int64_t i = 0; i < m.size(); ++i) m.data[i] = normal(random);
  };
  for (const auto& table : model.embeddings().tables()) fill(table->weights());
  for (size_t i = 0; i < model.parameters().list().size(); ++i)
    fill(model.parameters().value(static_cast<int>(i)));
}

// h is small enough not to step over a kink of ReLU in these models; what double loses is 1e-16 /
// h.
double difference_quotient(DlrmRef& ref, const Batch& batch, const std::string& name, int64_t i) {
  constexpr double h = 1e-6;
  const double x = ref.value(name, i);
  ref.set(name, i, x + h);
  const double above = ref.run(batch, false).loss.v;
  ref.set(name, i, x - h);
  const double below = ref.run(batch, false).loss.v;
  ref.set(name, i, x);
  return (above - below) / (2 * h);
}
constexpr double kQuotientError = 1e-8;  // of a loss near 1: 1e-16 / h, with room

void check(const DlrmConfig& config, uint32_t seed = 1) {
  const Batch batch = random_batch(config, 9, 4, seed);
  DlrmHarness engine(config, {.batch = 11, .max_ids = 60, .plan = {}, .step = {.poison = true}});
  randomise(engine.model(), seed);
  DlrmRef ref = engine.reference();
  const DlrmRef::Result expected = ref.run(batch, true);
  const auto before = engine.values();
  const auto gradients = engine.gradients_by_sgd(batch);
  ASSERT_LE(std::abs(engine.loss() - expected.loss.v), expected.loss.e);
  int64_t compared = 0, nonzero = 0;
  for (const auto& [name, got] : gradients) {
    const std::vector<Value> exact = ref.gradients(name);
    ASSERT_EQ(got.size(), exact.size()) << name;
    for (size_t i = 0; i < got.size(); ++i) {
      const double want = difference_quotient(ref, batch, name, static_cast<int64_t>(i));
      const double bound =
          exact[i].e + reference::kEps * std::abs(before.at(name)[i]) + kQuotientError;
      EXPECT_LE(std::abs(exact[i].v - want), kQuotientError)
          << "the reference itself, " << name << '[' << i << ']';
      EXPECT_TRUE(std::abs(got[i] - want) <= bound)
          << name << '[' << i << "]: got " << got[i] << ", expected " << want << " +- " << bound;
      EXPECT_LT(bound, 1e-4) << "a bound that says nothing, " << name << '[' << i << ']';
      ++compared;
      if (want != 0) ++nonzero;
    }
  }
  EXPECT_GT(compared, 200);
  EXPECT_GT(nonzero,
            compared / 10);  // few bags reach a large table, and a clamped loss has no slope
}

TEST(Gradients, DotWithEachLoss) {
  for (const LossKind kind :
       {LossKind::kMse, LossKind::kBce, LossKind::kWeightedBce, LossKind::kBceWithLogits}) {
    DlrmConfig c = small_config();
    c.loss = {.kind = kind, .weight0 = 0.7f, .weight1 = 2.3f};
    SCOPED_TRACE(static_cast<int>(kind));
    check(c);
  }
}

TEST(Gradients, LossThreshold) {
  DlrmConfig c = small_config();
  c.loss.threshold = 0.2;
  check(c);
}

TEST(Gradients, Itself) {
  DlrmConfig c = small_config();
  c.self_interaction = true;
  check(c);
}

TEST(Gradients, CatWithDeepTop) {
  DlrmConfig c = small_config();
  c.interaction = Interaction::kCat;
  c.top = {8, 5, 4, 1};
  check(c);
}

TEST(Gradients, DimensionOne) {
  DlrmConfig c = small_config();
  c.table_rows = {101, 67};
  c.dim = 1;
  c.bottom = {2, 9, 1};
  check(c);
}

TEST(Gradients, QuotientRemainder) {
  for (const QrOperation operation :
       {QrOperation::kMultiply, QrOperation::kAdd, QrOperation::kConcat}) {
    DlrmConfig c = small_config();
    c.qr = QrConfig{.threshold = 4, .collisions = 3, .operation = operation};
    if (operation == QrOperation::kConcat) {
      c.qr->threshold = 0;  // widths of a plain table would not fit
      c.bottom.back() = 6;
    }
    SCOPED_TRACE(static_cast<int>(operation));
    check(c);
    c.interaction = Interaction::kCat;
    check(c);
  }
}

TEST(Gradients, MixedDimensions) {
  DlrmConfig c = small_config();
  c.table_rows = {40, 900, 3, 150};
  c.dim = 6;
  c.bottom.back() = 6;
  c.mixed_dimensions = MixedDimensionConfig{.threshold = 10, .temperature = 0.35};
  const std::vector<int64_t> dims = mixed_dimensions(c.table_rows, c.dim, *c.mixed_dimensions);
  ASSERT_LT(dims[1], c.dim);  // else nothing is projected
  check(c);
}

TEST(Gradients, WeightedPooling) {
  for (const WeightedPooling pooling : {WeightedPooling::kFixed, WeightedPooling::kLearned}) {
    DlrmConfig c = small_config();
    c.weighted_pooling = pooling;
    SCOPED_TRACE(static_cast<int>(pooling));
    check(c);
  }
}

}  // namespace
}  // namespace hotrow::test
