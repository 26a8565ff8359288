#include "data/encode/id_scheme.h"

#include <array>
#include <limits>
#include <utility>

#include "data/parse_number.h"
#include "kernels/core/check.h"

namespace hotrow {
namespace {

constexpr int64_t kLargestFrequency = int64_t{1} << 62;

constexpr std::array kOrders = {std::pair{IdOrder::kFirst, std::string_view("first")},
                                std::pair{IdOrder::kFrequency, std::string_view("frequency")},
                                std::pair{IdOrder::kHash, std::string_view("hash")}};

int64_t parse_frequency(std::string_view text) {
  int64_t value = 0;
  require(parse_number(text, value) && value >= 1 && value <= kLargestFrequency,
          "[--min-frequency] got '{}', expected a number of at least 1 (K or K,COLUMN:K,...)",
          text);
  return value;
}

size_t find_categorical(std::string_view name, const Schema& schema) {
  for (size_t c = 0; c < schema.num_tables(); ++c) {
    if (schema.categorical[c].name == name) return c;
  }
  std::string names;
  for (const CategoricalColumn& column : schema.categorical) {
    names += (names.empty() ? "" : ", ") + column.name;
  }
  throw InvalidArgument(
      fmt::format("[--min-frequency] no such column: got '{}', expected one of {}", name, names));
}

}  // namespace

std::string_view name_of(IdOrder order) { return kOrders[static_cast<size_t>(order)].second; }

IdOrder parse_id_order(std::string_view name) {
  for (const auto& [order, text] : kOrders) {
    if (text == name) return order;
  }
  throw InvalidArgument(fmt::format("[ids] got '{}', expected first, frequency or hash", name));
}

IdScheme id_convention(std::string_view name) {
  if (name == "hotrow") return {};
  if (name == "reference") return {.first_id = 0, .unseen_id = IdScheme::kNoRow};
  if (name == "nvidia") return {.order = IdOrder::kFrequency, .min_frequency = 15};
  if (name == "torchrec") return {.first_id = 2, .unseen_id = 1, .min_frequency = 3};
  throw InvalidArgument(
      fmt::format("[convention] got '{}', expected hotrow, reference, nvidia or torchrec", name));
}

std::vector<int64_t> parse_min_frequencies(std::string_view text, const Schema& schema,
                                           int64_t unset) {
  std::vector<int64_t> result(schema.num_tables(), 0);
  for (bool more = !text.empty(); more;) {
    const size_t comma = text.find(',');
    const std::string_view item = text.substr(0, comma);
    more = comma != std::string_view::npos;
    if (more) text.remove_prefix(comma + 1);
    const size_t colon = item.rfind(':');
    if (colon == std::string_view::npos) {
      unset = parse_frequency(item);
      continue;
    }
    int64_t& frequency = result[find_categorical(item.substr(0, colon), schema)];
    require(frequency == 0,
            "[--min-frequency] column named twice: got '{}' again, expected it once", item);
    frequency = parse_frequency(item.substr(colon + 1));
  }
  for (int64_t& frequency : result) frequency = frequency == 0 ? unset : frequency;
  return result;
}

void check_ids(const IdScheme& scheme, int64_t entries, std::string_view column) {
  const int64_t ids = scheme.order == IdOrder::kHash ? scheme.hash_rows : scheme.first_id + entries;
  require<DataError>(
      ids < std::numeric_limits<uint32_t>::max(),
      "[column {}] too many row ids: got {}, expected fewer than {} (raise the least "
      "frequency, or hash)",
      column, ids, std::numeric_limits<uint32_t>::max());
}

}  // namespace hotrow
