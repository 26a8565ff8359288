// How many different rows were accessed between two accesses of the same one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace hotrow {

// An LRU cache of C rows holds a row that is accessed again exactly if its stack distance is at
// most C (Mattson et al., "Evaluation Techniques for Storage Hierarchies", IBM Systems Journal
// 9(2), 1970).
//
// O(log n) an access and 24 to 40 bytes a row, however long the trace: a Fenwick tree counts the
// last accesses by time (Bennett and Kruskal, IBM JRD 19(4), 1975), and time is renumbered when the
// tree is full.
class StackDistances {
 public:
  // Rows are numbers from 0, without large gaps. Gives 0 for the first access of `row`, else the
  // number of different rows that were accessed since its last, itself included: 1 at once again.
  int64_t access(size_t row);

 private:
  void renumber();
  int64_t count_until(int64_t time) const;
  void add(int64_t time, int32_t amount);

  std::vector<int64_t> last_;  // (rows) time of the last access, from 1; 0: none
  std::vector<int32_t> tree_;  // (capacity + 1) sums of marks: 1 at the last access of a row
  int64_t time_ = 0;           // of the last access
  int64_t rows_ = 0;           // that have been accessed
};

}  // namespace hotrow
