#include "data/access_stats.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>
#include <utility>

#include "data/first_seen_ids.h"
#include "data/stack_distance.h"
#include "kernels/core/check.h"

namespace hotrow {
namespace {

void count_size(std::vector<int64_t>& histogram, int64_t size) {
  const auto place = static_cast<size_t>(std::bit_width(static_cast<uint64_t>(size)));
  if (place >= histogram.size()) histogram.resize(place + 1, 0);
  ++histogram[place];
}

// Sums of `counts` in their order over the first ceil(share * rows), as parts of `all`.
std::vector<double> hit_shares(const std::vector<double>& shares, int64_t rows,
                               const std::vector<int64_t>& counts, int64_t all) {
  std::vector<double> hits;
  for (double share : shares) {
    const auto held = static_cast<int64_t>(std::ceil(share * static_cast<double>(rows)));
    const auto end = std::min<int64_t>(held, std::ssize(counts));
    const int64_t sum = std::accumulate(counts.begin(), counts.begin() + end, int64_t{0});
    hits.push_back(all > 0 ? static_cast<double>(sum) / static_cast<double>(all) : 0);
  }
  return hits;
}

}  // namespace

class AccessStats::Table {
 public:
  Table(const CategoricalColumn& column, const AccessConfig& config)
      : cardinality_(column.cardinality),
        measured_most_(config.distance_accesses > 0 ? config.distance_accesses
                                                    : std::numeric_limits<int64_t>::max()) {
    facts_.name = column.name;
  }

  void add_bag(const int64_t* ids, int64_t count, int64_t batch) {
    ++facts_.bags;
    facts_.empty_bags += count == 0;
    facts_.longest_bag = std::max(facts_.longest_bag, count);
    count_size(facts_.pooling, count);
    for (int64_t i = 0; i < count; ++i) add_access(ids[i], batch);
  }

  // Batches before `batch` are whole.
  TableAccesses facts(int64_t batch, const std::vector<double>& shares) const {
    TableAccesses facts = facts_;
    facts.unique_rows = std::ssize(counts_);
    facts.rows = cardinality_ > 0 ? cardinality_ : facts.unique_rows;
    const int64_t in_short = current_batch_ == batch ? current_unique_ : 0;
    facts.unique_per_batch =
        batch > 0 ? static_cast<double>(unique_sum_ - in_short) / static_cast<double>(batch)
                  : static_cast<double>(in_short);
    facts.hottest = hit_shares(shares, facts.rows, hottest_first(), facts.accesses);
    // An LRU cache of C rows hits at distances 1 to C.
    const auto first = by_distance_.begin() + (by_distance_.empty() ? 0 : 1);
    facts.lru = hit_shares(shares, facts.rows, {first, by_distance_.end()}, facts.measured);
    return facts;
  }

  std::vector<int64_t> hottest_first() const {
    std::vector<int64_t> counts = counts_;
    std::sort(counts.begin(), counts.end(), std::greater<>());
    return counts;
  }

 private:
  void add_access(int64_t id, int64_t batch) {
    const auto row = static_cast<size_t>(rows_.id_of(id));
    if (row == counts_.size()) {
      counts_.push_back(0);
      last_batch_.push_back(-1);
    }
    ++counts_[row];
    ++facts_.accesses;
    if (batch != current_batch_) {
      current_batch_ = batch;
      current_unique_ = 0;
    }
    if (last_batch_[row] != batch) {
      last_batch_[row] = batch;
      ++unique_sum_;
      ++current_unique_;
    }
    if (facts_.measured < measured_most_) measure(row);
  }

  void measure(size_t row) {
    ++facts_.measured;
    const int64_t distance = distances_.access(row);
    count_size(facts_.distances, distance);
    if (distance >= std::ssize(by_distance_)) {
      by_distance_.resize(static_cast<size_t>(distance) + 1, 0);
    }
    ++by_distance_[static_cast<size_t>(distance)];
  }

  int64_t cardinality_, measured_most_;
  TableAccesses facts_;
  BasicFirstSeenIds<int64_t> rows_;
  std::vector<int64_t> counts_;      // by number of first occurrence, like last_batch_
  std::vector<int64_t> last_batch_;  // in which the row was accessed
  int64_t unique_sum_ = 0;           // over all batches
  int64_t current_batch_ = -1, current_unique_ = 0;
  StackDistances distances_;
  std::vector<int64_t> by_distance_;
};

AccessStats::AccessStats(const Schema& schema, AccessConfig config) : config_(std::move(config)) {
  require(config_.batch_size >= 1, "[stats] batch: got {} samples, expected at least 1",
          config_.batch_size);
  for (double share : config_.shares) {
    require(share > 0 && share <= 1, "[stats] share of rows: got {}, expected one in (0, 1]",
            share);
  }
  tables_.reserve(schema.num_tables());
  for (const CategoricalColumn& column : schema.categorical) tables_.emplace_back(column, config_);
}

AccessStats::~AccessStats() = default;

void AccessStats::add(const Rows& rows) {
  for (size_t t = 0; t < tables_.size(); ++t) {
    const SparseFeature& feature = rows.sparse[t];
    for (int64_t b = 0; b < rows.rows; ++b) {
      const int64_t begin = feature.offsets[static_cast<size_t>(b)];
      const int64_t count = feature.offsets[static_cast<size_t>(b) + 1] - begin;
      tables_[t].add_bag(feature.ids.data() + begin, count, (row_ + b) / config_.batch_size);
    }
  }
  row_ += rows.rows;
}

std::vector<TableAccesses> AccessStats::tables() const {
  std::vector<TableAccesses> all;
  for (const Table& table : tables_) {
    all.push_back(table.facts(row_ / config_.batch_size, config_.shares));
  }
  return all;
}

TableAccesses AccessStats::together() const {
  TableAccesses sum;
  sum.name = "all tables";
  std::vector<int64_t> counts;
  for (const Table& table : tables_) {
    const TableAccesses facts = table.facts(row_ / config_.batch_size, {});
    sum.rows += facts.rows;
    sum.accesses += facts.accesses;
    sum.unique_rows += facts.unique_rows;
    sum.unique_per_batch += facts.unique_per_batch;
    sum.bags += facts.bags;
    sum.empty_bags += facts.empty_bags;
    sum.longest_bag = std::max(sum.longest_bag, facts.longest_bag);
    sum.measured += facts.measured;
    for (const auto& [to, from] :
         {std::pair{&sum.pooling, &facts.pooling}, std::pair{&sum.distances, &facts.distances}}) {
      to->resize(std::max(to->size(), from->size()), 0);
      std::transform(from->begin(), from->end(), to->begin(), to->begin(), std::plus<>());
    }
    const std::vector<int64_t> own = table.hottest_first();
    counts.insert(counts.end(), own.begin(), own.end());
  }
  std::sort(counts.begin(), counts.end(), std::greater<>());
  sum.hottest = hit_shares(config_.shares, sum.rows, counts, sum.accesses);
  return sum;
}

}  // namespace hotrow
