// From raw categorical values to the row ids of each column's table.
//
// Counted, with frequency threshold F, per column:
//   row 0       every value seen fewer than F times while counting, and every value never seen
//   row 1, 2..  the other values, in the order in which they first occurred
// Hashed into H rows:
//   row = mix(value, column) mod H, with a 64-bit mix in which each input bit moves each output bit
// As they are, below a cardinality:
//   row = value
//
// Values are the keys of data/raw_rows.h. Ids depend on the order of the values alone. Counting
// costs 16 bytes a distinct value and 8 to 16 bytes of index (twice that while a vector grows); the
// finished vocabulary 32 to 64 bytes a kept value; a lookup is about one cache miss. Source: own
// derivation.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace hotrow {

// How the values of a column become rows: counted, unless one of the other two is above 0.
struct IdRule {
  int64_t min_frequency = 1;  // F, in [1, 2^32)
  int64_t hash_rows = 0;      // H
  int64_t cardinality = 0;

  bool counts() const { return hash_rows == 0 && cardinality == 0; }
};

class Vocabulary {
 public:
  static Vocabulary hashed(int64_t hash_size, int64_t num_columns);

  int64_t num_columns() const { return static_cast<int64_t>(columns_.size()); }
  // Ids of the column are in [0, rows).
  int64_t rows(int64_t column) const { return columns_[static_cast<size_t>(column)].rows; }
  int64_t id(int64_t column, uint64_t value) const;

 private:
  friend class VocabularyCounter;

  struct Slot {
    uint64_t value = 0;
    uint32_t row = 0;  // 0: the slot is free
  };
  struct Column {
    int64_t rows = 0;
    bool hashed = false;
    int shift = 0;
    std::vector<Slot> slots;  // open addressing, a power of two, at most half full; of counted ones
  };

  static void insert_all(Column& column, const std::vector<uint64_t>& kept);

  std::vector<Column> columns_;
};

// Counts values, then makes a Vocabulary of them.
class VocabularyCounter {
 public:
  struct Entry {
    uint64_t value;
    uint32_t count;  // stops at 2^32 - 1
  };

  // One rule a column.
  explicit VocabularyCounter(std::vector<IdRule> rules);
  // The same frequency for all.
  VocabularyCounter(int64_t num_columns, int64_t min_frequency);

  // Of a column that is counted. Safe to call for different columns at once.
  void add(int64_t column, uint64_t value);
  // The values of a column, in order of their first occurrence.
  const std::vector<Entry>& entries(int64_t column) const {
    return columns_[static_cast<size_t>(column)].entries;
  }
  Vocabulary finish() const;

 private:
  struct Column {
    std::vector<Entry> entries;   // in order of first occurrence
    std::vector<uint32_t> slots;  // 1 + position in entries, 0: free
    int shift = 0;
  };

  static void grow(Column& column);

  std::vector<IdRule> rules_;
  std::vector<Column> columns_;
};

}  // namespace hotrow
