#include "data/trace.h"

#include <algorithm>
#include <utility>

#include "data/number_lines.h"
#include "kernels/core/check.h"

namespace hotrow {
namespace {

// Takes elements of a list to its back, starting from the same list for each bag, in O(moves) a
// move and without touching the list itself.
class LruList {
 public:
  void restart(const std::vector<int64_t>& ids) {
    ids_ = &ids;
    taken_.clear();
    moved_.clear();
  }
  int64_t size() const { return static_cast<int64_t>(ids_->size()); }

  // Moves the element at `position` to the back and returns it.
  int64_t touch(int64_t position) {
    const int64_t untouched = size() - static_cast<int64_t>(moved_.size());
    if (position >= untouched) {
      const auto it = moved_.begin() + (position - untouched);
      std::rotate(it, it + 1, moved_.end());
      return moved_.back();
    }
    auto it = taken_.begin();
    for (; it != taken_.end() && *it <= position; ++it) ++position;
    taken_.insert(it, position);
    moved_.push_back((*ids_)[position]);
    return moved_.back();
  }

 private:
  const std::vector<int64_t>* ids_ = nullptr;
  std::vector<int64_t> taken_;  // places in *ids_ whose elements have moved, ascending
  std::vector<int64_t> moved_;  // those elements, the last to move at the back
};

class TraceBags : public BagSource {
 public:
  TraceBags(std::vector<TraceDistribution> tables, TraceConfig config)
      : tables_(std::move(tables)), config_(std::move(config)), warned_(tables_.size(), false) {}

  int64_t draw(int64_t* bag, int64_t table, int64_t rows, int64_t count,
               NumpyRandom& stream) override {
    const TraceDistribution& trace = tables_[table];
    list_.restart(trace.ids);
    int64_t new_ids = 0;
    for (int64_t i = 0; i < count; ++i) {
      const int64_t distance =
          draw_trace_distance(trace, new_ids, config_.padding, stream.uniform());
      if (distance == 0) ++new_ids;
      bag[i] = list_.touch(distance == 0 ? 0 : list_.size() - distance);
    }
    std::sort(bag, bag + count);
    const int64_t size = std::unique(bag, bag + count) - bag;
    if (bag[size - 1] >= rows) wrap(bag, size, table, rows);
    return size;
  }

 private:
  void wrap(int64_t* bag, int64_t size, int64_t table, int64_t rows) {
    if (!warned_[table] && config_.warn) {
      config_.warn(fmt::format(
          "WARNING: the trace of table {} has id {}, but the table has {} rows (ids are "
          "taken modulo the rows)",
          table, bag[size - 1], rows));
    }
    warned_[table] = true;
    for (int64_t i = 0; i < size; ++i) bag[i] %= rows;
  }

  std::vector<TraceDistribution> tables_;
  TraceConfig config_;
  std::vector<bool> warned_;
  LruList list_;
};

}  // namespace

int64_t draw_trace_distance(const TraceDistribution& trace, int64_t new_ids, bool padding,
                            double u) {
  const std::vector<double>& p = trace.probabilities;
  if (new_ids < trace.distances.back()) {
    const auto beyond = std::upper_bound(trace.distances.begin(), trace.distances.end(), new_ids);
    u *= p[static_cast<size_t>(beyond - trace.distances.begin() - 1)];
  } else if (padding) {
    u = (1.0 - p[0]) * u + p[0];
  }
  const auto found = std::lower_bound(p.begin(), p.end() - 1, u);  // the last one takes all above
  return trace.distances[static_cast<size_t>(found - p.begin())];
}

std::string trace_file_of_table(const std::string& pattern, size_t table) {
  const size_t name = pattern.rfind('/') + 1;  // npos + 1 == 0
  const size_t letter = pattern.rfind('j');
  if (letter == std::string::npos || letter < name) return pattern;
  return pattern.substr(0, letter) + std::to_string(table) + pattern.substr(letter + 1);
}

TraceDistribution read_trace_distribution(const std::string& path) {
  NumberLines lines(path, "trace distribution");
  TraceDistribution trace;
  trace.ids = lines.next<int64_t>("unique ids");
  for (size_t i = 0; i < trace.ids.size(); ++i) {
    if (trace.ids[i] < 0) lines.fail(i, fmt::to_string(trace.ids[i]), "an id of at least 0");
  }
  trace.distances = lines.next<int64_t>("stack distances");
  const int64_t most = static_cast<int64_t>(trace.ids.size());
  for (size_t i = 0; i < trace.distances.size(); ++i) {
    const int64_t d = trace.distances[i];
    if (i == 0 ? d != 0 : d <= trace.distances[i - 1] || d > most) {
      lines.fail(i, fmt::to_string(d),
                 fmt::format("distances ascending from 0 to at most {} (the unique ids)", most));
    }
  }
  trace.probabilities = lines.next<double>("cumulative probabilities");
  const size_t count = trace.probabilities.size();
  for (size_t i = 0; i < count; ++i) {
    const double p = trace.probabilities[i];
    const double before = i == 0 ? 0.0 : trace.probabilities[i - 1];
    if (!(p >= before && p <= 1 + 1e-6)) {
      lines.fail(i, fmt::to_string(p), "probabilities ascending from 0 to 1");
    }
  }
  if (count != trace.distances.size()) {
    lines.fail(count - 1, fmt::format("{} probabilities", count),
               fmt::format("one for each of the {} distances", trace.distances.size()));
  }
  if (!(trace.probabilities.back() >= 1 - 1e-6)) {
    lines.fail(count - 1, fmt::to_string(trace.probabilities.back()), "1 as the last probability");
  }
  return trace;
}

std::unique_ptr<SyntheticReader> make_trace_reader(const SyntheticConfig& config,
                                                   const TraceConfig& trace, NumpyRandom& stream) {
  std::vector<TraceDistribution> tables;
  for (size_t t = 0; t < config.table_rows.size(); ++t) {
    tables.push_back(read_trace_distribution(trace_file_of_table(trace.file, t)));
  }
  return std::make_unique<SyntheticReader>(
      config, std::make_unique<TraceBags>(std::move(tables), trace), stream);
}

}  // namespace hotrow
