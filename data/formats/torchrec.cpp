#include "data/formats/torchrec.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <optional>
#include <utility>
#include <vector>

#include "data/formats/column_facts.h"
#include "data/formats/npz_matrix.h"
#include "data/npy_file.h"
#include "kernels/core/check.h"

namespace hotrow {
namespace {

namespace fs = std::filesystem;

constexpr double kIdEnd = 0x1p53;  // above it a double is no longer every whole number
constexpr int64_t kMaxColumns = 4096, kMaxHotness = 1 << 16;

std::string day_file(const std::string& folder, int64_t day, std::string_view what) {
  return fmt::format("{}/day_{}_{}", folder, day, what);
}

std::vector<std::string> files_of_day(const std::string& folder, int64_t day, bool multi_hot) {
  return {day_file(folder, day, "dense.npy"), day_file(folder, day, "labels.npy"),
          day_file(folder, day, multi_hot ? "sparse_multi_hot.npz" : "sparse.npy")};
}

// The ids of a day, as the numbers that are stored.
class DayIds {
 public:
  virtual ~DayIds() = default;
  virtual int64_t rows() const = 0;
  virtual const std::vector<int64_t>& hotness() const = 0;  // of each table
  // Samples first, first + 1, ...; of multi-hot ids those after the last call's.
  virtual void read(int64_t first, int64_t count) = 0;
  // What read() gave: id k of sample r stands at values(table)[r * stride(table) + k].
  virtual const double* values(size_t table) const = 0;
  virtual int64_t stride(size_t table) const = 0;
  virtual std::string source(size_t table) const = 0;
};

class OneHotIds : public DayIds {
 public:
  explicit OneHotIds(const std::string& path)
      : file_(path), hotness_(static_cast<size_t>(std::min(file_.columns(), kMaxColumns)), 1) {
    require<DataError>(file_.columns() >= 1 && file_.columns() <= kMaxColumns,
                       "[{}] columns: got {}, expected from 1 to {}", path, file_.columns(),
                       kMaxColumns);
  }
  int64_t rows() const override { return file_.rows(); }
  const std::vector<int64_t>& hotness() const override { return hotness_; }
  void read(int64_t first, int64_t count) override { file_.read(first, count, values_); }
  const double* values(size_t table) const override { return values_.data() + table; }
  int64_t stride(size_t) const override { return file_.columns(); }
  std::string source(size_t) const override { return file_.path(); }

 private:
  NpyFile file_;
  std::vector<int64_t> hotness_;
  std::vector<double> values_;
};

class MultiHotIds : public DayIds {
 public:
  explicit MultiHotIds(const std::string& path) : npz_(path) {
    for (size_t t = 0; npz_.contains(fmt::to_string(t)); ++t) {
      NpzMatrix& table = tables_.emplace_back(npz_, fmt::to_string(t));
      require<DataError>(table.columns() >= 1 && table.columns() <= kMaxHotness,
                         "[{}] ids a sample: got {}, expected from 1 to {}", table.source(),
                         table.columns(), kMaxHotness);
      require<DataError>(table.rows() == tables_[0].rows(),
                         "[{}] samples: got {}, expected {} as array '0' has", table.source(),
                         table.rows(), tables_[0].rows());
      hotness_.push_back(table.columns());
    }
    require<DataError>(!tables_.empty(), "[{}] arrays: got none called '0', expected '0', '1', ...",
                       path);
    values_.resize(tables_.size());
  }
  int64_t rows() const override { return tables_[0].rows(); }
  const std::vector<int64_t>& hotness() const override { return hotness_; }
  void read(int64_t, int64_t count) override {
    for (size_t t = 0; t < tables_.size(); ++t) tables_[t].read(count, values_[t]);
  }
  const double* values(size_t table) const override { return values_[table].data(); }
  int64_t stride(size_t table) const override { return hotness_[table]; }
  std::string source(size_t table) const override { return tables_[table].source(); }

 private:
  const NpzReader npz_;
  std::vector<NpzMatrix> tables_;
  std::vector<int64_t> hotness_;
  std::vector<std::vector<double>> values_;
};

struct Day {
  Day(const std::vector<std::string>& files, bool multi_hot) : dense(files[0]), labels(files[1]) {
    if (multi_hot) {
      ids = std::make_unique<MultiHotIds>(files[2]);
    } else {
      ids = std::make_unique<OneHotIds>(files[2]);
    }
    require<DataError>(labels.columns() == 1, "[{}] labels a sample: got {}, expected 1",
                       labels.path(), labels.columns());
    require<DataError>(dense.columns() <= kMaxColumns, "[{}] columns: got {}, expected at most {}",
                       dense.path(), dense.columns(), kMaxColumns);
    require<DataError>(dense.rows() == labels.rows() && ids->rows() == labels.rows(),
                       "[{}] samples: got {} dense and {} sparse, expected {} as the labels",
                       labels.path(), dense.rows(), ids->rows(), labels.rows());
  }

  NpyFile dense, labels;
  std::unique_ptr<DayIds> ids;
};

class TorchrecSource : public RowSource {
 public:
  TorchrecSource(std::string folder, bool multi_hot)
      : folder_(std::move(folder)), multi_hot_(multi_hot), begins_(1, 0) {
    int64_t dense = 0;
    std::vector<int64_t> hotness;
    for (int64_t d = 0; d == 0 || fs::exists(day_file(folder_, d, "labels.npy")); ++d) {
      const std::vector<std::string> files = files_of_day(folder_, d, multi_hot_);
      const Day day(files, multi_hot_);
      all_files_.insert(all_files_.end(), files.begin(), files.end());
      if (d == 0) {
        dense = day.dense.columns();
        hotness = day.ids->hotness();
      }
      require<DataError>(day.dense.columns() == dense && day.ids->hotness() == hotness,
                         "[{}] columns: got {} numerical and {} tables of {} ids, expected those "
                         "of day 0",
                         day.dense.path(), day.dense.columns(), day.ids->hotness().size(),
                         fmt::join(day.ids->hotness(), " "));
      begins_.push_back(begins_.back() + day.labels.rows());
    }
    set_schema(dense, hotness);
  }

