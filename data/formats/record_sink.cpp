// Samples into records of 32-bit words.
#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <utility>

#include "data/binary_file.h"
#include "data/formats/column_facts.h"
#include "data/formats/records.h"
#include "data/formats/schema_losses.h"
#include "kernels/core/check.h"

namespace hotrow {
namespace {

constexpr double kInt32Low = std::numeric_limits<int32_t>::min();
constexpr double kInt32High = std::numeric_limits<int32_t>::max();

bool is_int32(double value) {
  return value >= kInt32Low && value <= kInt32High && std::trunc(value) == value;
}
uint32_t as_word(double whole) { return static_cast<uint32_t>(static_cast<int32_t>(whole)); }

}  // namespace

RecordPacker::RecordPacker(const Schema& schema, const RecordLayout& layout, std::string target,
                           Transform transform)
    : schema_(schema),
      layout_(layout),
      target_(std::move(target)),
      transform_(transform),
      largest_(schema.num_tables(), -1) {
  require(schema.num_dense() == static_cast<size_t>(layout.num_dense) &&
              schema.num_tables() == layout.hotness.size(),
          "[{}] columns: got {} numerical and {} categorical, expected {} and {}", target_,
          schema.num_dense(), schema.num_tables(), layout.num_dense, layout.hotness.size());
  for (size_t t = 0; t < layout.hotness.size(); ++t) {
    const CategoricalColumn& column = schema.categorical[t];
    require(column.fixed_hotness && column.hotness == layout.hotness[t],
            "[{}] column {}: got {} {} ids a sample, expected exactly {} in this format", target_,
            column.name, column.fixed_hotness ? "exactly" : "up to", column.hotness,
            layout.hotness[t]);
  }
}

std::span<const uint32_t> RecordPacker::pack(const Rows& rows) {
  const auto stride = static_cast<size_t>(layout_.words());
  words_.resize(static_cast<size_t>(rows.rows) * stride);
  for (int64_t r = 0; r < rows.rows; ++r) {
    const double label = rows.labels[static_cast<size_t>(r)];
    if (!is_int32(label)) {
      fail(rows.first_row + r, schema_.label.name, fmt::to_string(label), "a whole number");
    }
    words_[static_cast<size_t>(r) * stride] = as_word(label);
  }
  pack_dense(rows);
  size_t at = 1 + static_cast<size_t>(layout_.num_dense);
  for (size_t t = 0; t < layout_.hotness.size(); ++t) {
    pack_ids(rows, t, at);
    at += static_cast<size_t>(layout_.hotness[t]);
  }
  return words_;
}

uint32_t RecordPacker::pack_value(double value, int64_t row, size_t column) {
  if (std::isnan(value)) {
    ++missing_;
    return 0;  // in both types
  }
  if (layout_.dense_type == ColumnType::kFloat32) {
    const float stored = transform_.is_identity() ? static_cast<float>(value) : transform_(value);
    rounded_ += transform_.is_identity() && static_cast<double>(stored) != value;
    return std::bit_cast<uint32_t>(stored);
  }
  if (!is_int32(value)) {
    fail(row, schema_.numerical[column].name, fmt::to_string(value), "a whole number of 32 bits");
  }
  negative_ += value < 0;
  return as_word(std::max(value, 0.0));
}

void RecordPacker::pack_dense(const Rows& rows) {
  const auto stride = static_cast<size_t>(layout_.words());
  const auto columns = static_cast<size_t>(layout_.num_dense);
  for (size_t r = 0; r < static_cast<size_t>(rows.rows); ++r) {
    for (size_t j = 0; j < columns; ++j) {
      words_[r * stride + 1 + j] =
          pack_value(rows.dense[r * columns + j], rows.first_row + static_cast<int64_t>(r), j);
    }
  }
}

void RecordPacker::pack_ids(const Rows& rows, size_t table, size_t at) {
  const auto stride = static_cast<size_t>(layout_.words());
  const auto hotness = static_cast<size_t>(layout_.hotness[table]);
  const CategoricalColumn& column = schema_.categorical[table];
  const int64_t type_end = int64_t{1} << (layout_.id_type == ColumnType::kInt32 ? 31 : 32);
  const int64_t end = column.cardinality > 0 ? std::min(column.cardinality, type_end) : type_end;
  const SparseFeature& feature = rows.sparse[table];
  for (size_t r = 0; r < static_cast<size_t>(rows.rows); ++r) {
    const int64_t row = rows.first_row + static_cast<int64_t>(r);
    const int64_t begin = feature.offsets[r], count = feature.offsets[r + 1] - begin;
    if (count != layout_.hotness[table]) {
      fail(row, column.name, fmt::format("{} ids", count), fmt::to_string(hotness));
    }
    for (size_t k = 0; k < hotness; ++k) {
      const int64_t id = feature.ids[static_cast<size_t>(begin) + k];
      if (id < 0 || id >= end) {
        fail(row, column.name, fmt::format("id {}", id), fmt::format("from 0 to {}", end - 1));
      }
      largest_[table] = std::max(largest_[table], id);
      words_[r * stride + at + k] = static_cast<uint32_t>(id);
    }
  }
}

void RecordPacker::fail(int64_t row, const std::string& column, const std::string& found,
                        const std::string& expected) const {
  throw DataError(fmt::format("[{}] row {}, column {}: got {}, expected {}", target_, row, column,
                              found, expected));
}

std::vector<int64_t> RecordPacker::table_sizes() const {
  std::vector<int64_t> sizes;
  for (size_t t = 0; t < largest_.size(); ++t) {
    const int64_t known = schema_.categorical[t].cardinality;
    sizes.push_back(known > 0 ? known : std::max<int64_t>(largest_[t] + 1, 1));
  }
  return sizes;
}

std::vector<std::string> RecordPacker::losses() const {
  std::vector<std::string> out;
  if (missing_ > 0) out.push_back(fmt::format("{} missing numerical values became 0", missing_));
  if (negative_ > 0) out.push_back(fmt::format("{} negative numerical values became 0", negative_));
  if (rounded_ > 0)
    out.push_back(fmt::format("{} numerical values were rounded to float32", rounded_));
  return out;
}

namespace {

class RecordSink : public RowSink {
 public:
  RecordSink(const std::string& path, const Schema& schema, const RecordLayout& layout,
             const Schema& read_back)
      : layout_(layout),
        packer_(schema, layout, path),
        losses_(schema_losses(schema, read_back)),
        file_(path) {}

  const std::vector<std::string>& losses() const override { return losses_; }
  void write(const Rows& rows) override { file_.write(std::as_bytes(packer_.pack(rows))); }
  void finish() override {
    ColumnFacts facts = ColumnFacts::of(packer_.schema());
    facts.counts = packer_.table_sizes();
    facts.dense_type = layout_.dense_type;
    file_.close();
    write_column_facts(file_.path(), facts);
    file_.publish();
    for (std::string& loss : packer_.losses()) losses_.push_back(std::move(loss));
  }

 private:
  const RecordLayout layout_;
  RecordPacker packer_;
  std::vector<std::string> losses_;
  BinaryOutput file_;
};

}  // namespace

std::unique_ptr<RowSink> create_records(const std::string& path, const Schema& schema,
                                        const RecordLayout& layout, const Schema& read_back) {
  return std::make_unique<RecordSink>(path, schema, layout, read_back);
}

}  // namespace hotrow
