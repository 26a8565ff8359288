// One field to a value, with care: whatever a field may hold, and the error text for the rest.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "data/bad_lines.h"
#include "data/text_schema.h"

namespace hotrow::text {

// Thrown, inside the parser alone, for a field that cannot be read; `at` is its wrong byte.
struct FieldError {
  LineFault fault;
  std::string what;  // "I1: got 'x', expected a 32-bit integer or nothing"
  size_t at = 0;
};

bool is_missing(const TextSchema& schema, std::string_view field);

// All take the field's text without quotes and throw FieldError.
float label_of(const TextSchema& schema, const TextColumn& column, std::string_view field);
// NaN: missing.
double number_of(const TextSchema& schema, const TextColumn& column, std::string_view field);
// Appends the keys (data/raw_rows.h) of the values in the field.
void append_keys(std::vector<uint64_t>& keys, const TextSchema& schema, const TextColumn& column,
                 std::string_view field);

// The key of a text.
uint64_t key_of_text(std::string_view text);

}  // namespace hotrow::text
