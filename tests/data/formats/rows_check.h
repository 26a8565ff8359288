// All samples of a RowSource at once, held against the contract of data/rows.h.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <stdexcept>
#include <string>

#include "data/rows.h"

namespace hotrow::test {

// Throws std::logic_error where `rows` breaks what RowSource promises of `schema`.
inline void check_rows(const Rows& rows, const Schema& schema) {
  const auto must = [](bool ok, const char* what) {
    if (!ok) throw std::logic_error(what);
  };
  const auto n = static_cast<size_t>(rows.rows);
  must(rows.labels.size() == n && rows.dense.size() == n * schema.num_dense(), "sizes");
  must(rows.sparse.size() == schema.num_tables() && !rows.source.empty(), "tables");
  for (size_t t = 0; t < schema.num_tables(); ++t) {
    const SparseFeature& feature = rows.sparse[t];
    const CategoricalColumn& column = schema.categorical[t];
    must(feature.offsets.size() == n + 1 && feature.offsets[0] == 0, "offsets");
    must(feature.offsets[n] == static_cast<int64_t>(feature.ids.size()), "last offset");
    for (size_t r = 0; r < n; ++r) {
      const int64_t count = feature.offsets[r + 1] - feature.offsets[r];
      must(count >= 0 && count <= column.hotness, "hotness");
      must(!column.fixed_hotness || count == column.hotness, "fixed hotness");
    }
    for (int64_t id : feature.ids) {
      must(id >= 0 && (column.cardinality == 0 || id < column.cardinality), "ids");
    }
  }
}

inline void append(Rows& all, const Rows& rows) {
  all.rows += rows.rows;
  all.source = rows.source;
  all.labels.insert(all.labels.end(), rows.labels.begin(), rows.labels.end());
  all.dense.insert(all.dense.end(), rows.dense.begin(), rows.dense.end());
  for (size_t t = 0; t < rows.sparse.size(); ++t) {
    SparseFeature& to = all.sparse[t];
    for (size_t r = 0; r < static_cast<size_t>(rows.rows); ++r) {
      to.offsets.push_back(to.offsets.back() + rows.sparse[t].offsets[r + 1] -
                           rows.sparse[t].offsets[r]);
    }
    to.ids.insert(to.ids.end(), rows.sparse[t].ids.begin(), rows.sparse[t].ids.end());
  }
}

// From where `source` stands to its end, in blocks of `block` rows, each of them checked.
inline Rows read_all(RowSource& source, int64_t block = 7) {
  Rows all, rows;
  all.start(source.schema());
  while (source.next(rows, block)) {
    check_rows(rows, source.schema());
    if (rows.rows < 1 || rows.rows > block) throw std::logic_error("size of a block");
    append(all, rows);
  }
  return all;
}

inline void expect_same_rows(const Rows& a, const Rows& b) {
  ASSERT_EQ(a.rows, b.rows);
  EXPECT_EQ(a.labels, b.labels);
  EXPECT_EQ(a.dense, b.dense);
  ASSERT_EQ(a.sparse.size(), b.sparse.size());
  for (size_t t = 0; t < a.sparse.size(); ++t) {
    EXPECT_EQ(a.sparse[t].ids, b.sparse[t].ids) << t;
    EXPECT_EQ(a.sparse[t].offsets, b.sparse[t].offsets) << t;
  }
}

}  // namespace hotrow::test
