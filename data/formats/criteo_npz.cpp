#include "data/formats/criteo_npz.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <numeric>
#include <vector>

#include "data/formats/column_facts.h"
#include "data/formats/npz_matrix.h"
#include "data/formats/record_decode.h"
#include "kernels/core/check.h"

namespace hotrow {
namespace {

constexpr int64_t kInt32End = int64_t{1} << 31;
constexpr int64_t kMaxColumns = 4096;

std::vector<int64_t> table_sizes(const NpzReader& npz, int64_t tables) {
  if (!npz.contains("counts")) return find_table_sizes(npz.path(), tables);
  const NpyArray counts = npz.read("counts");
  counts.check_shape({tables});
  std::vector<int64_t> sizes = counts.cast<int64_t>();
  for (size_t t = 0; t < sizes.size(); ++t) {
    require<DataError>(sizes[t] >= 1 && sizes[t] <= kInt32End,
                       "[{}] rows of table {}: got {}, expected from 1 to {}", counts.source(), t,
                       sizes[t], kInt32End);
  }
  return sizes;
}

class CriteoNpzSource : public RowSource {
 public:
  explicit CriteoNpzSource(const std::string& path)
      : npz_(path), ids_(npz_, "X_cat"), dense_(npz_, "X_int"), labels_(npz_, "y") {
    for (const NpzMatrix* matrix : {&ids_, &dense_}) {
      require<DataError>(matrix->columns() >= 1 && matrix->columns() <= kMaxColumns,
                         "[{}] columns: got {}, expected from 1 to {}", matrix->source(),
                         matrix->columns(), kMaxColumns);
      require<DataError>(matrix->rows() == labels_.rows(),
                         "[{}] samples: got {}, expected {} as y has", matrix->source(),
                         matrix->rows(), labels_.rows());
    }
    require<DataError>(labels_.columns() == 1, "[{}] labels a sample: got {}, expected 1",
                       labels_.source(), labels_.columns());
    schema_ = criteo_schema(dense_.columns(), ids_.columns());
    const std::vector<int64_t> sizes = table_sizes(npz_, ids_.columns());
    for (size_t t = 0; t < sizes.size(); ++t) {
      schema_.categorical[t].type = ColumnType::kInt32;
      schema_.categorical[t].cardinality = sizes[t];
    }
  }

  const Schema& schema() const override { return schema_; }
  std::vector<std::string> files() const override { return {npz_.path()}; }
  int64_t num_rows() const override { return labels_.rows(); }
  bool can_seek() const override { return false; }
  void seek(int64_t row) override {
    check_seek(npz_.path(), row);
    for (NpzMatrix* matrix : {&ids_, &dense_, &labels_}) matrix->rewind();
  }

  bool next(Rows& rows, int64_t max_rows) override {
    rows.start(schema_);
    rows.first_row = labels_.at();
    rows.rows = std::min(max_rows, num_rows() - rows.first_row);
    rows.source = npz_.path();
    if (rows.rows == 0) return false;
    labels_.read(rows.rows, rows.labels);
    check(labels_, rows.labels, rows.first_row, -kInt32End, kInt32End - 1,
          [this](size_t) { return schema_.label.name; });
    dense_.read(rows.rows, rows.dense);
    check(dense_, rows.dense, rows.first_row, -kInt32End, kInt32End - 1,
          [this](size_t j) { return schema_.numerical[j].name; });
    ids_.read(rows.rows, values_);
    for (size_t t = 0; t < schema_.num_tables(); ++t) take_table(rows, t);
    return true;
  }

 private:
  // name(j): of the matrix's column j.
  template <class Name>
  static void check(const NpzMatrix& matrix, std::span<const double> values, int64_t first_row,
                    int64_t low, int64_t high, const Name& name) {
    const auto bad = std::find_if(values.begin(), values.end(), [&](double value) {
      return !(value >= static_cast<double>(low) && value <= static_cast<double>(high) &&
               std::trunc(value) == value);
    });
    if (bad == values.end()) return;
    const int64_t at = bad - values.begin();
    fail(matrix, first_row + at / matrix.columns(),
         name(static_cast<size_t>(at % matrix.columns())), *bad, low, high);
  }

  void take_table(Rows& rows, size_t t) {
    const int64_t known = schema_.categorical[t].cardinality;
    const int64_t high = (known > 0 ? known : kInt32End) - 1;
    SparseFeature& feature = rows.sparse[t];
    feature.ids.resize(static_cast<size_t>(rows.rows));
    fill_offsets(feature.offsets, rows.rows, 1);
    const double* value = values_.data() + t;
    for (int64_t r = 0; r < rows.rows; ++r, value += ids_.columns()) {
      if (!(*value >= 0 && *value <= static_cast<double>(high) && std::trunc(*value) == *value)) {
        fail(ids_, rows.first_row + r, schema_.categorical[t].name, *value, 0, high);
      }
      feature.ids[static_cast<size_t>(r)] = static_cast<int64_t>(*value);
    }
  }

  [[noreturn]] static void fail(const NpzMatrix& matrix, int64_t row, const std::string& column,
                                double found, int64_t low, int64_t high) {
    // Ids of 64 bits are whole numbers in the text too, where a double would be one with an e.
    const bool whole = std::abs(found) < 0x1p63 && std::trunc(found) == found;
    throw DataError(fmt::format(
        "[{}] row {}, column {}: got {}, expected a whole number from {} to {}", matrix.source(),
        row, column, whole ? fmt::to_string(static_cast<int64_t>(found)) : fmt::to_string(found),
        low, high));
  }

  const NpzReader npz_;
  NpzMatrix ids_, dense_, labels_;
  Schema schema_;
  std::vector<double> values_;
};

bool is_processed(const std::string& path) {
  if (!path.ends_with(".npz")) return false;
  try {
    const NpzReader npz(path);
    return npz.contains("X_cat") && npz.contains("X_int") && npz.contains("y");
  } catch (const DataError&) {
    return false;
  }
}

// Terabyte's files are known by their 24 days, or else by the reference's names.
bool is_terabyte(const std::string& path) {
  if (!is_processed(path)) return false;
  const NpzReader npz(path);
  const std::string name = std::filesystem::path(path).filename();
  if (!npz.contains("total_per_file"))
    return name.starts_with("terabyte") || name.starts_with("day_");
  return npz.open("total_per_file").header().shape == std::vector<int64_t>{24};
}

bool is_kaggle(const std::string& path) { return is_processed(path) && !is_terabyte(path); }

std::unique_ptr<RowSink> create_kaggle(const std::string& path, const Schema& schema,
                                       const SinkOptions& options) {
  return create_criteo_npz(path, schema, options, CriteoSet::kKaggle);
}
std::unique_ptr<RowSink> create_terabyte(const std::string& path, const Schema& schema,
                                         const SinkOptions& options) {
  return create_criteo_npz(path, schema, options, CriteoSet::kTerabyte);
}

}  // namespace

std::unique_ptr<RowSource> open_criteo_npz(const std::string& path, const SourceOptions&) {
  return std::make_unique<CriteoNpzSource>(path);
}

constinit const Format kKaggle = {
    "kaggle",      "facebookresearch/dlrm's processed .npz, cut into 7 days",
    is_kaggle,     open_criteo_npz,
    create_kaggle, "/kaggle.npz"};
constinit const Format kTerabyte = {
    "terabyte",      "facebookresearch/dlrm's processed .npz, cut into 24 days",
    is_terabyte,     open_criteo_npz,
    create_terabyte, "/terabyte.npz"};

}  // namespace hotrow
