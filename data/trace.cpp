#include "data/trace.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <iterator>
#include <utility>

#include "kernels/core/check.h"

namespace hotrow {
namespace {

// Hands out the numbers of a text line by line.
class NumberLines {
 public:
  explicit NumberLines(std::string path) : path_(std::move(path)) {
    std::ifstream file(path_, std::ios::binary);
    require<DataError>(file.is_open(), "[{}] cannot be read: {}", path_, std::strerror(errno));
    text_.assign(std::istreambuf_iterator<char>(file), {});
    require<DataError>(!file.bad() && !text_.empty(),
                       "[{}] the file is empty: got 0 bytes, expected three lines", path_);
  }

  // The next line's numbers, which must be one at least. `what` names them in error texts.
  template <class T>
  std::vector<T> next(std::string_view what) {
    ++line_;
    require<DataError>(end_ < text_.size(),
                       "[{}] the file is cut short: got {} lines, expected line {} with the {}",
                       path_, line_ - 1, line_, what);
    begin_ = end_;
    end_ = std::min(text_.find('\n', begin_), text_.size());
    std::vector<T> numbers;
    size_t at = begin_;
    do {
      numbers.push_back(number<T>(at, what));
    } while (at < end_ && text_[at++] == ',');
    if (end_ < text_.size()) ++end_;
    return numbers;
  }

  // Throws with the place of the number'th value (from 0) of the line last read.
  [[noreturn]] void fail(size_t number, std::string_view got, std::string_view expected) const {
    size_t at = begin_;
    for (; number > 0; --number) at = text_.find(',', at) + 1;
    fail_at(at, got, expected);
  }

 private:
  [[noreturn]] void fail_at(size_t at, std::string_view got, std::string_view expected) const {
    while (at < end_ && text_[at] == ' ') ++at;
    throw DataError(fmt::format("[{}:{}:{}] bad trace distribution: got {}, expected {}", path_,
                                line_, at - begin_ + 1, got, expected));
  }

  void skip_spaces(size_t& at) const {
    while (at < end_ && (text_[at] == ' ' || text_[at] == '\t' || text_[at] == '\r')) ++at;
  }

  template <class T>
  T number(size_t& at, std::string_view what) {
    skip_spaces(at);
    const size_t start = at;
    T value{};
    const auto [stop, error] = std::from_chars(text_.data() + at, text_.data() + end_, value);
    at = stop - text_.data();
    skip_spaces(at);
    if (error != std::errc() || (at < end_ && text_[at] != ',')) {
      const size_t word = std::min(text_.find(',', start), end_) - start;
      fail_at(start, fmt::format("\"{}\"", text_.substr(start, std::min<size_t>(word, 40))),
              fmt::format("the {} as numbers between commas", what));
    }
    return value;
  }

  std::string path_, text_;
  size_t begin_ = 0, end_ = 0;  // of the current line, behind its newline once it is read
  int64_t line_ = 0;
};

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
      const int64_t distance = draw_distance(trace, new_ids, stream.uniform());
      if (distance == 0) ++new_ids;
      bag[i] = list_.touch(distance == 0 ? 0 : list_.size() - distance);
    }
    std::sort(bag, bag + count);
    const int64_t size = std::unique(bag, bag + count) - bag;
    if (bag[size - 1] >= rows) wrap(bag, size, table, rows);
    return size;
  }

 private:
  int64_t draw_distance(const TraceDistribution& trace, int64_t new_ids, double u) const {
    const std::vector<double>& p = trace.probabilities;
    if (new_ids < trace.distances.back()) {
      const auto beyond = std::upper_bound(trace.distances.begin(), trace.distances.end(), new_ids);
      u *= p[beyond - trace.distances.begin() - 1];
    } else if (config_.padding) {
      u = (1.0 - p[0]) * u + p[0];
    }
    const auto found = std::lower_bound(p.begin(), p.end() - 1, u);  // the last one takes all above
    return trace.distances[found - p.begin()];
  }

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

std::string table_file(const std::string& pattern, size_t table) {
  const size_t name = pattern.rfind('/') + 1;  // npos + 1 == 0
  const size_t letter = pattern.rfind('j');
  if (letter == std::string::npos || letter < name) return pattern;
  return pattern.substr(0, letter) + std::to_string(table) + pattern.substr(letter + 1);
}

}  // namespace

TraceDistribution read_trace_distribution(const std::string& path) {
  NumberLines lines(path);
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
    tables.push_back(read_trace_distribution(table_file(trace.file, t)));
  }
  return std::make_unique<SyntheticReader>(
      config, std::make_unique<TraceBags>(std::move(tables), trace), stream);
}

}  // namespace hotrow
