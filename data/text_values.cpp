#include "data/text_values.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "data/excerpt.h"
#include "data/parse_number.h"
#include "kernels/core/check.h"

namespace hotrow::text {
namespace {

constexpr size_t kMaxHexDigits = 8;
constexpr int64_t kMaxExact = int64_t{1} << 53;  // whole numbers that a double holds

[[noreturn]] void fail(LineFault fault, const TextColumn& column, std::string_view field,
                       std::string_view expected, size_t at = 0) {
  throw FieldError{
      fault, fmt::format("{}: got {}, expected {}", column.name, quoted_excerpt(field), expected),
      at};
}

bool parse_hex(std::string_view field, uint32_t& value) {
  return field.size() <= kMaxHexDigits && parse_number(field, value, 16);
}

// One value that is not missing.
uint64_t key_of(const TextColumn& column, std::string_view field, size_t at) {
  uint32_t hex = 0;
  int64_t integer = 0;
  switch (column.type) {
    case ColumnType::kHex32:
      if (!parse_hex(field, hex)) {
        const bool list = column.list_separator == '\0' && field.find('|') != field.npos;
        fail(LineFault::kCategory, column, field,
             list ? "up to 8 hexadecimal digits (lists: use --max-ids-per-field=32 to encode, or "
                    "list in a schema)"
                  : "up to 8 hexadecimal digits",
             at);
      }
      integer = hex;
      break;
    case ColumnType::kText:
      return key_of_text(field);
    default:
      if (!parse_number(field, integer)) {
        fail(LineFault::kCategory, column, field, "a 64-bit integer", at);
      }
  }
  if (column.cardinality > 0 && (integer < 0 || integer >= column.cardinality)) {
    fail(LineFault::kCategory, column, field,
         fmt::format("an id of at least 0 and below the cardinality {}", column.cardinality), at);
  }
  return static_cast<uint64_t>(integer);
}

}  // namespace

bool is_missing(const TextSchema& schema, std::string_view field) {
  return std::find(schema.missing.begin(), schema.missing.end(), field) != schema.missing.end();
}

float label_of(const TextSchema& schema, const TextColumn& column, std::string_view field) {
  double number = 0;
  switch (schema.label.kind) {
    case LabelRule::Kind::kEquals:
      return field == schema.label.text ? 1.0f : 0.0f;
    case LabelRule::Kind::kAtLeast:
      if (!parse_number(field, number) || !std::isfinite(number)) {
        fail(LineFault::kLabel, column, field, "a number");
      }
      return number >= schema.label.bound ? 1.0f : 0.0f;
    case LabelRule::Kind::kNumber:
      if (!parse_number(field, number) || !std::isfinite(static_cast<float>(number))) {
        fail(LineFault::kLabel, column, field, "a number that float32 holds");
      }
      return static_cast<float>(number);
    case LabelRule::Kind::kBinary:
      break;
  }
  if (field != "0" && field != "1") fail(LineFault::kLabel, column, field, "0 or 1");
  return field == "1" ? 1.0f : 0.0f;
}

double number_of(const TextSchema& schema, const TextColumn& column, std::string_view field) {
  if (is_missing(schema, field)) return std::numeric_limits<double>::quiet_NaN();
  double number = 0;
  if (column.type == ColumnType::kFloat64) {
    if (!parse_number(field, number) || !std::isfinite(number)) {
      fail(LineFault::kNumber, column, field, "a finite number or nothing");
    }
    return number;
  }
  const bool narrow = column.type == ColumnType::kInt32;
  int64_t integer = 0;
  const bool ok =
      parse_number(field, integer) && (narrow ? integer == static_cast<int32_t>(integer)
                                              : integer >= -kMaxExact && integer <= kMaxExact);
  if (!ok) {
    fail(LineFault::kNumber, column, field,
         narrow ? "a 32-bit integer or nothing" : "an integer of at most 2^53 or nothing");
  }
  return static_cast<double>(integer);
}

void append_keys(std::vector<uint64_t>& keys, const TextSchema& schema, const TextColumn& column,
                 std::string_view field) {
  if (is_missing(schema, field)) {
    if (column.empty_is_zero) keys.push_back(0);
    return;
  }
  if (column.list_separator == '\0') return keys.push_back(key_of(column, field, 0));
  int64_t count = 0;
  for (size_t begin = 0; begin <= field.size(); ++count) {
    const size_t end = std::min(field.find(column.list_separator, begin), field.size());
    const std::string_view value = field.substr(begin, end - begin);
    if (value.empty()) {
      throw FieldError{LineFault::kCategory,
                       fmt::format("{}: got nothing beside a '{}', expected a value", column.name,
                                   column.list_separator),
                       begin};
    }
    if (count == column.max_values) {
      throw FieldError{LineFault::kCategory,
                       fmt::format("{}: got more than {} values, expected at most that many "
                                   "(max_values of the schema, or --max-ids-per-field, raises the "
                                   "limit)",
                                   column.name, column.max_values),
                       begin};
    }
    keys.push_back(is_missing(schema, value) ? 0 : key_of(column, value, begin));
    begin = end + 1;
  }
}

uint64_t key_of_text(std::string_view text) { return XXH3_64bits(text.data(), text.size()); }

}  // namespace hotrow::text
