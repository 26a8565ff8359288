// From raw categorical values to the row ids of each column's table.
//
// Counted, with frequency threshold F, per column:
//   row 0       every value seen fewer than F times while counting, and every value never seen
//   row 1, 2..  the other values, in the order in which they first occurred
// Hashed into H rows:
//   row = mix(value, column) mod H, with a 64-bit mix in which each input bit moves each output bit
//
// Ids depend on the order of the values alone. Counting costs 8 bytes a distinct value and 8 to 16
// bytes of index (twice that while a vector grows); the finished vocabulary 16 to 32 bytes a kept
// value; a lookup is about one cache miss. Source: own derivation.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace hotrow {

class Vocabulary {
 public:
  static Vocabulary hashed(int64_t hash_size, int64_t num_columns);

  int64_t num_columns() const { return static_cast<int64_t>(columns_.size()); }
  // Ids of the column are in [0, rows).
  int64_t rows(int64_t column) const { return columns_[static_cast<size_t>(column)].rows; }
  int64_t id(int64_t column, uint32_t value) const;

 private:
  friend class VocabularyCounter;

  struct Slot {
    uint32_t value = 0;
    uint32_t row = 0;  // 0: the slot is free
  };
  struct Column {
    int64_t rows = 0;
    int shift = 0;
    std::vector<Slot>
        slots;  // open addressing, a power of two, at most half full; none when hashed
  };

  static void insert_all(Column& column, const std::vector<uint32_t>& kept);

  std::vector<Column> columns_;
};

// Counts values, then makes a counted Vocabulary of them.
class VocabularyCounter {
 public:
  // min_frequency (F above) must be in [1, 2^32).
  VocabularyCounter(int64_t num_columns, int64_t min_frequency);

  void add(int64_t column, uint32_t value);
  Vocabulary finish() const;

 private:
  struct Entry {
    uint32_t value, count;  // the count stops at 2^32 - 1
  };
  struct Column {
    std::vector<Entry> entries;   // in order of first occurrence
    std::vector<uint32_t> slots;  // 1 + position in entries, 0: free
    int shift = 0;
  };

  static void grow(Column& column);

  int64_t min_frequency_;
  std::vector<Column> columns_;
};

}  // namespace hotrow
