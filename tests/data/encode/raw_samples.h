// Samples that were never text: a source of the encoder that tests can shape as they like, a sink
// that keeps what it gets, and the encoding said again as naively as can be.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "data/encode/id_scheme.h"
#include "data/mix64.h"
#include "data/raw_rows.h"
#include "data/rows.h"
#include "tests/support/folder_test.h"

namespace hotrow::test {

struct RawSample {
  float label = 0;
  std::vector<double> dense;
  std::vector<std::vector<uint64_t>> keys;  // of each column
};

// Column c has about 3 * 7^c kinds of values; column 1 has 0 to 3 a sample, column 2 wide keys.
inline std::vector<RawSample> raw_samples(int64_t rows, uint64_t seed = 1) {
  std::vector<RawSample> samples(static_cast<size_t>(rows));
  uint64_t state = seed << 32;
  const auto draw = [&state](uint64_t kinds) { return mix64(++state) % kinds; };
  for (RawSample& sample : samples) {
    sample.label = static_cast<float>(draw(2));
    const double missing = std::numeric_limits<double>::quiet_NaN();
    sample.dense = {draw(5) == 0 ? missing : static_cast<double>(draw(1000)) - 3,
                    static_cast<double>(draw(uint64_t{1} << 40))};
    // The smaller of two draws: some values are more frequent than others.
    const auto skewed = [&](uint64_t kinds) { return std::min(draw(kinds), draw(kinds)); };
    sample.keys = {{skewed(3)}, {}, {mix64(skewed(150))}, {skewed(1000)}};
    for (uint64_t n = draw(4); n > 0; --n) sample.keys[1].push_back(skewed(21));
  }
  return samples;
}

inline Schema raw_schema() {
  Schema schema;
  schema.numerical = {{.name = "I1"}, {.name = "I2", .type = ColumnType::kFloat64}};
  for (const char* name : {"A", "B", "C", "D"}) {
    schema.categorical.push_back({.name = name, .type = ColumnType::kInt64});
  }
  return schema;
}

// The text of a piece is the numbers of its first row and of the one after its last.
class SampleSource : public RawSource {
 public:
  // `file` is written, so that it has a size and a time.
  SampleSource(std::vector<RawSample> samples, const std::string& file, int64_t rows_a_piece = 7)
      : samples_(std::move(samples)), files_{file}, rows_a_piece_(rows_a_piece) {
    if (!std::filesystem::exists(file)) write_text(file, fmt::format("{}\n", samples_.size()));
  }

  Schema schema_ = raw_schema();
  std::atomic<int64_t> parsed_pieces{0};
  int64_t bad_piece = -1;  // parsing it, or a later one, throws

  const Schema& schema() const override { return schema_; }
  const std::vector<std::string>& files() const override { return files_; }
  bool next_piece(TextPiece& piece) override {
    const int64_t begin = next_ * rows_a_piece_;
    const int64_t end = std::min(begin + rows_a_piece_, std::ssize(samples_));
    if (begin >= end) return false;
    const std::string text = fmt::format("{} {}\n", begin, end);
    piece.text.assign(text.begin(), text.end());
    piece.text.push_back('\0');
    piece.index = next_++;
    return true;
  }
  void rewind() override { next_ = 0; }
  double fraction() const override {
    const auto rows = static_cast<double>(next_ * rows_a_piece_);
    return std::min(1.0, rows / static_cast<double>(samples_.size()));
  }
  void parse(RawRows& rows, const TextPiece& piece) const override {
    ++const_cast<SampleSource*>(this)->parsed_pieces;
    require<DataError>(bad_piece < 0 || piece.index < bad_piece, "[piece {}] bad", piece.index);
    rows.start(schema_);
    long begin = 0, end = 0;
    std::sscanf(piece.text.data(), "%ld %ld", &begin, &end);
    for (long b = begin; b < end; ++b) append(rows, samples_[static_cast<size_t>(b)]);
  }

 private:
  static void append(RawRows& rows, const RawSample& sample) {
    ++rows.rows;
    rows.labels.push_back(sample.label);
    rows.dense.insert(rows.dense.end(), sample.dense.begin(), sample.dense.end());
    for (size_t c = 0; c < sample.keys.size(); ++c) {
      RawFeature& feature = rows.sparse[c];
      feature.keys.insert(feature.keys.end(), sample.keys[c].begin(), sample.keys[c].end());
      feature.offsets.push_back(std::ssize(feature.keys));
    }
  }

  std::vector<RawSample> samples_;
  std::vector<std::string> files_;
  int64_t rows_a_piece_, next_ = 0;
};

// Samples with row ids, as many as were written.
struct Encoded {
  std::vector<double> labels, dense;
  std::vector<std::vector<std::vector<int64_t>>> bags;  // of each column, of each sample
};

class KeepingSink : public RowSink {
 public:
  explicit KeepingSink(Encoded& kept) : kept_(kept) { kept_ = {}; }
  const std::vector<std::string>& losses() const override { return losses_; }
  void write(const Rows& rows) override {
    kept_.bags.resize(rows.sparse.size());
    kept_.labels.insert(kept_.labels.end(), rows.labels.begin(), rows.labels.end());
    kept_.dense.insert(kept_.dense.end(), rows.dense.begin(), rows.dense.end());
    for (size_t c = 0; c < rows.sparse.size(); ++c) {
      const SparseFeature& feature = rows.sparse[c];
      for (size_t b = 0; b + 1 < feature.offsets.size(); ++b) {
        kept_.bags[c].emplace_back(feature.ids.begin() + feature.offsets[b],
                                   feature.ids.begin() + feature.offsets[b + 1]);
      }
    }
  }
  std::vector<const PendingFile*> close() override { return {}; }

 private:
  Encoded& kept_;
  std::vector<std::string> losses_;
};

// value -> row id of each column; `least`: one frequency a column.
inline std::vector<std::map<uint64_t, int64_t>> naive_ids(const std::vector<RawSample>& samples,
                                                          const IdScheme& scheme,
                                                          const std::vector<int64_t>& least) {
  std::vector<std::map<uint64_t, int64_t>> result(least.size());
  for (size_t c = 0; c < least.size(); ++c) {
    std::vector<uint64_t> seen;
    std::map<uint64_t, int64_t> counts;
    for (const RawSample& sample : samples) {
      for (const uint64_t key : sample.keys[c]) {
        if (counts[key]++ == 0) seen.push_back(key);
      }
    }
    if (scheme.order == IdOrder::kFrequency) {
      std::stable_sort(seen.begin(), seen.end(),
                       [&](uint64_t a, uint64_t b) { return counts[a] > counts[b]; });
    }
    int64_t id = scheme.first_id;
    for (const uint64_t key : seen) {
      if (counts[key] >= least[c]) result[c][key] = id++;
    }
  }
  return result;
}

}  // namespace hotrow::test
