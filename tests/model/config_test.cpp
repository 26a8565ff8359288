#include "model/config.h"

#include <gtest/gtest.h>

#include "kernels/core/check.h"
#include "tests/support/expect_throws.h"

namespace hotrow::test {
namespace {

DlrmConfig good() {
  DlrmConfig c;
  c.table_rows = {4, 3, 2};
  return c;
}

TEST(Config, GoodOnesPass) {
  check_config(good());
  DlrmConfig c = good();
  c.qr = QrConfig{.threshold = 1, .operation = QrOperation::kConcat};
  c.bottom.back() = 4;
  check_config(c);
  c = good();
  c.weighted_pooling = WeightedPooling::kLearned;
  check_config(c);
}

TEST(Config, WidthOfTheInteraction) {
  DlrmConfig c = good();
  EXPECT_EQ(c.interaction_width(), 2 + 6);  // 4 features: 6 pairs
  c.self_interaction = true;
  EXPECT_EQ(c.interaction_width(), 2 + 10);
  c.interaction = Interaction::kCat;
  EXPECT_EQ(c.interaction_width(), 4 * 2);
  c.qr = QrConfig{.operation = QrOperation::kConcat};
  EXPECT_EQ(c.feature_dim(), 4);
  EXPECT_EQ(c.interaction_width(), 4 * 4);
  c.qr->operation = QrOperation::kAdd;
  EXPECT_EQ(c.feature_dim(), 2);
}

TEST(Config, NoTables) {
  DlrmConfig c = good();
  c.table_rows.clear();
  EXPECT_THROWS(InvalidArgument, "got no embedding table", check_config(c));
}

TEST(Config, LayersThatDoNotFit) {
  DlrmConfig c = good();
  c.bottom = {4};
  EXPECT_THROWS(InvalidArgument, "bottom MLP: got 1 sizes, expected at least 2", check_config(c));
  c = good();
  c.top = {4, 2};
  EXPECT_THROWS(InvalidArgument, "top MLP: got a last size of 2, expected 1", check_config(c));
  c.top = {};
  EXPECT_THROWS(InvalidArgument, "top MLP: got a last size of 0, expected 1", check_config(c));
  c = good();
  c.dim = 3;
  EXPECT_THROWS(InvalidArgument,
                "ERROR: arch-sparse-feature-size 3 does not match last dim of bottom mlp 2",
                check_config(c));
}

TEST(Config, TricksThatDoNotGoTogether) {
  DlrmConfig c = good();
  c.weighted_pooling = WeightedPooling::kFixed;
  c.qr = QrConfig{};
  EXPECT_THROWS(InvalidArgument, "quotient remainder with weighted pooling is not supported",
                check_config(c));
  c.qr.reset();
  c.mixed_dimensions = MixedDimensionConfig{};
  EXPECT_THROWS(InvalidArgument, "mixed dimensions with weighted pooling is not supported",
                check_config(c));
  c.weighted_pooling = WeightedPooling::kNone;
  c.qr = QrConfig{};
  EXPECT_THROWS(InvalidArgument, "both the quotient-remainder and the mixed-dimension trick",
                check_config(c));
}

TEST(Config, NoCollisions) {
  DlrmConfig c = good();
  c.qr = QrConfig{.collisions = 0};
  EXPECT_THROWS(InvalidArgument, "quotient-remainder collisions: got 0, expected at least 1",
                check_config(c));
}

TEST(Config, Concatenation) {
  DlrmConfig c = good();
  c.qr = QrConfig{.threshold = 2, .operation = QrOperation::kConcat};
  EXPECT_THROWS(InvalidArgument,
                "2 arch-sparse-feature-size 4 does not match last dim of bottom mlp 2",
                check_config(c));
  c.bottom.back() = 4;
  EXPECT_THROWS(InvalidArgument, "got table 2 of 2 rows, expected more than 2", check_config(c));
}

// The dimensions in tests/golden/steps/md*.npz, which the reference chose, and n_min^t d0 n^-t by
// hand.
TEST(Config, MixedDimensions) {
  EXPECT_EQ(mixed_dimensions({1000, 120, 400}, 8, {.threshold = 50, .temperature = 0.3}),
            (std::vector<int64_t>{4, 8, 6}));
  EXPECT_EQ(mixed_dimensions({1000, 120, 400}, 8,
                             {.threshold = 50, .temperature = 0.4, .round_dims = true}),
            (std::vector<int64_t>{4, 8, 4}));
  EXPECT_EQ(mixed_dimensions({100, 10000, 100000000}, 16, {.threshold = 0, .temperature = 0.5}),
            (std::vector<int64_t>{16, 2, 1}));  // 16, 1.6, 0.016
}

}  // namespace
}  // namespace hotrow::test
