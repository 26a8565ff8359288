#include "tools/cli/values.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>

#include "kernels/core/check.h"

namespace hotrow {
namespace {

enum class Parsed { kOk, kForeign, kTooLarge };

template <class T>
Parsed parse_number(std::string_view text, T& out) {
  if (text.starts_with('+') && !text.starts_with("+-")) text.remove_prefix(1);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (end != text.data() + text.size()) return Parsed::kForeign;
  if (error == std::errc::result_out_of_range) return Parsed::kTooLarge;
  return error == std::errc() ? Parsed::kOk : Parsed::kForeign;
}

std::vector<std::string_view> split_at(char separator, std::string_view text) {
  std::vector<std::string_view> parts;
  for (;;) {
    const size_t at = text.find(separator);
    parts.push_back(text.substr(0, at));
    if (at == std::string_view::npos) return parts;
    text.remove_prefix(at + 1);
  }
}

}  // namespace

std::string IntRange::describe() const {
  const bool below = min != std::numeric_limits<int64_t>::min();
  const bool above = max != std::numeric_limits<int64_t>::max();
  std::string text = unset ? fmt::format("{} or ", *unset) : "";
  if (below && above) return text + fmt::format("an integer from {} to {}", min, max);
  if (below) return text + fmt::format("an integer of at least {}", min);
  return text + (above ? fmt::format("an integer of at most {}", max) : "an integer");
}

bool RealRange::contains(double x) const {
  return std::isfinite(x) && x >= min && (below_max ? x < max : x <= max);
}

std::string RealRange::describe() const {
  if (std::isinf(min)) return "a finite number";
  if (std::isinf(max)) return fmt::format("a finite number of at least {}", min);
  return fmt::format("a number from {} to {}{}", min, below_max ? "below " : "", max);
}

namespace {

template <class T, class Range>
T parse_within(std::string_view flag, std::string_view text, const Range& range,
               std::string_view kind) {
  T value = 0;
  const Parsed parsed = parse_number(text, value);
  require(parsed != Parsed::kForeign, "[{}] is not {}: got '{}', expected {}", flag, kind, text,
          range.describe());
  require(parsed == Parsed::kOk && range.contains(value),
          "[{}] is out of range: got {}, expected {}", flag, text, range.describe());
  return value;
}

std::vector<int64_t> parse_separated(std::string_view flag, std::string_view text, int64_t max,
                                     char separator, std::string_view word) {
  std::vector<int64_t> sizes;
  for (std::string_view part : split_at(separator, text)) {
    int64_t size = 0;
    const bool good = parse_number(part, size) == Parsed::kOk && size >= 1 && size <= max;
    require(
        good,
        "[{}] is not a list of sizes: got '{}' as part {} of '{}', expected integers from 1 to {} "
        "with one {} between them, as in 4{}3{}2",
        flag, part, sizes.size() + 1, text, max, word, separator, separator);
    sizes.push_back(size);
  }
  return sizes;
}

}  // namespace

int64_t parse_integer(std::string_view flag, std::string_view text, const IntRange& range) {
  return parse_within<int64_t>(flag, text, range, "an integer");
}

double parse_real(std::string_view flag, std::string_view text, const RealRange& range) {
  return parse_within<double>(flag, text, range, "a number");
}

bool parse_bool(std::string_view flag, std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (lower.empty() || lower == "true" || lower == "1" || lower == "yes") return true;
  require(lower == "false" || lower == "0" || lower == "no",
          "[{}] is not a truth value: got '{}', expected True, False, 1, 0, yes or no", flag, text);
  return false;
}

std::vector<int64_t> parse_sizes(std::string_view flag, std::string_view text, int64_t max,
                                 int64_t min_count) {
  std::vector<int64_t> sizes = parse_separated(flag, text, max, '-', "dash");
  require(std::ssize(sizes) >= min_count,
          "[{}] has too few sizes: got '{}', expected at least {} of them, as in 4-3-2", flag, text,
          min_count);
  return sizes;
}

std::vector<int64_t> parse_list(std::string_view flag, std::string_view text, int64_t max) {
  return parse_separated(flag, text, max, ',', "comma");
}

std::vector<double> parse_reals(std::string_view flag, std::string_view text, int64_t count) {
  std::vector<double> numbers;
  for (std::string_view part : split_at('-', text)) {
    double number = 0;
    const bool good = parse_number(part, number) == Parsed::kOk && std::isfinite(number);
    require(
        good,
        "[{}] is not a list of numbers: got '{}' as part {} of '{}', expected finite numbers of at "
        "least 0 with one dash between them, as in 1.0-2.5",
        flag, part, numbers.size() + 1, text);
    numbers.push_back(number);
  }
  require(std::ssize(numbers) == count, "[{}] has {} numbers: got '{}', expected {}, as in 1.0-2.5",
          flag, numbers.size(), text, count);
  return numbers;
}

}  // namespace hotrow
