#include "data/vocabulary.h"

#include <limits>

#include "data/mix64.h"
#include "kernels/core/check.h"

namespace hotrow {
namespace {

constexpr int kSmallestTableBits = 4;

// Where the search for `value` starts in a table of 2^(32 - shift) slots: a multiplicative hash.
size_t start_slot(uint32_t value, int shift) {
  return static_cast<size_t>((value * uint32_t{0x9e3779b1}) >> shift);
}

// Index of the slot that holds what `matches` looks for, or of the free slot where it belongs.
template <class Slots, class Matches>
size_t find_slot(const Slots& slots, uint32_t value, int shift, Matches&& matches) {
  size_t at = start_slot(value, shift);
  while (!matches(slots[at])) at = (at + 1) & (slots.size() - 1);
  return at;
}

}  // namespace

Vocabulary Vocabulary::hashed(int64_t hash_size, int64_t num_columns) {
  require(hash_size >= 1, "[vocabulary] hash size: got {}, expected at least 1", hash_size);
  require(num_columns >= 0, "[vocabulary] columns: got {}, expected none below 0", num_columns);
  Vocabulary result;
  result.columns_.resize(static_cast<size_t>(num_columns));
  for (Column& column : result.columns_) column.rows = hash_size;
  return result;
}

int64_t Vocabulary::id(int64_t column_index, uint32_t value) const {
  const Column& column = columns_[static_cast<size_t>(column_index)];
  if (column.slots.empty()) {
    const uint64_t key = static_cast<uint64_t>(column_index) << 32 | value;
    return static_cast<int64_t>(mix64(key) % static_cast<uint64_t>(column.rows));
  }
  const size_t at = find_slot(column.slots, value, column.shift, [value](const Slot& slot) {
    return slot.row == 0 || slot.value == value;
  });
  return column.slots[at].row;
}

void Vocabulary::insert_all(Column& column, const std::vector<uint32_t>& kept) {
  int bits = kSmallestTableBits;
  while ((size_t{1} << bits) < 2 * kept.size()) ++bits;
  column.rows = static_cast<int64_t>(kept.size()) + 1;
  column.shift = 32 - bits;
  column.slots.resize(size_t{1} << bits);
  for (size_t i = 0; i < kept.size(); ++i) {
    const size_t at = find_slot(column.slots, kept[i], column.shift,
                                [](const Slot& slot) { return slot.row == 0; });
    column.slots[at] = {kept[i], static_cast<uint32_t>(i + 1)};
  }
}

VocabularyCounter::VocabularyCounter(int64_t num_columns, int64_t min_frequency)
    : min_frequency_(min_frequency) {
  require(min_frequency >= 1 && min_frequency <= std::numeric_limits<uint32_t>::max(),
          "[vocabulary] minimum frequency: got {}, expected 1 to {}", min_frequency,
          std::numeric_limits<uint32_t>::max());
  require(num_columns >= 0, "[vocabulary] columns: got {}, expected none below 0", num_columns);
  columns_.resize(static_cast<size_t>(num_columns));
  for (Column& column : columns_) {
    column.slots.resize(size_t{1} << kSmallestTableBits);
    column.shift = 32 - kSmallestTableBits;
  }
}

void VocabularyCounter::add(int64_t column_index, uint32_t value) {
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
  std::vector<uint32_t> kept;
  for (const Column& column : columns_) {
    kept.clear();
    for (const Entry& entry : column.entries) {
      if (entry.count >= min_frequency_) kept.push_back(entry.value);
    }
    Vocabulary::insert_all(result.columns_.emplace_back(), kept);
  }
  return result;
}

}  // namespace hotrow
