// Short fields of one column to numbers, several at once: what data/text_numbers.h does to one.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace hotrow::text {

struct ShortFields {
  static constexpr size_t kMost = 64;
  using Words = std::array<uint64_t, kMost>;

  alignas(64) Words bytes{};  // the eight before a field's end
  alignas(64) Words sizes{};  // 0 to 8
};

// Fields [0, count) as hexadecimal digits of either case, an empty one as 0. False if one of them
// is something else; `values` then say nothing. Those from `count` on never do.
bool read_hexadecimals(ShortFields::Words& values, const ShortFields& fields, size_t count);

// The same as decimal integers, with or without '-'; an empty one is NaN.
bool read_decimals(std::array<double, ShortFields::kMost>& values, const ShortFields& fields,
                   size_t count);

}  // namespace hotrow::text
