#include "engine/table.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <vector>

#include "tests/engine/resident_pages.h"
#include "tests/engine/rig.h"
#include "tests/support/bounds.h"

namespace hotrow {
namespace {
using test::error_text;

TEST(Table, StartsAtZero) {
  const Table table("t", 7, 3);
  EXPECT_EQ(table.name(), "t");
  EXPECT_EQ(table.rows(), 7);
  EXPECT_EQ(table.dim(), 3);
  EXPECT_TRUE(table.trainable());
  EXPECT_EQ(table.weight_bytes(), 7u * 3 * 4);
  EXPECT_EQ(test::copy_of(table.weights()), std::vector<float>(21));
  EXPECT_EQ(table.state(), nullptr);
}

TEST(Table, RowsOf16BitsHoldNoFloatsToPointAt) {
  const auto bytes = [](TableType type) {
    const Table table("t", 7, 3, true, type, {.seed = 5, .table = 6});
    EXPECT_EQ(table.stored().type, type);
    EXPECT_EQ(table.stored().dims, (std::array<int64_t, 2>{7, 3}));
    EXPECT_EQ(table.rounding().seed, 5u);
    EXPECT_EQ(table.rounding().table, 6u);
    EXPECT_EQ(error_text([&] { table.weights(); }),
              fmt::format("[table t] holds no floats: got rows of {}, expected fp32",
                          table_type_name(type)));
    return table.weight_bytes();
  };
  EXPECT_EQ(bytes(TableType::kBf16), 7u * 3 * 2);
  EXPECT_EQ(bytes(TableType::kFp16), 7u * 3 * 2);
  EXPECT_EQ(bytes(TableType::kSplitBf16), 2u * 64) << "each half begins on a cache line";
}

// The two halves of a split table do not overlap, and both are the table's.
TEST(Table, KeepsBothHalvesOfSplitRows) {
  const Table table("t", 50, 3, true, TableType::kSplitBf16);
  const std::vector<float> values = test::test_floats(150, 1);
  write_floats(table.stored(), 0, values);
  std::vector<float> got(150);
  read_floats(got, table.stored(), 0);
  EXPECT_EQ(got, values);
  EXPECT_EQ(table.weight_bytes(), 2u * 320);  // 300 bytes to the end of a cache line, twice
  EXPECT_EQ(table.stored().low, table.stored().as<uint16_t>() + 160);
}

TEST(Table, StateIsWhatTheOptimizerKeeps) {
  const auto state_bytes = [](UpdateKind kind) {
    Table table("t", 7, 3);
    table.prepare_state(kind);
    for (size_t i = 0; i < table.state_bytes() / 4; ++i) EXPECT_EQ(table.state()[i], 0.0f);
    return table.state_bytes();
  };
  EXPECT_EQ(state_bytes(UpdateKind::kSgd), 0u);
  EXPECT_EQ(state_bytes(UpdateKind::kAdagrad), 7u * 3 * 4);
  EXPECT_EQ(state_bytes(UpdateKind::kRowwiseAdagrad), 7u * 4);
  EXPECT_EQ(state_bytes(UpdateKind::kAdam), 2u * 7 * 3 * 4);
}

// So that the threads that gather from it share the memory nodes, not the one that draws its
// values.
TEST(Table, TakesItsMemoryWithAllThreads) {
  Table table("t", 50000, 16);
  table.prepare_state(UpdateKind::kAdagrad);
  EXPECT_EQ(test::pages_not_there(table.weights().data, table.weight_bytes()), 0);
  EXPECT_EQ(test::pages_not_there(table.state(), table.state_bytes()), 0);
}

TEST(Table, AFixedTableKeepsNoState) {
  Table table("t", 7, 3, false);
  table.prepare_state(UpdateKind::kAdam);
  EXPECT_EQ(table.state_bytes(), 0u);
}

TEST(Table, TakesItsStateOnce) {
  Table table("t", 7, 3);
  table.prepare_state(UpdateKind::kAdagrad);
  const float* state = table.state();
  EXPECT_EQ(error_text([&] { table.prepare_state(UpdateKind::kAdagrad); }),
            "[table t] has an optimizer's state: got another call of prepare_state, expected one");
  EXPECT_EQ(table.state(), state);
}

TEST(Table, TakesNoStateOnceItsAddressesAreKept) {
  Table table("t", 7, 3);
  table.pin();
  EXPECT_EQ(error_text([&] { table.prepare_state(UpdateKind::kAdagrad); }),
            "[table t] gets its optimizer's state too late: got prepare_state after a step was "
            "made, expected before");
}

TEST(Table, RejectsNoRowsAndNoColumns) {
  EXPECT_EQ(error_text([] { Table("t", 0, 3); }),
            "[table t] empty: got 0 rows of 3, expected at least 1 of 1");
  EXPECT_EQ(error_text([] { Table("t", 3, 0); }),
            "[table t] empty: got 3 rows of 0, expected at least 1 of 1");
}

}  // namespace
}  // namespace hotrow
