#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <string>
#include <vector>

#include "data/text_parser.h"
#include "data/text_schema.h"
#include "kernels/core/check.h"
#include "tests/fuzz/text_fuzz.h"

namespace hotrow::test {
namespace {

void must(bool ok) {
  if (!ok) std::abort();
}

const std::vector<TextSchema>& schemas() {
  static const std::vector<TextSchema> all = {
      criteo_text_schema(), criteo_text_schema(2, 2, 4),
      parse_text_schema("columns: [y, a, b, c, d, e]\n"
                        "label: {column: y, at_least: 3.5}\n"
                        "missing: [\"NULL\", \"-1\"]\n"
                        "numerical: [a, {columns: b, type: int}]\n"
                        "categorical: [c, {columns: d, list: \"|\", max_values: 3}, "
                        "{columns: e, type: int, cardinality: 100}]\n",
                        "fuzz"),
      parse_text_schema("separator: tab\nquotes: true\nlabel: {column: 2, equals: pv}\n"
                        "categorical: [{columns: 1, type: int}, 3]\n",
                        "fuzz"),
      parse_text_schema("label: {column: 1, type: float}\nnumerical: [2]\n", "fuzz")};
  return all;
}

void check_rows(const RawRows& rows, const Schema& schema, size_t lines) {
  const auto n = static_cast<size_t>(rows.rows);
  must(n + rows.bad.size() == lines);
  must(rows.labels.size() == n && rows.dense.size() == n * schema.num_dense());
  const bool numbers = schema.label.type == ColumnType::kFloat32;
  must(std::all_of(rows.labels.begin(), rows.labels.end(),
                   [&](float y) { return y == 0 || y == 1 || (numbers && std::isfinite(y)); }));
  must(std::none_of(rows.dense.begin(), rows.dense.end(), [](double x) { return std::isinf(x); }));
  must(rows.sparse.size() == schema.num_tables());
  for (size_t t = 0; t < rows.sparse.size(); ++t) {
    const RawFeature& feature = rows.sparse[t];
    const CategoricalColumn& column = schema.categorical[t];
    must(feature.offsets.size() == n + 1 && feature.offsets[0] == 0);
    must(feature.offsets.back() == std::ssize(feature.keys));
    for (size_t b = 0; b < n; ++b) {
      const int64_t count = feature.offsets[b + 1] - feature.offsets[b];
      must(count >= (column.fixed_hotness ? column.hotness : 0) && count <= column.hotness);
    }
    for (uint64_t key : feature.keys) {
      must(column.cardinality == 0 || key < static_cast<uint64_t>(column.cardinality));
      must(column.type != ColumnType::kHex32 || key <= 0xffffffff);
    }
  }
  for (size_t i = 1; i < rows.bad.size(); ++i) must(rows.bad[i - 1].line < rows.bad[i].line);
}

}  // namespace

int64_t fuzz_text(std::string_view input) {
  if (input.empty()) return 0;
  const TextSchema& schema = schemas()[static_cast<uint8_t>(input[0]) % schemas().size()];
  input.remove_prefix(1);
  TextPiece piece;
  piece.text.assign(input.begin(), input.end());
  piece.first_line = 1;
  RawRows rows;
  try {
    const TextLayout layout = lay_out(schema, "fuzz", input.substr(0, input.find('\n')));
    parse_text(rows, layout, "fuzz", piece);
  } catch (const DataError&) {
    return 0;
  }
  const auto lines = static_cast<size_t>(std::count(input.begin(), input.end(), '\n'));
  check_rows(rows, schema.schema, lines + (!input.empty() && input.back() != '\n'));
  return rows.rows;
}

bool fuzz_text_schema(std::string_view input) {
  try {
    const TextSchema schema = parse_text_schema(std::string(input), "fuzz");
    must(!schema.columns.empty() && schema.columns[0].role == TextColumn::Role::kLabel);
    must(schema.columns.size() == 1 + schema.schema.num_dense() + schema.schema.num_tables());
    return true;
  } catch (const DataError&) {
    return false;
  }
}

}  // namespace hotrow::test
