#include "data/generated_rows.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>
#include <utility>

#include "data/trace_profile.h"
#include "engine/rng.h"
#include "kernels/core/check.h"

namespace hotrow {
namespace {

constexpr int64_t kBlockRows = 4096;
constexpr double kQuantum = 0x1p-30;  // powers are cut to its multiples: the same everywhere
constexpr int64_t kSpread = 1 << 20;  // products with an id stay inside int64
constexpr int64_t kMaxRows = int64_t{1} << 42;
constexpr double kOffset = -0.8;      // of the labels' score, else of mean 0 and deviation 1
constexpr int64_t kPilotRows = 2000;  // from which mean and deviation are taken

// The rows of a table in groups of equal popularity.
class PopularIds {
 public:
  // `groups`: rows and weight, the most popular first.
  PopularIds(const std::vector<std::pair<int64_t, double>>& groups, NumpyRandom& random) {
    double sum = 0;
    for (const auto& [rows, weight] : groups) {
      begin_.push_back(rows_);
      rows_ += rows;
      upto_.push_back(sum += weight);
    }
    begin_.push_back(rows_);
    for (double& upto : upto_) upto /= sum;
    // Ranks go to ids by an affine map, which is one to one as its factor and rows_ share no
    // divisor.
    factor_ = 1 + static_cast<int64_t>(
                      random.interval(static_cast<uint64_t>(std::min(rows_, kSpread) - 1)));
    while (std::gcd(factor_, rows_) != 1) ++factor_;
    offset_ = static_cast<int64_t>(random.interval(static_cast<uint64_t>(rows_ - 1)));
  }

  int64_t next(NumpyRandom& random) const {
    const auto found = std::upper_bound(upto_.begin(), upto_.end() - 1, random.uniform());
    const auto group = static_cast<size_t>(found - upto_.begin());
    const auto most = static_cast<uint64_t>(begin_[group + 1] - begin_[group] - 1);
    const int64_t rank = begin_[group] + static_cast<int64_t>(random.interval(most));
    return (rank % rows_ * factor_ + offset_) % rows_;
  }

 private:
  std::vector<int64_t> begin_;  // (groups + 1) first rank
  std::vector<double> upto_;    // (groups) cumulative probability
  int64_t rows_ = 0, factor_ = 1, offset_ = 0;
};

std::vector<std::pair<int64_t, double>> zipf_groups(int64_t rows, double exponent) {
  const double factor = std::round(std::exp2(-exponent) / kQuantum) * kQuantum;
  std::vector<std::pair<int64_t, double>> groups;
  double popularity = 1;
  for (int64_t first = 0, size = 1; first < rows; first += size, size *= 2, popularity *= factor) {
    const int64_t count = std::min(size, rows - first);
    groups.emplace_back(count, popularity * static_cast<double>(count));
  }
  return groups;
}

// At least one row a class, the most popular first, while there are rows; the last takes the rest.
std::vector<std::pair<int64_t, double>> locality_groups(int64_t rows, const Locality& locality) {
  std::vector<std::pair<int64_t, double>> groups;
  int64_t left = rows;
  for (const PopularityClass& one : locality.classes) {
    if (left == 0) break;
    const auto share = static_cast<int64_t>(one.rows * static_cast<double>(rows));
    const int64_t count = std::min(left, std::max<int64_t>(1, share));
    groups.emplace_back(count, one.accesses);
    left -= count;
  }
  groups.back().first += left;
  return groups;
}

// +1 or -1, the same for the same id of the same table.
double effect(uint64_t table, uint64_t id) {
  uint64_t x = (id + 1) * 0x9e3779b97f4a7c15 + table * 0xd1342543de82ef95;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  return ((x ^ (x >> 27)) & 1) != 0 ? 1 : -1;
}

// In (0, 1), rising; an algebraic sigmoid, as exp differs between libraries.
double squash(double score) { return 0.5 + 0.5 * score / std::sqrt(1 + score * score); }

class GeneratedRows : public RowSource {
 public:
  GeneratedRows(const Schema& schema, GenerateConfig config)
      : schema_(schema), config_(std::move(config)) {
    check();
    if (config_.ids == GenerateConfig::Ids::kTrace) {
      for (size_t t = 0; t < schema_.num_tables(); ++t) {
        distributions_.push_back(
            read_trace_distribution(trace_file_of_table(config_.trace_file, t)));
      }
    }
    start();
  }

  const Schema& schema() const override { return schema_; }
  std::vector<std::string> files() const override { return {}; }
  int64_t num_rows() const override { return config_.rows; }
  bool can_seek() const override { return false; }
  void seek(int64_t row) override {
    check_seek("generated samples", row);
    start();
  }

  bool next(Rows& rows, int64_t max_rows) override {
    rows.start(schema_);
    rows.source = "generated samples";
    rows.first_row = row_;
    const int64_t count = std::min({max_rows, config_.rows - row_, kBlockRows});
    for (; rows.rows < count; ++rows.rows) draw(rows);
    row_ += rows.rows;
    return rows.rows > 0;
  }

