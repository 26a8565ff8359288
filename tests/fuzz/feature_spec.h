// Any bytes as a feature_spec.yaml, and as lines of the files that it describes.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <string>

#include "data/formats/feature_spec.h"
#include "data/formats/spec_csv.h"
#include "kernels/core/check.h"

namespace hotrow::test {

// A DataError, or a description that keeps its rules and that survives being written.
inline void try_feature_spec(const std::string& text) {
  FeatureSpec spec;
  try {
    spec = parse_feature_spec(text, "spec");
  } catch (const DataError&) {
    return;
  }
  for (const auto& column : spec.schema.categorical) {
    if (column.cardinality < (spec.csv ? 0 : 1)) std::abort();
  }
  if (spec.csv) return;
  const std::string written = feature_spec_text(spec);
  if (feature_spec_text(parse_feature_spec(written, "written")) != written) std::abort();
}

// A DataError, or one sample that keeps the rules of its columns.
inline void try_spec_csv_line(const std::string& text) {
  static const Schema schema = {.label = {},
                                .numerical = {{.name = "a"}, {.name = "b"}},
                                .categorical = {{.name = "c", .cardinality = 9}, {.name = "d"}}};
  using Kind = SpecColumn::Kind;
  static const SpecChunk chunk = {{{Kind::kCategorical, 1},
                                   {Kind::kNumerical, 0},
                                   {Kind::kLabel, 0},
                                   {Kind::kNumerical, 1},
                                   {Kind::kCategorical, 0}},
                                  {}};
  Rows rows;
  rows.start(schema);
  rows.labels.resize(1, -1);
  rows.dense.resize(2);
  for (auto& feature : rows.sparse) feature.ids.resize(1, -1);
  try {
    parse_spec_csv_line(rows, 0, {"file", 1, text}, chunk, schema);
  } catch (const DataError&) {
    return;
  }
  const bool good =
      (rows.labels[0] == 0 || rows.labels[0] == 1) && rows.sparse[0].ids[0] >= 0 &&
      rows.sparse[0].ids[0] < 9 && rows.sparse[1].ids[0] >= 0 &&
      std::none_of(rows.dense.begin(), rows.dense.end(), [](double x) { return std::isinf(x); });
  if (!good) std::abort();
}

}  // namespace hotrow::test
