// One field of text as a number, where it is a plain one.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "data/parse_number.h"
#include "data/text_numbers.h"

namespace hotrow::text {

// A field inside a piece, with eight bytes before its end and one behind it that can be read.
struct Field {
  const char* begin;
  size_t size;

  const char* end() const { return begin + size; }
  std::string_view text() const { return {begin, size}; }
};

// "-12" and "12"; `value` is 0 for nothing. False for what needs more care.
inline bool read_integer(Field field, int64_t& value) {
  const bool negative = *field.begin == '-';
  const size_t digits = field.size - negative;
  uint32_t number = 0;
  const bool ok = decimal(padded_digits(field.end(), digits), number);
  value = negative ? -static_cast<int64_t>(number) : number;
  if (field.size == 0) value = 0;
  return (ok && digits - 1 < kMaxFast) || field.size == 0;
}

// Hexadecimal digits of either case, likewise.
inline bool read_hex(Field field, int64_t& value) {
  uint32_t number = 0;
  const bool ok = hexadecimal(padded_digits(field.end(), field.size), number);
  value = field.size == 0 ? 0 : number;
  return (ok && field.size <= kMaxFast) || field.size == 0;
}

// Any int64.
inline bool read_long_integer(Field field, int64_t& value) {
  if (field.size <= kMaxFast) [[likely]]
    return read_integer(field, value);
  return parse_number(field.text(), value);
}

// Any finite number.
inline bool read_real(Field field, double& value) {
  return parse_number(field.text(), value) && std::isfinite(value);
}

}  // namespace hotrow::text
