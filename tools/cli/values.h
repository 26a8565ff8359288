// Text of one flag to a value. All throw InvalidArgument: the flag, what was found, what was
// expected.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hotrow {

struct IntRange {
  int64_t min = std::numeric_limits<int64_t>::min();
  int64_t max = std::numeric_limits<int64_t>::max();
  std::optional<int64_t> unset = std::nullopt;  // one more value, below min, that means "not set"

  bool contains(int64_t x) const { return (x >= min && x <= max) || x == unset; }
  std::string describe() const;  // "an integer of at least 1"
};

// Finite numbers only.
struct RealRange {
  double min = -std::numeric_limits<double>::infinity();
  double max = std::numeric_limits<double>::infinity();
  bool below_max = false;  // max itself is outside

  bool contains(double x) const;
  std::string describe() const;  // "a number from 0 to 1"
};

int64_t parse_integer(std::string_view flag, std::string_view text, const IntRange& range);
double parse_real(std::string_view flag, std::string_view text, const RealRange& range);
// True, False, 1, 0, yes, no in any case; empty (the flag given bare) is true.
bool parse_bool(std::string_view flag, std::string_view text);

// "4-3-2": sizes in [1, max], at least `min_count` of them.
std::vector<int64_t> parse_sizes(std::string_view flag, std::string_view text, int64_t max,
                                 int64_t min_count);
// "1,64,4096": at least one integer in [1, max].
std::vector<int64_t> parse_list(std::string_view flag, std::string_view text, int64_t max);
// "1.0-2.5": exactly `count` finite numbers of at least 0.
std::vector<double> parse_reals(std::string_view flag, std::string_view text, int64_t count);

}  // namespace hotrow
