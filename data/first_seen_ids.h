// Numbers the values of a column 0, 1, 2, ... in the order in which they first appear.
//
//   id_of(v) = ids.setdefault(v, len(ids))
//
// A flat table with linear probing, at most half full: 20 to 36 bytes a distinct value (of 64 bits
// 40 to 72), one cache line a lookup in the usual case. The result depends on the order of the
// calls alone.
#pragma once

#include <cstdint>
#include <limits>
#include <type_traits>
#include <vector>

#include "kernels/core/check.h"

namespace hotrow {

template <class Value>  // int32_t or int64_t
class BasicFirstSeenIds {
 public:
  BasicFirstSeenIds() : slots_(size_t{1} << kFirstBits), shift_(64 - kFirstBits) {}

  // The id of `value`, a new one if it was never seen. DataError beyond 2^31 - 1 distinct values.
  int32_t id_of(Value value) {
    Slot* slot = find(value);
    if (slot->id < 0) {
      *slot = {value, next_id()};
      values_.push_back(value);
      if (2 * values_.size() > slots_.size()) grow();
      return static_cast<int32_t>(values_.size()) - 1;
    }
    return slot->id;
  }

  // values()[id] is the value that has that id.
  const std::vector<Value>& values() const { return values_; }

 private:
  struct Slot {
    Value value = 0;
    int32_t id = -1;  // below 0: free
  };
  static constexpr int kFirstBits = 6;

  // The slot that holds `value`, or the free one where it belongs.
  Slot* find(Value value) {
    size_t at =
        static_cast<std::make_unsigned_t<Value>>(value) * uint64_t{0x9e3779b97f4a7c15} >> shift_;
    while (slots_[at].id >= 0 && slots_[at].value != value) at = (at + 1) & (slots_.size() - 1);
    return &slots_[at];
  }

  int32_t next_id() const {
    require<DataError>(values_.size() < std::numeric_limits<int32_t>::max(),
                       "[first_seen_ids] too many distinct values in one column: got {}, expected "
                       "fewer (use --max-ind-range)",
                       values_.size() + 1);
    return static_cast<int32_t>(values_.size());
  }

  void grow() {
    slots_.assign(2 * slots_.size(), Slot{});
    --shift_;
    for (size_t id = 0; id < values_.size(); ++id) {
      *find(values_[id]) = {values_[id], static_cast<int32_t>(id)};
    }
  }

  std::vector<Slot> slots_;  // a power of two, at most half of them taken
  int shift_;                // 64 - log2(slots_.size())
  std::vector<Value> values_;
};

using FirstSeenIds = BasicFirstSeenIds<int32_t>;

}  // namespace hotrow
