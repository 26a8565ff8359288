#include "data/batch_rows.h"

#include <gtest/gtest.h>

#include <limits>

#include "tests/data/rows_maker.h"
#include "tests/support/expect_throws.h"

namespace hotrow {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

Schema small_schema() {
  Schema schema;
  schema.numerical = {{"x", ColumnType::kInt32, Transform::kNone, Transform::kLog1p},
                      {"y", ColumnType::kFloat32, Transform::kNone, Transform::kNone}};
  schema.categorical = {{"one", ColumnType::kInt32, 10, 1, true},
                        {"bag", ColumnType::kInt32, 100, 3, false}};
  return schema;
}

Rows three_rows() {
  Rows rows;
  rows.rows = 3;
  rows.labels = {1, 0, 1};
  rows.dense = {0, -1.5, 7, kNan, kNan, 2};
  rows.sparse = {{{0, 1, 2, 3}, {9, 0, 4}}, {{0, 2, 2, 5}, {7, 99, 1, 1, 0}}};
  rows.source = "clicks.csv";
  rows.first_row = 40;
  return rows;
}

TEST(BatchRows, RowsBecomeSamples) {
  const Schema schema = small_schema();
  Batch batch;
  size_batch(batch, schema, 6);
  put_rows(batch, 0, three_rows(), schema);
  put_rows(batch, 3, three_rows(), schema);
  cut_batch(batch, schema, 5);
  EXPECT_EQ(batch.rows, 5);
  EXPECT_EQ(batch.source, "clicks.csv");
  EXPECT_EQ(batch.labels, (std::vector<float>{1, 0, 1, 1, 0}));
  const float log8 = std::log(8.0f);
  EXPECT_EQ(batch.dense, (std::vector<float>{0, -1.5, log8, 0, 0, 2, 0, -1.5, log8, 0}));
  EXPECT_EQ(batch.sparse[0].offsets, (std::vector<int64_t>{0, 1, 2, 3, 4, 5}));
  EXPECT_EQ(batch.sparse[0].ids, (std::vector<int64_t>{9, 0, 4, 9, 0}));
  EXPECT_EQ(batch.sparse[1].offsets, (std::vector<int64_t>{0, 2, 2, 5, 7, 7}));
  EXPECT_EQ(batch.sparse[1].ids, (std::vector<int64_t>{7, 99, 1, 1, 0, 7, 99}));
}

TEST(BatchRows, GatheredBagsStayWhole) {
  const Schema schema = small_schema();
  const Batch from = test::batch_of(three_rows(), schema, 0, 3);
  Batch out;
  size_batch(out, schema, 4);
  const std::vector<int64_t> first = {2}, more = {0, 2, 1};
  gather_rows(out, from, schema, first, 0);
  gather_rows(out, from, schema, more, 1);
  cut_batch(out, schema, 4);
  EXPECT_EQ(out.labels, (std::vector<float>{1, 1, 1, 0}));
  EXPECT_EQ(out.dense[0], 0);
  EXPECT_EQ(out.dense[1], 2);
  EXPECT_EQ(out.dense[3], -1.5);
  EXPECT_EQ(out.sparse[0].ids, (std::vector<int64_t>{4, 9, 4, 0}));
  EXPECT_EQ(out.sparse[1].offsets, (std::vector<int64_t>{0, 3, 5, 8, 8}));
  EXPECT_EQ(out.sparse[1].ids, (std::vector<int64_t>{1, 1, 0, 7, 99, 1, 1, 0}));
}

TEST(BatchRows, DataWithoutNumbersHaveOneThatIsZero) {
  Schema schema = small_schema();
  schema.numerical.clear();
  EXPECT_EQ(batch_shape(schema, "clicks.csv").num_dense, 1);
  Rows rows = three_rows();
  rows.dense.clear();
  const Batch from = test::batch_of(rows, schema, 0, 3);
  EXPECT_EQ(from.dense, (std::vector<float>(3)));
  Batch out;
  size_batch(out, schema, 2);
  const std::vector<int64_t> places = {2, 0};
  gather_rows(out, from, schema, places, 0);
  EXPECT_EQ(out.dense, (std::vector<float>(2)));
  EXPECT_EQ(out.sparse[0].ids, (std::vector<int64_t>{4, 9}));
  cut_batch(out, schema, 1);
  EXPECT_EQ(out.dense, (std::vector<float>(1)));
}

TEST(BatchRows, AnIdOutsideItsTableIsNamed) {
  const Schema schema = small_schema();
  Batch batch;
  size_batch(batch, schema, 3);
  Rows rows = three_rows();
  rows.sparse[1].ids[3] = 100;
  EXPECT_THROWS(
      DataError,
      "[clicks.csv] column bag, row 42: got id 100, expected from 0 to 99 (its cardinality is 100)",
      put_rows(batch, 0, rows, schema));
  rows = three_rows();
  rows.sparse[0].ids[1] = -1;
  EXPECT_THROWS(DataError, "[clicks.csv] column one, row 41: got id -1, expected from 0 to 9",
                put_rows(batch, 0, rows, schema));
}

TEST(BatchRows, LabelsThatTrainingTakes) {
  const float nan = std::numeric_limits<float>::quiet_NaN(),
              infinity = std::numeric_limits<float>::infinity();
  const LabelColumn column = {"click", ColumnType::kInt32};
  const auto check = [&](float label, Labels allowed) {
    check_labels(std::vector<float>{1, 0, label, 1}, allowed, "clicks.csv", column, 40);
  };
  for (float bad : {2.0f, -1.0f, 0.5f, nan, infinity}) {
    EXPECT_THROWS(DataError,
                  fmt::format("[clicks.csv] column click, row 42: got label {}, expected 0 or 1 "
                              "(--loss-function=mse takes any number)",
                              bad),
                  check(bad, Labels::kZeroOrOne));
  }
  for (float bad : {nan, infinity, -infinity}) {
    EXPECT_THROWS(DataError,
                  fmt::format("[clicks.csv] column click, row 42: got label {}, expected a finite "
                              "number",
                              bad),
                  check(bad, Labels::kNumbers));
  }
  check(0, Labels::kZeroOrOne);
  check(-3.4e38f, Labels::kNumbers);
}

TEST(BatchRows, ABagOfAnotherSizeIsNamed) {
  Schema schema = small_schema();
  schema.categorical[1].hotness = 2;
  Batch batch;
  size_batch(batch, schema, 3);
  EXPECT_THROWS(DataError, "[clicks.csv] column bag, row 42: got 3 ids, expected at most 2",
                put_rows(batch, 0, three_rows(), schema));
  schema.categorical[1].fixed_hotness = true;
  EXPECT_THROWS(DataError, "[clicks.csv] column bag, row 41: got 0 ids, expected exactly 2",
                put_rows(batch, 0, three_rows(), schema));
}

TEST(BatchRows, TheShapeIsThatOfTheSchema) {
  Schema schema = small_schema();
  BatchShape shape = batch_shape(schema, "clicks.csv");
  EXPECT_EQ(shape.num_dense, 2);
  ASSERT_EQ(shape.categorical.size(), 2u);
  EXPECT_EQ(shape.categorical[1].name, "bag");
  EXPECT_EQ(shape.categorical[1].rows, 100);
  EXPECT_EQ(shape.categorical[1].max_ids_per_bag, 3);
  EXPECT_EQ(batch_shape(schema, "clicks.csv", 50).categorical[0].rows, 10);
  EXPECT_EQ(batch_shape(schema, "clicks.csv", 50).categorical[1].rows, 50);
  schema.categorical[0].cardinality = 0;
  EXPECT_EQ(batch_shape(schema, "clicks.csv", 50).categorical[0].rows, 50);
  EXPECT_THROWS(InvalidArgument, "[clicks.csv] column one: got no cardinality, expected one",
                batch_shape(schema, "clicks.csv"));
}

}  // namespace
}  // namespace hotrow
