// Samples of any schema, the same for the same seed.
#pragma once

#include <algorithm>
#include <random>
#include <vector>

#include "data/rows.h"

namespace hotrow::test {

// Whole numbers from 0 to 2^24, ids over each table's whole range, bags of each column's sizes.
inline Rows sample_rows(const Schema& schema, int64_t count, uint32_t seed = 1) {
  std::mt19937 random(seed);
  const auto draw = [&](int64_t low, int64_t high) {
    return std::uniform_int_distribution<int64_t>(low, high)(random);
  };
  Rows rows;
  rows.start(schema);
  rows.rows = count;
  rows.source = "samples";
  for (int64_t r = 0; r < count; ++r) {
    rows.labels.push_back(static_cast<double>(draw(0, 1)));
    for (size_t j = 0; j < schema.num_dense(); ++j) {
      rows.dense.push_back(static_cast<double>(draw(0, int64_t{1} << draw(0, 24))));
    }
    for (size_t t = 0; t < schema.num_tables(); ++t) {
      const CategoricalColumn& column = schema.categorical[t];
      const int64_t bag = column.fixed_hotness ? column.hotness : draw(0, column.hotness);
      for (int64_t k = 0; k < bag; ++k) {
        rows.sparse[t].ids.push_back(draw(0, column.cardinality - 1));
      }
      rows.sparse[t].offsets.push_back(static_cast<int64_t>(rows.sparse[t].ids.size()));
    }
  }
  return rows;
}

// 13 numerical columns, 26 tables of 1, 8, 15, ... rows.
inline Schema sized_criteo_schema() {
  Schema schema = criteo_schema();
  for (size_t t = 0; t < schema.num_tables(); ++t) {
    schema.categorical[t].type = ColumnType::kInt32;
    schema.categorical[t].cardinality = 1 + 7 * static_cast<int64_t>(t);
  }
  return schema;
}

// 4 numerical columns; 3 tables of 1, 3 and 5 ids a sample, the last at the most.
inline Schema multi_hot_schema(bool fixed = false) {
  Schema schema = criteo_schema(4, 3);
  for (size_t t = 0; t < 3; ++t) {
    schema.categorical[t].cardinality = 9 + static_cast<int64_t>(t);
    schema.categorical[t].hotness = 1 + 2 * static_cast<int64_t>(t);
  }
  schema.categorical[2].fixed_hotness = fixed;
  return schema;
}

// Writes `rows` and finishes; gives what was lost.
inline std::vector<std::string> write_all(RowSink& sink, const Rows& rows) {
  sink.write(rows);
  sink.finish();
  return sink.losses();
}

}  // namespace hotrow::test
