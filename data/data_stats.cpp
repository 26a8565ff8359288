#include "data/data_stats.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "kernels/core/parallel.h"

namespace hotrow {

DataStats::DataStats(const Schema& schema)
    : num_dense_(schema.num_dense()),
      numbers_(schema.num_dense()),
      bags_(schema.num_tables()),
      counter_(std::ssize(schema.categorical), 1) {
  for (size_t t = 0; t < bags_.size(); ++t) {
    bags_[t].zero_is_missing = size_of(schema.categorical[t].type) == 0;
  }
}

template <class Labels>
void DataStats::add_labels(const Labels& labels) {
  if (labels.empty()) return;
  if (rows_ == 0) label_.min = label_.max = labels[0];
  for (const double label : labels) {
    label_.mean += label;
    label_.min = std::min(label_.min, label);
    label_.max = std::max(label_.max, label);
    label_.others += label != 0 && label != 1;
  }
}

template <class Block, class Values>
void DataStats::add_block(const Block& block, Values&& values) {
  const auto rows = static_cast<size_t>(block.rows);
  add_labels(block.labels);
  rows_ += block.rows;
  parallel_for(std::ssize(numbers_) + std::ssize(bags_), [&](int64_t task) {
    const auto column = static_cast<size_t>(task);
    if (column < num_dense_) {
      Number& n = numbers_[column];
      for (size_t b = 0; b < rows; ++b) {
        const double x = block.dense[b * num_dense_ + column];
        n.missing += std::isnan(x);
        if (std::isnan(x)) continue;
        n.min = n.count == 0 ? x : std::min(n.min, x);
        n.max = n.count == 0 ? x : std::max(n.max, x);
        n.sum += x;
        ++n.count;
      }
      return;
    }
    const size_t t = column - num_dense_;
    Bag& bag = bags_[t];
    const auto& ids = values(block.sparse[t]);
    const std::vector<int64_t>& offsets = block.sparse[t].offsets;
    for (size_t b = 0; b < rows; ++b) {
      const int64_t size = offsets[b + 1] - offsets[b];
      bag.most = std::max(bag.most, size);
      bag.missing += size == 0 || (bag.zero_is_missing && size == 1 &&
                                   ids[static_cast<size_t>(offsets[b])] == 0);
    }
    bag.values += std::ssize(ids);
    for (const auto id : ids) {
      counter_.add(static_cast<int64_t>(t), static_cast<uint64_t>(id));
      bag.max_id = std::max(bag.max_id, static_cast<int64_t>(id));
    }
  });
}

void DataStats::add(const Rows& rows) {
  add_block(
      rows, [](const SparseFeature& f) -> const auto& { return f.ids; });
}

void DataStats::add(const RawRows& rows) {
  add_block(
      rows, [](const RawFeature& f) -> const auto& { return f.keys; });
}

LabelStats DataStats::label() const {
  LabelStats label = label_;
  if (rows_ > 0) label.mean /= static_cast<double>(rows_);
  return label;
}

NumericalStats DataStats::numerical(size_t column) const {
  const Number& n = numbers_[column];
  return {n.missing, n.min, n.max, n.count > 0 ? n.sum / static_cast<double>(n.count) : 0};
}

CategoricalStats DataStats::categorical(size_t column) const {
  const Bag& bag = bags_[column];
  const auto& entries = counter_.entries(static_cast<int64_t>(column));
  CategoricalStats stats;
  stats.missing = bag.missing;
  stats.values = bag.values;
  stats.most_of_a_sample = bag.most;
  stats.distinct = std::ssize(entries);
  stats.max_id = bag.max_id;
  for (const VocabularyCounter::Entry& e : entries) {
    const double share = e.count / static_cast<double>(bag.values);
    stats.entropy -= share * std::log2(share);
  }
  std::vector<size_t> order(entries.size());
  std::iota(order.begin(), order.end(), 0);
  const auto top = static_cast<std::ptrdiff_t>(std::min(kTop, order.size()));
  std::partial_sort(order.begin(), order.begin() + top, order.end(), [&](size_t a, size_t b) {
    return entries[a].count != entries[b].count ? entries[a].count > entries[b].count : a < b;
  });
  for (std::ptrdiff_t i = 0; i < top; ++i) stats.top.push_back(entries[order[i]]);
  return stats;
}

}  // namespace hotrow
