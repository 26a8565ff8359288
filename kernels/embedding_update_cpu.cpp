#include "kernels/embedding_update.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "kernels/argument_checks.h"
#include "kernels/core/carver.h"
#include "kernels/core/check.h"
#include "kernels/core/parallel.h"
#include "kernels/embedding_entries_cpu.h"

// A table with few ids is one bucket: one task lists its occurrences, sorts them by row and applies
// them. A table with many is first partitioned, as in the first pass of a radix sort: slices of the
// batch count their ids by range of rows, the counts become positions, the slices write their
// occurrences there. Then each range is a bucket of its own, whose sort stays in cache. All passes
// are stable, so the occurrences of a row stay in order whoever ran which task.

namespace hotrow {
namespace {

constexpr int64_t kIdsPerBucket = 1024;
constexpr int kMaxBucketBits = 10;
constexpr int64_t kIdsPerSlice = 16384;
constexpr int64_t kMaxSlices = 64;
constexpr int kDigitBits = 8;    // of the radix sort inside a bucket
constexpr int64_t kFewIds = 24;  // insertion sort up to here

int bit_width(int64_t n) { return static_cast<int>(std::bit_width(static_cast<uint64_t>(n))); }

int bucket_bits(int64_t num_ids) {
  return std::min(kMaxBucketBits, bit_width(num_ids / kIdsPerBucket));
}
int64_t slice_count(int64_t num_ids) {
  return std::clamp<int64_t>(num_ids / kIdsPerSlice, 1, kMaxSlices);
}

size_t entry_bytes(int64_t num_ids) { return sizeof(ScaledEntry) * static_cast<size_t>(num_ids); }
size_t count_bytes(int64_t num_ids) {
  return sizeof(uint32_t) * (static_cast<size_t>(slice_count(num_ids)) << bucket_bits(num_ids));
}

template <class Entry>
struct TablePlan {
  Entry* entries;
  Entry* spare;
  // (buckets, slices): how many, then where the slice writes next. Unused with one bucket.
  uint32_t* counts;
  int64_t slices;                     // 0 with one bucket
  int64_t buckets;                    // 0 without ids
  int shift;                          // bucket = row >> shift
  int64_t first_slice, first_bucket;  // in the numbering through all tables

