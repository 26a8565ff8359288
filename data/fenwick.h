// Counts at places 1 to n with sums of any first places: Fenwick, "A New Data Structure for
// Cumulative Frequency Tables" (Software: Practice and Experience 24(3), 1994). O(log n) each.
#pragma once

#include <bit>
#include <cstdint>
#include <vector>

namespace hotrow {

class Fenwick {
 public:
  int64_t size() const { return static_cast<int64_t>(sums_.size()) - 1; }

  // Places 1 to `ones` of `size` have count 1, the others 0. O(size).
  void reset(int64_t size, int64_t ones) {
    sums_.assign(static_cast<size_t>(size) + 1, 0);
    for (int64_t place = 1; place <= size; ++place) {
      at(place) += place <= ones ? 1 : 0;
      const int64_t parent = place + (place & -place);
      if (parent <= size) at(parent) += at(place);
    }
  }

  void add(int64_t place, int32_t amount) {
    for (; place <= size(); place += place & -place) at(place) += amount;
  }

  // Sum of the counts of places 1 to `place`.
  int64_t sum(int64_t place) const {
    int64_t sum = 0;
    for (; place > 0; place -= place & -place) sum += sums_[static_cast<size_t>(place)];
    return sum;
  }

  // The first place up to which the sum is at least `wanted`, which must be in [1, sum of all].
  int64_t find(int64_t wanted) const {
    int64_t place = 0;
    for (auto step = static_cast<int64_t>(std::bit_floor(sums_.size())); step > 0; step /= 2) {
      if (place + step > size() || sums_[static_cast<size_t>(place + step)] >= wanted) continue;
      place += step;
      wanted -= sums_[static_cast<size_t>(place)];
    }
    return place + 1;
  }

 private:
  int32_t& at(int64_t place) { return sums_[static_cast<size_t>(place)]; }

  std::vector<int32_t> sums_ = {0};
};

}  // namespace hotrow