 private:
  void check() const {
    require(config_.rows >= 1, "[generate] rows: got {}, expected at least 1", config_.rows);
    require(config_.zipf >= 0 && config_.zipf <= 4, "[generate] zipf: got {}, expected 0 to 4",
            config_.zipf);
    require(config_.ids != GenerateConfig::Ids::kLocality || !config_.locality.classes.empty(),
            "[generate] locality: got no classes, expected one at least");
    for (const CategoricalColumn& column : schema_.categorical) {
      require(column.cardinality >= 1 && column.cardinality <= kMaxRows,
              "[generate] column {}: got cardinality {}, expected one from 1 to {}", column.name,
              column.cardinality, kMaxRows);
      require(column.hotness >= 1, "[generate] column {}: got hotness {}, expected at least 1",
              column.name, column.hotness);
    }
  }

  void start() {
    random_.seed(config_.seed);  // of the tables, which all parts share
    popular_.clear();
    for (const CategoricalColumn& column : schema_.categorical) {
      if (distributions_.empty()) popular_.emplace_back(groups_of(column), random_);
    }
    restart_traces();
    calibrate();
    restart_traces();
    random_.seed(config_.seed + 0x9e3779b9 * (config_.part + 1));  // of the samples
    row_ = 0;
  }

  void restart_traces() {
    traces_.clear();
    for (const TraceDistribution& trace : distributions_) traces_.emplace_back(trace, false);
  }

  std::vector<std::pair<int64_t, double>> groups_of(const CategoricalColumn& column) const {
    switch (config_.ids) {
      case GenerateConfig::Ids::kZipf:
        return zipf_groups(column.cardinality, config_.zipf);
      case GenerateConfig::Ids::kLocality:
        return locality_groups(column.cardinality, config_.locality);
      default:
        return {{column.cardinality, 1.0}};
    }
  }

  void draw(Rows& rows) {
    for (const NumericalColumn& column : schema_.numerical)
      rows.dense.push_back(draw_number(column));
    const double score = (draw_ids(rows) - mean_score_) / score_deviation_;
    rows.labels.push_back(random_.uniform() < squash(kOffset + score) ? 1 : 0);
  }

  // Gives the sum of the effects of the first ids.
  double draw_ids(Rows& rows) {
    double score = 0;
    for (size_t t = 0; t < schema_.num_tables(); ++t) {
      SparseFeature& feature = rows.sparse[t];
      const size_t first = feature.ids.size();
      draw_bag(feature, t);
      score += effect(t, static_cast<uint64_t>(feature.ids[first]));
    }
    return score;
  }

  // Popular ids would else decide the click rate of the whole data set.
  void calibrate() {
    Rows pilot;
    pilot.start(schema_);
    double sum = 0, squares = 0;  // of small integers: exact in any order
    for (int64_t row = 0; row < kPilotRows; ++row) {
      const double score = draw_ids(pilot);
      sum += score;
      squares += score * score;
    }
    mean_score_ = sum / kPilotRows;
    const double variance = squares / kPilotRows - mean_score_ * mean_score_;
    score_deviation_ = variance > 0 ? std::sqrt(variance) : 1;
  }

  double draw_number(const NumericalColumn& column) {
    switch (column.type) {
      case ColumnType::kFloat16:
      case ColumnType::kFloat32:
      case ColumnType::kFloat64:
        // 11 bits, which all of the three hold.
        return std::floor(random_.uniform() * 2048) / 2048;
      case ColumnType::kBool:
        return static_cast<double>(random_.interval(1));
      default: {
        const int most = column.type == ColumnType::kInt8 ? 5 : 11;
        const uint64_t low = uint64_t{1} << random_.interval(static_cast<uint64_t>(most));
        return static_cast<double>(low - 1 + random_.interval(low - 1));
      }
    }
  }

  void draw_bag(SparseFeature& feature, size_t table) {
    const CategoricalColumn& column = schema_.categorical[table];
    int64_t count = column.hotness;
    if (!column.fixed_hotness) {
      count = 1 + static_cast<int64_t>(random_.interval(static_cast<uint64_t>(count - 1)));
    }
    for (int64_t i = 0; i < count; ++i) {
      feature.ids.push_back(traces_.empty() ? popular_[table].next(random_)
                                            : traces_[table].next(random_) % column.cardinality);
    }
    feature.offsets.push_back(static_cast<int64_t>(feature.ids.size()));
  }

  Schema schema_;
  GenerateConfig config_;
  std::vector<TraceDistribution> distributions_;  // of kTrace, one a table
  NumpyRandom random_{1};
  std::vector<PopularIds> popular_;  // one a table, or
  std::vector<TraceGenerator> traces_;
  double mean_score_ = 0, score_deviation_ = 1;
  int64_t row_ = 0;
};

}  // namespace

std::unique_ptr<RowSource> generate_rows(const Schema& schema, const GenerateConfig& config) {
  return std::make_unique<GeneratedRows>(schema, config);
}

}  // namespace hotrow