  Range bucket(int64_t i, int64_t num_ids) const {
    if (buckets == 1) return {0, num_ids};
    // After the scatter the last slice's position is where the bucket ends.
    return {i == 0 ? 0 : int64_t{counts[i * slices - 1]}, int64_t{counts[(i + 1) * slices - 1]}};
  }
};

// Of the scratch: for a number of tables together, and for each of them.
size_t plans_bytes(size_t num_tables) {
  return kAlignment + align_up(num_tables * sizeof(TablePlan<ScaledEntry>));
}
size_t table_bytes(int64_t num_ids) {
  return 2 * align_up(entry_bytes(num_ids)) + align_up(count_bytes(num_ids));
}

// Calls f(entry) for the occurrences in a range of bags, in order.
template <class Entry, class Id, class F>
void for_each_occurrence(const Bags<Id>& bags, Range range, Pooling pooling, F&& f) {
  int64_t j = bags.begin(range.begin);
  for (int64_t b = range.begin; b < range.end; ++b) {
    const int64_t end = bags.begin(b + 1);
    const float scale =
        pooling == Pooling::kMean && end > j ? 1.0f / static_cast<float>(end - j) : 1.0f;
    for (; j < end; ++j) {
      Entry entry;
      entry.row = static_cast<uint32_t>(bags.ids[j]);
      entry.bag = static_cast<uint32_t>(b);
      if constexpr (std::is_same_v<Entry, ScaledEntry>) {
        entry.coefficient = bags.weights != nullptr ? bags.weights[j] * scale : scale;
      }
      f(entry);
    }
  }
}

template <class Entry>
void insertion_sort(Entry* entries, int64_t n) {
  for (int64_t i = 1; i < n; ++i) {
    const Entry entry = entries[i];
    int64_t at = i;
    for (; at > 0 && entries[at - 1].row > entry.row; --at) entries[at] = entries[at - 1];
    entries[at] = entry;
  }
}

// Sorts by the low `bits` of row, stably; the entries agree in the others. Returns where the result
// is, in `entries` or `spare`.
template <class Entry>
Entry* sort_by_row(Entry* entries, Entry* spare, int64_t n, int bits) {
  if (n <= kFewIds) {
    insertion_sort(entries, n);
    return entries;
  }
  const int passes = (bits + kDigitBits - 1) / kDigitBits;
  for (int pass = 0; pass < passes; ++pass) {
    const int low = bits * pass / passes, digit = bits * (pass + 1) / passes - low;
    const uint32_t mask = (1u << digit) - 1;
    std::array<uint32_t, 1 << kDigitBits> next;
    std::fill_n(next.begin(), mask + 1, 0);
    for (int64_t i = 0; i < n; ++i) ++next[entries[i].row >> low & mask];
    uint32_t sum = 0;
    for (uint32_t value = 0; value <= mask; ++value) {
      const uint32_t count = next[value];
      next[value] = sum;
      sum += count;
    }
    for (int64_t i = 0; i < n; ++i) spare[next[entries[i].row >> low & mask]++] = entries[i];
    std::swap(entries, spare);
  }
  return entries;
}

template <class Id>
void check_arguments(std::span<const TableUpdate<Id>> tables, ConstMatrix dout,
                     int64_t first_column, UpdateKind kind, size_t scratch_bytes) {
  constexpr const char* kOp = "embedding_update";
  constexpr int64_t kMax32 = std::numeric_limits<uint32_t>::max();
  const int64_t dim = tables[0].rows.cols();
  size_t needed = plans_bytes(tables.size());
  check_bag_columns(kOp, dout.cols(), first_column, dim * std::ssize(tables));
  for (const TableUpdate<Id>& table : tables) {
    const int64_t num_ids = table.bags.begin(dout.rows());
    require(table.rows.cols() == dim, "[{}] tables of different width: got {}, expected {}", kOp,
            table.rows.cols(), dim);
    check_updated_rows(kOp, table.rows.rows());
    require(num_ids <= kMax32, "[{}] too many ids for one table: got {}, expected at most {}", kOp,
            num_ids, kMax32);
    require(table.state != nullptr || kind == UpdateKind::kSgd || table.rows.size() == 0,
            "[{}] no optimizer state: got null, expected {} floats", kOp,
            embedding_state_size(kind, table.rows.rows(), dim));
    needed += table_bytes(num_ids);
  }
  require(scratch_bytes >= needed, "[{}] scratch too small: got {} bytes, expected at least {}",
          kOp, scratch_bytes, needed);
}

// One call of embedding_update with its entries as Entry.
template <class Entry, class Id>
class Update {
 public:
  Update(std::span<const TableUpdate<Id>> tables, ConstMatrix dout, int64_t first_column,
         Pooling pooling, const RowRule& rule, std::span<std::byte> scratch)
      : tables_(tables), dout_(dout), first_column_(first_column), pooling_(pooling), rule_(rule) {
    Carver carver(scratch.data());
    const size_t n = tables.size();
    plans_ = {carver.take<TablePlan<Entry>>(n * sizeof(TablePlan<Entry>)), n};
    for (size_t t = 0; t < n; ++t) plans_[t] = plan(tables[t], carver);
  }

  void run() {
    if (slices_ > 0) {
      parallel_for(slices_, [this](int64_t task) { count(task); });
      for (TablePlan<Entry>& p : plans_) counts_to_positions(p);
      parallel_for(slices_, [this](int64_t task) { scatter(task); });
    }
    parallel_for(buckets_, [this](int64_t task) { apply(task); });
  }

 private:
  int64_t num_ids(size_t t) const { return tables_[t].bags.begin(dout_.rows()); }

  TablePlan<Entry> plan(const TableUpdate<Id>& table, Carver& carver) {
    const int64_t ids = table.bags.begin(dout_.rows());
    TablePlan<Entry> p;
    p.entries = carver.take<Entry>(entry_bytes(ids));
    p.spare = carver.take<Entry>(entry_bytes(ids));
    p.counts = carver.take<uint32_t>(count_bytes(ids));
    const int64_t last_row = std::max<int64_t>(table.rows.rows(), 1) - 1;
    p.shift = std::max(0, bit_width(last_row) - bucket_bits(ids));
    p.buckets = ids == 0 ? 0 : (last_row >> p.shift) + 1;
    p.slices = p.buckets <= 1 ? 0 : std::min(slice_count(ids), dout_.rows());
    p.first_slice = slices_;
    p.first_bucket = buckets_;
    slices_ += p.slices;
    buckets_ += p.buckets;
    return p;
  }

  // The table whose slices or buckets a task's number falls into.
  size_t table_of(int64_t TablePlan<Entry>::*first, int64_t task) const {
    const auto after = std::upper_bound(plans_.begin(), plans_.end(), task,
                                        [&](int64_t i, const auto& p) { return i < p.*first; });
    return static_cast<size_t>(after - plans_.begin()) - 1;
  }

