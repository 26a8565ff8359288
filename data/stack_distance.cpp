#include "data/stack_distance.h"

#include <algorithm>
#include <numeric>

namespace hotrow {
namespace {

constexpr int64_t kFirstCapacity = 1024;

// Room for the elements and three times as many accesses.
int64_t capacity_for(int64_t elements) { return std::max(kFirstCapacity, 4 * elements); }

}  // namespace

int64_t StackDistances::access(size_t row) {
  if (row >= last_.size()) last_.resize(row + 1, 0);
  if (time_ == marks_.size()) renumber();
  int64_t& last = last_[row];
  int64_t distance = 0;
  if (last > 0) {
    distance = rows_ - marks_.sum(last) + 1;
    marks_.add(last, -1);
  } else {
    ++rows_;
  }
  last = ++time_;
  marks_.add(last, 1);
  return distance;
}

// Times become 1 to rows_, in their order.
void StackDistances::renumber() {
  std::vector<size_t> row_at(static_cast<size_t>(time_) + 1, 0);  // row + 1
  for (size_t row = 0; row < last_.size(); ++row) {
    if (last_[row] > 0) row_at[static_cast<size_t>(last_[row])] = row + 1;
  }
  time_ = 0;
  for (size_t row : row_at) {
    if (row > 0) last_[row - 1] = ++time_;
  }
  marks_.reset(capacity_for(time_), time_);
}

RecencyList::RecencyList(int64_t count) : count_(count), time_(count) {
  marks_.reset(capacity_for(count), count);
  elements_.resize(static_cast<size_t>(marks_.size()) + 1);
  std::iota(elements_.begin() + 1, elements_.begin() + 1 + count, 0);
}

int64_t RecencyList::touch(int64_t position) {
  if (time_ == marks_.size()) {
    int64_t to = 0;
    for (int64_t rank = 1; rank <= count_; ++rank) {
      elements_[static_cast<size_t>(++to)] = elements_[static_cast<size_t>(marks_.find(rank))];
    }
    time_ = count_;
    marks_.reset(marks_.size(), count_);
  }
  const int64_t place = marks_.find(position + 1);
  const int64_t element = elements_[static_cast<size_t>(place)];
  marks_.add(place, -1);
  marks_.add(++time_, 1);
  return elements_[static_cast<size_t>(time_)] = element;
}

}  // namespace hotrow
