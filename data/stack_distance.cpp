#include "data/stack_distance.h"

#include <algorithm>

namespace hotrow {
namespace {

constexpr int64_t kFirstCapacity = 1024;

}  // namespace

int64_t StackDistances::access(size_t row) {
  if (row >= last_.size()) last_.resize(row + 1, 0);
  if (time_ + 1 >= static_cast<int64_t>(tree_.size())) renumber();
  int64_t& last = last_[row];
  int64_t distance = 0;
  if (last > 0) {
    distance = rows_ - count_until(last) + 1;
    add(last, -1);
  } else {
    ++rows_;
  }
  last = ++time_;
  add(last, 1);
  return distance;
}

// Times become 1 to rows_ in their order; room for as many accesses again and more.
void StackDistances::renumber() {
  std::vector<size_t> row_at(static_cast<size_t>(time_) + 1, 0);  // row + 1
  for (size_t row = 0; row < last_.size(); ++row) {
    if (last_[row] > 0) row_at[static_cast<size_t>(last_[row])] = row + 1;
  }
  time_ = 0;
  for (size_t row : row_at) {
    if (row > 0) last_[row - 1] = ++time_;
  }
  tree_.assign(static_cast<size_t>(std::max(kFirstCapacity, 4 * time_)) + 1, 0);
  const auto size = static_cast<int64_t>(tree_.size());
  for (int64_t t = 1; t < size; ++t) {
    tree_[static_cast<size_t>(t)] += t <= time_ ? 1 : 0;
    const int64_t parent = t + (t & -t);
    if (parent < size) tree_[static_cast<size_t>(parent)] += tree_[static_cast<size_t>(t)];
  }
}

int64_t StackDistances::count_until(int64_t time) const {
  int64_t sum = 0;
  for (; time > 0; time -= time & -time) sum += tree_[static_cast<size_t>(time)];
  return sum;
}

void StackDistances::add(int64_t time, int32_t amount) {
  for (; time < static_cast<int64_t>(tree_.size()); time += time & -time) {
    tree_[static_cast<size_t>(time)] += amount;
  }
}

}  // namespace hotrow