  void count(int64_t task) {
    const size_t t = table_of(&TablePlan<Entry>::first_slice, task);
    const TablePlan<Entry>& p = plans_[t];
    const int64_t slice = task - p.first_slice;
    std::array<uint32_t, 1 << kMaxBucketBits> counts;
    std::fill_n(counts.begin(), p.buckets, 0);
    const Bags<Id>& bags = tables_[t].bags;
    const Range range = part(dout_.rows(), p.slices, slice);
    for (int64_t j = bags.begin(range.begin); j < bags.begin(range.end); ++j) {
      ++counts[static_cast<uint32_t>(bags.ids[j]) >> p.shift];
    }
    for (int64_t b = 0; b < p.buckets; ++b) p.counts[b * p.slices + slice] = counts[b];
  }

  static void counts_to_positions(TablePlan<Entry>& p) {
    uint32_t sum = 0;
    for (int64_t i = 0; i < p.buckets * p.slices; ++i) {
      const uint32_t count = p.counts[i];
      p.counts[i] = sum;
      sum += count;
    }
  }

  void scatter(int64_t task) {
    const size_t t = table_of(&TablePlan<Entry>::first_slice, task);
    const TablePlan<Entry>& p = plans_[t];
    const int64_t slice = task - p.first_slice;
    std::array<uint32_t, 1 << kMaxBucketBits> next;
    for (int64_t b = 0; b < p.buckets; ++b) next[b] = p.counts[b * p.slices + slice];
    for_each_occurrence<Entry>(
        tables_[t].bags, part(dout_.rows(), p.slices, slice), pooling_,
        [&](const Entry& entry) { p.entries[next[entry.row >> p.shift]++] = entry; });
    for (int64_t b = 0; b < p.buckets; ++b) p.counts[b * p.slices + slice] = next[b];
  }

  void apply(int64_t task) {
    const size_t t = table_of(&TablePlan<Entry>::first_bucket, task);
    const TablePlan<Entry>& p = plans_[t];
    const TableUpdate<Id>& table = tables_[t];
    if (p.buckets == 1) {
      Entry* end = p.entries;
      for_each_occurrence<Entry>(table.bags, {0, dout_.rows()}, pooling_,
                                 [&](const Entry& entry) { *end++ = entry; });
    }
    const Range range = p.bucket(task - p.first_bucket, num_ids(t));
    const Entry* sorted =
        sort_by_row(p.entries + range.begin, p.spare + range.begin, range.size(), p.shift);
    const int64_t column = first_column_ + static_cast<int64_t>(t) * table.rows.cols();
    const RowTarget target{table.rows,          table.state,  table.rounding,
                           dout_.data + column, dout_.cols(), rule_};
    apply_entries(target, sorted, range.size());
  }

  std::span<const TableUpdate<Id>> tables_;
  ConstMatrix dout_;
  int64_t first_column_;
  Pooling pooling_;
  RowRule rule_;
  std::span<TablePlan<Entry>> plans_;
  int64_t slices_ = 0, buckets_ = 0;  // of all tables
};

}  // namespace

int64_t embedding_state_size(UpdateKind kind, int64_t rows, int64_t dim) {
  switch (kind) {
    case UpdateKind::kSgd:
      return 0;
    case UpdateKind::kAdagrad:
      return rows * dim;
    case UpdateKind::kRowwiseAdagrad:
      return rows;
    case UpdateKind::kAdam:
      return 2 * rows * dim;
  }
  return 0;
}

size_t embedding_update_scratch_bytes(std::span<const int64_t> max_ids) {
  size_t bytes = plans_bytes(max_ids.size());
  for (int64_t ids : max_ids) bytes += table_bytes(ids);
  return bytes;
}

template <class Id>
void embedding_update(std::span<const TableUpdate<Id>> tables, ConstMatrix dout,
                      int64_t first_column, Pooling pooling, const UpdateRule& rule,
                      std::span<std::byte> scratch, CpuStream) {
  if (tables.empty()) return;
  const RowRule row_rule{rule.kind, update_constants("embedding_update", rule)};
  check_arguments(tables, dout, first_column, rule.kind, scratch.size());
  const bool scaled = pooling == Pooling::kMean ||
                      std::any_of(tables.begin(), tables.end(),
                                  [](const auto& t) { return t.bags.weights != nullptr; });
  if (scaled) {
    Update<ScaledEntry, Id>(tables, dout, first_column, pooling, row_rule, scratch).run();
  } else {
    Update<PlainEntry, Id>(tables, dout, first_column, pooling, row_rule, scratch).run();
  }
}

template void embedding_update(std::span<const TableUpdate<int32_t>>, ConstMatrix, int64_t, Pooling,
                               const UpdateRule&, std::span<std::byte>, CpuStream);
template void embedding_update(std::span<const TableUpdate<int64_t>>, ConstMatrix, int64_t, Pooling,
                               const UpdateRule&, std::span<std::byte>, CpuStream);

}  // namespace hotrow
