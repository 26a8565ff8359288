#include "data/text_schema.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "kernels/core/check.h"

namespace hotrow {
namespace {

TextColumn column_at(size_t place, TextColumn::Role role, std::string name, ColumnType type,
                     size_t index) {
  TextColumn column;
  column.ref.place = place;
  column.role = role;
  column.name = std::move(name);
  column.type = type;
  column.index = index;
  return column;
}

}  // namespace

TextSchema criteo_text_schema(int64_t num_dense, int64_t num_categorical, int64_t max_values) {
  TextSchema text;
  text.origin = "criteo";
  text.separator = '\t';
  text.missing = {""};
  text.schema = criteo_schema(num_dense, num_categorical);
  text.columns.push_back(column_at(0, TextColumn::Role::kLabel, "label", ColumnType::kInt32, 0));
  for (size_t j = 0; j < text.schema.numerical.size(); ++j) {
    text.columns.push_back(column_at(text.columns.size(), TextColumn::Role::kNumerical,
                                     text.schema.numerical[j].name, ColumnType::kInt32, j));
  }
  for (size_t t = 0; t < text.schema.categorical.size(); ++t) {
    CategoricalColumn& out = text.schema.categorical[t];
    TextColumn column = column_at(text.columns.size(), TextColumn::Role::kCategorical, out.name,
                                  ColumnType::kHex32, t);
    column.list_separator = max_values > 1 ? '|' : '\0';
    column.max_values = out.hotness = max_values;
    out.fixed_hotness = max_values == 1;
    text.columns.push_back(std::move(column));
  }
  text.num_columns = text.columns.size();
  return text;
}

size_t find_column(const TextSchema& schema, const ColumnRef& ref, const std::string& file,
                   const std::vector<std::string>& first_line) {
  if (ref.name.empty()) {
    require<DataError>(ref.place < first_line.size(),
                       "[{}:1:1] too few columns: got {}, expected at least {} ({})", file,
                       first_line.size(), ref.place + 1, ref.origin);
    return ref.place;
  }
  const auto found = std::find(first_line.begin(), first_line.end(), ref.name);
  require<DataError>(schema.header && found != first_line.end(),
                     "[{}:1:1] no column '{}': got a header of {}, expected it there ({})", file,
                     ref.name, fmt::join(first_line, ", "), ref.origin);
  require<DataError>(std::find(found + 1, first_line.end(), ref.name) == first_line.end(),
                     "[{}:1:1] column '{}' is not one: got a header with two of that name, "
                     "expected one (name it by its place; {})",
                     file, ref.name, ref.origin);
  return static_cast<size_t>(found - first_line.begin());
}

}  // namespace hotrow
