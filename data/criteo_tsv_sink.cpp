#include "data/criteo_tsv_sink.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>

#include "data/criteo_day.h"
#include "data/line_file.h"
#include "data/text_rows.h"
#include "kernels/core/check.h"

namespace hotrow {
namespace {

class CriteoTsvSink : public RowSink {
 public:
  CriteoTsvSink(const std::string& path, const Schema& schema)
      : schema_(schema), file_(path, path.ends_with(".gz")) {
    bool cardinalities = false, bags = false;
    for (const CategoricalColumn& column : schema.categorical) {
      cardinalities = cardinalities || column.cardinality > 0;
      bags = bags || !column.fixed_hotness;
      // Hexadecimal values that nobody has counted: a missing one has come as 0.
      from_text_.push_back(column.type == ColumnType::kHex32 && column.cardinality == 0);
    }
    if (cardinalities) losses_.push_back("Criteo lines do not tell the cardinalities of columns");
    if (bags) losses_.push_back("a sample without ids in a column is read back with the one id 0");
  }

  const std::vector<std::string>& losses() const override { return losses_; }

  void write(const Rows& rows) override {
    text_.clear();
    for (size_t b = 0; b < static_cast<size_t>(rows.rows); ++b) append(rows, b);
    file_.write(text_);
  }

  std::vector<const PendingFile*> close() override {
    file_.close();
    if (zeros_ > 0) {
      losses_.push_back(
          fmt::format("{} categories that were missing or 0 became 00000000", zeros_));
    }
    return {&file_.pending()};
  }

 private:
  void expect(bool ok, const Rows& rows, size_t b, const std::string& column, double got,
              std::string_view expected) const {
    require<DataError>(ok, "[{}: row {}, column {}] got {}, expected {}", rows.source,
                       rows.first_row + static_cast<int64_t>(b), column, got, expected);
  }

  void append(const Rows& rows, size_t b) {
    const double label = rows.labels[b];
    expect(label == 0 || label == 1, rows, b, schema_.label.name, label, "a label of 0 or 1");
    text_ += label == 1 ? '1' : '0';
    auto out = std::back_inserter(text_);
    for (size_t j = 0; j < schema_.num_dense(); ++j) {
      const double x = rows.dense[b * schema_.num_dense() + j];
      text_ += '\t';
      if (std::isnan(x)) continue;
      expect(std::abs(x) < 0x1p31 && x == std::trunc(x), rows, b, schema_.numerical[j].name, x,
             "a 32-bit integer");
      fmt::format_to(out, "{}", static_cast<int64_t>(x));
    }
    for (size_t t = 0; t < schema_.num_tables(); ++t) {
      const SparseFeature& feature = rows.sparse[t];
      char before = '\t';
      if (feature.offsets[b] == feature.offsets[b + 1]) text_ += before;
      for (int64_t k = feature.offsets[b]; k < feature.offsets[b + 1]; ++k) {
        const int64_t id = feature.ids[static_cast<size_t>(k)];
        expect(id >= 0 && id <= std::numeric_limits<uint32_t>::max(), rows, b,
               schema_.categorical[t].name, static_cast<double>(id), "an id of 32 bits");
        text_ += before;
        zeros_ += id == 0 && from_text_[t];
        fmt::format_to(out, "{:08x}", id);
        before = '|';
      }
    }
    text_ += '\n';
  }

  Schema schema_;
  LineFile file_;
  std::vector<std::string> losses_;
  std::string text_;
  std::vector<bool> from_text_;  // one a categorical column
  int64_t zeros_ = 0;            // ids 0 of those columns
};

}  // namespace

std::unique_ptr<RowSink> create_criteo_tsv(const std::string& path, const Schema& schema,
                                           const SinkOptions&) {
  require(
      std::ssize(schema.numerical) == kCriteoDense &&
          std::ssize(schema.categorical) == kCriteoTables,
      "[{}] Criteo lines have other columns: got {} numerical and {} categorical ones, expected "
      "{} and {}",
      path, schema.num_dense(), schema.num_tables(), kCriteoDense, kCriteoTables);
  for (const NumericalColumn& column : schema.numerical) {
    require(column.applied == Transform::kNone,
            "[{}] column {}: got values with {} applied, expected raw whole numbers", path,
            column.name, name_of(column.applied));
  }
  for (const CategoricalColumn& column : schema.categorical) {
    require(column.hotness <= kCriteoListValues,
            "[{}] column '{}' is too long for Criteo lines: got up to {} ids, expected at most {}",
            path, column.name, column.hotness, kCriteoListValues);
  }
  return std::make_unique<CriteoTsvSink>(path, schema);
}

}  // namespace hotrow