  const Schema& schema() const override { return schema_; }
  std::vector<std::string> files() const override { return all_files_; }
  int64_t num_rows() const override { return begins_.back(); }
  bool can_seek() const override { return !multi_hot_; }
  void seek(int64_t row) override {
    check_seek(folder_, row);
    at_ = row;
    if (multi_hot_) day_.reset();
  }

  bool next(Rows& rows, int64_t max_rows) override {
    rows.start(schema_);
    rows.first_row = at_;
    if (at_ == num_rows()) return false;
    open_day();
    const auto day = static_cast<size_t>(day_number_);
    const int64_t first = at_ - begins_[day];
    rows.rows = std::min(max_rows, begins_[day + 1] - at_);
    rows.source = folder_;  // a row is of three files, and counts from the first day's
    day_->labels.read(first, rows.rows, rows.labels);
    check_labels(rows);
    day_->dense.read(first, rows.rows, rows.dense);
    day_->ids->read(first, rows.rows);
    for (size_t t = 0; t < schema_.num_tables(); ++t) take_table(rows, t);
    at_ += rows.rows;
    return true;
  }

 private:
  void set_schema(int64_t dense, const std::vector<int64_t>& hotness) {
    schema_ = criteo_schema(dense, std::ssize(hotness));
    for (NumericalColumn& column : schema_.numerical) {
      column.type = ColumnType::kFloat32;
      column.applied = column.transform = Transform::kLog3p;
    }
    // Inside of the folder: its own name says nothing.
    const std::vector<int64_t> sizes = find_table_sizes(folder_ + "/day", std::ssize(hotness));
    for (size_t t = 0; t < hotness.size(); ++t) {
      schema_.categorical[t].type = ColumnType::kInt32;
      schema_.categorical[t].hotness = hotness[t];
      schema_.categorical[t].cardinality = sizes[t];
    }
  }

  // Makes the day of row at_ the open one.
  void open_day() {
    const auto after = std::upper_bound(begins_.begin(), begins_.end(), at_);
    const int64_t day = after - begins_.begin() - 1;
    if (day_ && day == day_number_) return;
    day_.emplace(files_of_day(folder_, day, multi_hot_), multi_hot_);
    day_number_ = day;
    require<DataError>(
        day_->labels.rows() == begins_[static_cast<size_t>(day) + 1] - at_ || can_seek(),
        "[{}] samples: got {}, expected {} (it has changed)", day_->labels.path(),
        day_->labels.rows(), begins_[static_cast<size_t>(day) + 1] - at_);
  }

  void check_labels(const Rows& rows) const {
    for (size_t r = 0; r < rows.labels.size(); ++r) {
      require<DataError>(
          std::isfinite(rows.labels[r]), "[{}] row {}, label: got {}, expected a finite number",
          day_->labels.path(), rows.first_row + static_cast<int64_t>(r), rows.labels[r]);
    }
  }

  void take_table(Rows& rows, size_t t) {
    const CategoricalColumn& column = schema_.categorical[t];
    const double end = column.cardinality > 0 ? static_cast<double>(column.cardinality) : kIdEnd;
    SparseFeature& feature = rows.sparse[t];
    const double* value = day_->ids->values(t);
    for (int64_t r = 0; r < rows.rows; ++r, value += day_->ids->stride(t)) {
      for (int64_t k = 0; k < column.hotness; ++k) {
        if (!(value[k] >= 0 && value[k] < end && std::trunc(value[k]) == value[k])) {
          throw DataError(fmt::format("[{}] row {}, column {}: got id {}, expected from 0 to {}",
                                      day_->ids->source(t), rows.first_row + r, column.name,
                                      value[k], static_cast<int64_t>(end) - 1));
        }
        feature.ids.push_back(static_cast<int64_t>(value[k]));
      }
      feature.offsets.push_back(std::ssize(feature.ids));
    }
  }

  const std::string folder_;
  const bool multi_hot_;
  Schema schema_;
  std::vector<std::string> all_files_;
  std::vector<int64_t> begins_;  // first row of each day, then all
  std::optional<Day> day_;
  int64_t day_number_ = -1;
  int64_t at_ = 0;
};

bool has_day(const std::string& folder, std::string_view ids) {
  return fs::exists(day_file(folder, 0, "labels.npy")) && fs::exists(day_file(folder, 0, ids));
}

}  // namespace

std::unique_ptr<RowSource> open_torchrec(const std::string& path, const SourceOptions&) {
  return std::make_unique<TorchrecSource>(path, false);
}
std::unique_ptr<RowSource> open_multi_hot(const std::string& path, const SourceOptions&) {
  return std::make_unique<TorchrecSource>(path, true);
}

constinit const Format kTorchrec = {
    "torchrec", "TorchRec's folder of day_0_dense.npy, _labels.npy, _sparse.npy",
    [](const std::string& path) { return has_day(path, "sparse.npy"); }, open_torchrec,
    create_torchrec};
constinit const Format kMultiHot = {
    .name = "multi-hot",
    .about = "the same with ids in day_0_sparse_multi_hot.npz (DLRMv2)",
    .fits = [](const std::string& path) { return has_day(path, "sparse_multi_hot.npz"); },
    .open = open_multi_hot,
    .create = create_multi_hot,
    .exact_lists = true};

}  // namespace hotrow
