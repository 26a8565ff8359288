// The order of rows by their last access, from both sides: distances of accesses, and accesses by
// distance.
//
// O(log n) an access and 24 to 40 bytes a row, however long the trace: a tree counts last accesses
// by time (Bennett and Kruskal, "LRU Stack Processing", IBM Journal of R&D 19(4), 1975), and time
// is renumbered when the tree is full.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "data/fenwick.h"

namespace hotrow {

// An LRU cache of C rows holds a row that is accessed again exactly if its stack distance is at
// most C (Mattson et al., "Evaluation Techniques for Storage Hierarchies", IBM Systems Journal
// 9(2), 1970).
class StackDistances {
 public:
  // Rows are numbers from 0, without large gaps. Gives 0 for the first access of `row`, else the
  // number of different rows that were accessed since its last, itself included: 1 at once again.
  int64_t access(size_t row);

 private:
  void renumber();

  std::vector<int64_t> last_;  // (rows) time of the last access, from 1; 0: none
  Fenwick marks_;              // by time: 1 at the last access of a row
  int64_t time_ = 0;           // of the last access
  int64_t rows_ = 0;           // that have been accessed
};

// A list whose elements are moved to its back.
class RecencyList {
 public:
  // Elements 0 to count - 1 (count >= 1), element 0 at the front.
  explicit RecencyList(int64_t count);

  int64_t size() const { return count_; }
  // Moves the element at `position`, counted from 0 at the front, to the back and returns it.
  int64_t touch(int64_t position);

 private:
  int64_t count_;
  std::vector<int64_t> elements_;  // by time; meaningful where marked
  Fenwick marks_;
  int64_t time_;
};

}  // namespace hotrow
