#include "data/text_layout.h"

#include <algorithm>

#include "data/text_values.h"
#include "kernels/core/check.h"

namespace hotrow {
namespace {

// Whether a word for a missing value, other than nothing, is a value of the column's type too.
bool missing_looks_like_a_value(const TextSchema& schema, const TextColumn& column) {
  if (column.role == TextColumn::Role::kLabel || column.type == ColumnType::kText) return false;
  TextSchema plain = schema;
  plain.missing = {""};
  std::vector<uint64_t> keys;
  for (const std::string& word : schema.missing) {
    try {
      if (word.empty()) continue;
      if (column.role == TextColumn::Role::kNumerical) {
        text::number_of(plain, column, word);
      } else {
        text::append_keys(keys, plain, column, word);
      }
      return true;
    } catch (const text::FieldError&) {
    }
  }
  return false;
}

}  // namespace

TextLayout lay_out(const TextSchema& schema, const std::string& file, std::string_view first_line) {
  TextLayout layout;
  layout.schema = schema;
  if (schema.header) layout.header = first_line;
  std::vector<std::string> names;
  for (std::string_view field : text::cut_fields(first_line, schema.separator, schema.quotes)) {
    text::QuoteFault fault;
    std::string name(field);
    if (schema.quotes && !text::unquote(name, field, fault)) name = field;
    names.push_back(std::move(name));
  }
  const size_t width = schema.num_columns > 0 ? schema.num_columns : names.size();
  layout.shape = {schema.separator, schema.quotes, width};
  names.resize(width);
  for (const TextColumn& column : schema.columns) {
    layout.columns.push_back({column, find_column(schema, column.ref, file, names)});
    layout.fast = layout.fast && !missing_looks_like_a_value(schema, column);
  }
  std::sort(layout.columns.begin(), layout.columns.end(),
            [](const auto& a, const auto& b) { return a.place < b.place; });
  for (size_t i = 1; i < layout.columns.size(); ++i) {
    const TextColumn& column = layout.columns[i].column;
    require<DataError>(layout.columns[i - 1].place != layout.columns[i].place,
                       "[{}] repeated column: got '{}' again, expected each of them once",
                       column.ref.origin, column.name);
  }
  return layout;
}

}  // namespace hotrow
