#include "data/vocabulary.h"

#include <limits>
#include <utility>

#include "data/mix64.h"
#include "kernels/core/check.h"

namespace hotrow {
namespace {

constexpr int kSmallestTableBits = 4;

constexpr int64_t kMaxFrequency = std::numeric_limits<uint32_t>::max();

// Where the search for `value` starts in a table of 2^(64 - shift) slots: a multiplicative hash.
size_t start_slot(uint64_t value, int shift) {
  return static_cast<size_t>((value * 0x9e3779b97f4a7c15u) >> shift);
}

// Index of the slot that holds what `matches` looks for, or of the free slot where it belongs.
template <class Slots, class Matches>
size_t find_slot(const Slots& slots, uint64_t value, int shift, Matches&& matches) {
  size_t at = start_slot(value, shift);
  while (!matches(slots[at])) at = (at + 1) & (slots.size() - 1);
  return at;
}

std::vector<IdRule> same_rules(int64_t num_columns, IdRule rule) {
  require(num_columns >= 0, "[vocabulary] columns: got {}, expected none below 0", num_columns);
  return std::vector<IdRule>(static_cast<size_t>(num_columns), rule);
}

}  // namespace

Vocabulary Vocabulary::hashed(int64_t hash_size, int64_t num_columns) {
  require(hash_size >= 1, "[vocabulary] hash size: got {}, expected at least 1", hash_size);
  return VocabularyCounter(same_rules(num_columns, {.hash_rows = hash_size})).finish();
}

int64_t Vocabulary::id(int64_t column_index, uint64_t value) const {
  const Column& column = columns_[static_cast<size_t>(column_index)];
  if (column.slots.empty()) {
    if (!column.hashed) return static_cast<int64_t>(value);
    const uint64_t key = static_cast<uint64_t>(column_index) << 32 ^ value;
    return static_cast<int64_t>(mix64(key) % static_cast<uint64_t>(column.rows));
  }
  const size_t at = find_slot(column.slots, value, column.shift, [value](const Slot& slot) {
    return slot.row == 0 || slot.value == value;
  });
  return column.slots[at].row;
}

void Vocabulary::insert_all(Column& column, const std::vector<uint64_t>& kept) {
  int bits = kSmallestTableBits;
  while ((size_t{1} << bits) < 2 * kept.size()) ++bits;
  column.rows = static_cast<int64_t>(kept.size()) + 1;
  column.shift = 64 - bits;
  column.slots.resize(size_t{1} << bits);
  for (size_t i = 0; i < kept.size(); ++i) {
    const size_t at = find_slot(column.slots, kept[i], column.shift,
                                [](const Slot& slot) { return slot.row == 0; });
    column.slots[at] = {kept[i], static_cast<uint32_t>(i + 1)};
  }
}

VocabularyCounter::VocabularyCounter(int64_t num_columns, int64_t min_frequency)
    : VocabularyCounter(same_rules(num_columns, {.min_frequency = min_frequency})) {}

VocabularyCounter::VocabularyCounter(std::vector<IdRule> rules) : rules_(std::move(rules)) {
  columns_.resize(rules_.size());
  for (size_t t = 0; t < rules_.size(); ++t) {
    require(rules_[t].min_frequency >= 1 && rules_[t].min_frequency <= kMaxFrequency,
            "[vocabulary] minimum frequency: got {}, expected 1 to {}", rules_[t].min_frequency,
            kMaxFrequency);
    if (!rules_[t].counts()) continue;
    columns_[t].slots.resize(size_t{1} << kSmallestTableBits);
    columns_[t].shift = 64 - kSmallestTableBits;
  }
}

void VocabularyCounter::add(int64_t column_index, uint64_t value) {
  Column& column = columns_[static_cast<size_t>(column_index)];
  const size_t at = find_slot(column.slots, value, column.shift, [&](uint32_t slot) {
    return slot == 0 || column.entries[slot - 1].value == value;
  });
  if (column.slots[at] != 0) {
    uint32_t& count = column.entries[column.slots[at] - 1].count;
    count += count != std::numeric_limits<uint32_t>::max();
    return;
  }
  column.entries.push_back({value, 1});
  column.slots[at] = static_cast<uint32_t>(column.entries.size());
  if (2 * column.entries.size() > column.slots.size()) grow(column);
}

void VocabularyCounter::grow(Column& column) {
  column.slots.assign(2 * column.slots.size(), 0);
  --column.shift;
  for (size_t i = 0; i < column.entries.size(); ++i) {
    const size_t at = find_slot(column.slots, column.entries[i].value, column.shift,
                                [](uint32_t slot) { return slot == 0; });
    column.slots[at] = static_cast<uint32_t>(i + 1);
  }
}

Vocabulary VocabularyCounter::finish() const {
  Vocabulary result;
  std::vector<uint64_t> kept;
  for (size_t t = 0; t < columns_.size(); ++t) {
    Vocabulary::Column& column = result.columns_.emplace_back();
    if (!rules_[t].counts()) {
      column.hashed = rules_[t].hash_rows > 0;
      column.rows = column.hashed ? rules_[t].hash_rows : rules_[t].cardinality;
      continue;
    }
    kept.clear();
    for (const Entry& entry : columns_[t].entries) {
      if (entry.count >= rules_[t].min_frequency) kept.push_back(entry.value);
    }
    Vocabulary::insert_all(column, kept);
  }
  return result;
}

}  // namespace hotrow
