// Random rows of a schema, and comparisons of what became of them.
#pragma once

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "data/batch_rows.h"
#include "data/rows.h"
#include "kernels/core/check.h"

namespace hotrow::test {

// Columns of all kinds: numbers small and large, whole and not, some missing; bags of one id, of
// three, of zero to five; cardinalities on both sides of each width.
inline Schema mixed_schema() {
  Schema schema;
  schema.label = {"click", ColumnType::kBool};
  schema.numerical = {{"small", ColumnType::kInt32, Transform::kNone, Transform::kLog1p},
                      {"signed", ColumnType::kInt64, Transform::kNone, Transform::kLog3p},
                      {"wide", ColumnType::kInt32, Transform::kNone, Transform::kNone},
                      {"half", ColumnType::kFloat16, Transform::kLog1p, Transform::kLog1p},
                      {"single", ColumnType::kFloat32, Transform::kNone, Transform::kLog3p},
                      {"double", ColumnType::kFloat64, Transform::kNone, Transform::kNone}};
  schema.categorical = {{"tiny", ColumnType::kInt32, 3, 1, true},
                        {"byte", ColumnType::kHex32, 256, 1, true},
                        {"two_bytes", ColumnType::kText, 60'000, 3, true},
                        {"bags", ColumnType::kInt32, 5'000'000, 5, false},
                        {"eight_bytes", ColumnType::kInt64, int64_t{1} << 40, 2, false}};
  return schema;
}

class RowsMaker {
 public:
  explicit RowsMaker(uint32_t seed) : random_(seed) {}

  // Rows of mixed_schema().
  Rows mixed(const Schema& schema, int64_t rows) {
    Rows made;
    made.start(schema);
    made.rows = rows;
    made.source = "made";
    for (int64_t b = 0; b < rows; ++b) {
      made.labels.push_back(static_cast<double>(draw(0, 1)));
      const double numbers[] = {static_cast<double>(draw(0, 200)),
                                static_cast<double>(draw(-9'000, 30'000)),
                                static_cast<double>(draw(-2'000'000'000, 2'000'000'000)),
                                static_cast<double>(draw(-2048, 2047)) / 64,
                                static_cast<double>(static_cast<float>(real())),
                                real()};
      for (double x : numbers)
        made.dense.push_back(draw(0, 5) == 0 ? std::numeric_limits<double>::quiet_NaN() : x);
      for (size_t t = 0; t < schema.num_tables(); ++t)
        add_bag(made.sparse[t], schema.categorical[t]);
    }
    return made;
  }

  int64_t draw(int64_t low, int64_t high) {
    return std::uniform_int_distribution<int64_t>(low, high)(random_);
  }

 private:
  double real() { return std::uniform_real_distribution<double>(-1, 5'000)(random_); }
  void add_bag(SparseFeature& feature, const CategoricalColumn& column) {
    const int64_t size = column.fixed_hotness ? column.hotness : draw(0, column.hotness);
    for (int64_t k = 0; k < size; ++k) feature.ids.push_back(draw(0, column.cardinality - 1));
    feature.offsets.push_back(std::ssize(feature.ids));
  }

  std::mt19937 random_;
};

// Equal, missing values too: NaN is NaN.
inline void expect_same_numbers(const std::vector<double>& a, const std::vector<double>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t k = 0; k < a.size(); ++k) {
    ASSERT_TRUE(std::isnan(a[k]) ? std::isnan(b[k])
                                 : std::bit_cast<uint64_t>(a[k]) == std::bit_cast<uint64_t>(b[k]))
        << "place " << k << ": " << a[k] << " and " << b[k];
  }
}

inline void expect_same_rows(const Rows& a, const Rows& b) {
  ASSERT_EQ(a.rows, b.rows);
  ASSERT_EQ(a.labels, b.labels);
  expect_same_numbers(a.dense, b.dense);
  ASSERT_EQ(a.sparse.size(), b.sparse.size());
  for (size_t t = 0; t < a.sparse.size(); ++t) {
    ASSERT_EQ(a.sparse[t].offsets, b.sparse[t].offsets) << "table " << t;
    ASSERT_EQ(a.sparse[t].ids, b.sparse[t].ids) << "table " << t;
  }
}

inline void expect_same_batch(const Batch& a, const Batch& b) {
  ASSERT_EQ(a.rows, b.rows);
  ASSERT_EQ(a.labels, b.labels);
  ASSERT_EQ(a.dense, b.dense);
  ASSERT_EQ(a.sparse.size(), b.sparse.size());
  for (size_t t = 0; t < a.sparse.size(); ++t) {
    ASSERT_EQ(a.sparse[t].offsets, b.sparse[t].offsets) << "table " << t;
    ASSERT_EQ(a.sparse[t].ids, b.sparse[t].ids) << "table " << t;
  }
}

// Rows [begin, end) of `rows`.
inline Rows part_of(const Rows& rows, const Schema& schema, int64_t begin, int64_t end) {
  Rows part;
  part.start(schema);
  part.rows = end - begin;
  part.source = rows.source;
  part.first_row = begin;
  const auto width = static_cast<int64_t>(schema.num_dense());
  part.labels.assign(rows.labels.begin() + begin, rows.labels.begin() + end);
  part.dense.assign(rows.dense.begin() + begin * width, rows.dense.begin() + end * width);
  for (size_t t = 0; t < rows.sparse.size(); ++t) {
    const SparseFeature& from = rows.sparse[t];
    for (auto b = static_cast<size_t>(begin); b < static_cast<size_t>(end); ++b) {
      part.sparse[t].ids.insert(part.sparse[t].ids.end(), from.ids.begin() + from.offsets[b],
                                from.ids.begin() + from.offsets[b + 1]);
      part.sparse[t].offsets.push_back(std::ssize(part.sparse[t].ids));
    }
  }
  return part;
}

// The batch that training gets for rows [begin, end).
inline Batch batch_of(const Rows& rows, const Schema& schema, int64_t begin, int64_t end) {
  Batch batch;
  size_batch(batch, schema, end - begin);
  put_rows(batch, 0, part_of(rows, schema, begin, end), schema);
  cut_batch(batch, schema, end - begin);
  return batch;
}

// Rows in memory as a source, which gives at most `run` of them at a time.
class MemorySource : public RowSource {
 public:
  struct Options {
    int64_t run = 1 << 20;
    bool can_seek = true;
    bool knows_rows = true;
  };
  MemorySource(Schema schema, Rows rows, Options options)
      : schema_(std::move(schema)), rows_(std::move(rows)), options_(options) {}

  const Schema& schema() const override { return schema_; }
  std::vector<std::string> files() const override { return {}; }
  int64_t num_rows() const override { return options_.knows_rows ? rows_.rows : kUnknown; }
  bool can_seek() const override { return options_.can_seek; }
  void seek(int64_t row) override {
    ASSERT_TRUE(row == 0 || options_.can_seek);
    at_ = row;
  }
  bool next(Rows& rows, int64_t max_rows) override {
    const int64_t end = std::min(rows_.rows, at_ + std::min(max_rows, options_.run));
    rows = part_of(rows_, schema_, at_, end);
    at_ = end;
    return rows.rows > 0;
  }

 private:
  Schema schema_;
  Rows rows_;
  Options options_;
  int64_t at_ = 0;
};

}  // namespace hotrow::test
