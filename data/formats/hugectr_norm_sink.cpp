// Samples into HugeCTR's Norm files.
#include <algorithm>
#include <bit>
#include <cmath>
#include <deque>
#include <filesystem>
#include <limits>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include "data/binary_file.h"
#include "data/formats/column_facts.h"
#include "data/formats/hugectr_norm.h"
#include "data/formats/norm_file.h"
#include "data/formats/schema_losses.h"
#include "kernels/core/check.h"

namespace hotrow {
namespace {

constexpr size_t kFileBytes = 64 << 20;

template <class T>
void put(std::vector<std::byte>& out, T value) {
  const auto bytes = std::as_bytes(std::span(&value, 1));
  out.insert(out.end(), bytes.begin(), bytes.end());
}

// Wraps what stands behind `begin` in `out`, where 4 bytes have been left for its length.
void seal(std::vector<std::byte>& out, size_t begin) {
  const auto length = static_cast<int32_t>(out.size() - begin - 4);
  std::copy_n(std::as_bytes(std::span(&length, 1)).begin(), 4,
              out.begin() + static_cast<ptrdiff_t>(begin));
  uint8_t sum = 0;
  for (size_t i = begin + 4; i < out.size(); ++i) {
    sum = static_cast<uint8_t>(sum + std::to_integer<uint8_t>(out[i]));
  }
  put(out, sum);
}

Schema read_back(const Schema& schema) {
  Schema out = criteo_schema(std::ssize(schema.numerical), std::ssize(schema.categorical));
  for (NumericalColumn& column : out.numerical) column.transform = Transform::kNone;
  for (size_t t = 0; t < schema.num_tables(); ++t) {
    const CategoricalColumn& column = schema.categorical[t];
    out.categorical[t] = {out.categorical[t].name, ColumnType::kInt64, column.cardinality,
                          column.hotness, column.fixed_hotness};
  }
  return out;
}

class NormSink : public RowSink {
 public:
  NormSink(std::string path, const Schema& schema)
      : path_(std::move(path)),
        schema_(schema),
        facts_(ColumnFacts::of(schema)),
        losses_(schema_losses(schema, read_back(schema))),
        largest_(schema.num_tables(), -1) {
    require(path_.ends_with(".txt"), "[{}] name of the list: got this, expected NAME.txt", path_);
    const bool known =
        std::find(facts_.counts.begin(), facts_.counts.end(), 0) == facts_.counts.end();
    int64_t keys = 0;
    for (size_t t = 0; t < facts_.counts.size() && known; ++t) {
      facts_.key_begin[t] = keys;
      keys += facts_.counts[t];
    }
    wide_ = !known || keys > int64_t{1} << 32;
    if (!known) {
      losses_.push_back(
          "the table sizes are not known, so that keys of different slots may be equal");
    }
  }

  const std::vector<std::string>& losses() const override { return losses_; }

  void write(const Rows& rows) override {
    for (int64_t r = 0; r < rows.rows; ++r) {
      put_sample(rows, static_cast<size_t>(r));
      ++records_;
      if (bytes_.size() >= kFileBytes) close_file();
    }
  }

  std::vector<const PendingFile*> close() override {
    if (records_ > 0 || files_.empty()) close_file();
    std::string list = fmt::format("{}\n", files_.size());
    for (const BinaryOutput& file : files_) {
      list += std::filesystem::path(file.path()).filename().string() + "\n";
    }
    list_file_.emplace(path_);
    list_file_->write(list);
    list_file_->close();
    for (size_t t = 0; t < facts_.counts.size(); ++t) {
      if (facts_.counts[t] == 0) facts_.counts[t] = std::max<int64_t>(largest_[t], 0) + 1;
    }
    facts_.dense_type = ColumnType::kFloat32;
    facts_file_.emplace(write_column_facts(path_, facts_));
    if (missing_ > 0)
      losses_.push_back(fmt::format("{} missing numerical values became 0", missing_));
    if (rounded_ > 0) {
      losses_.push_back(fmt::format("{} numerical values were rounded to float32", rounded_));
    }
    std::vector<const PendingFile*> all = {&facts_file_->pending()};
    for (const BinaryOutput& file : files_) all.push_back(&file.pending());
    all.push_back(&list_file_->pending());
    return all;
  }

 private:
  void put_sample(const Rows& rows, size_t r) {
    const size_t begin = bytes_.size(), columns = schema_.num_dense();
    put(bytes_, int32_t{0});  // the length
    put(bytes_, static_cast<float>(rows.labels[r]));
    for (size_t j = 0; j < columns; ++j) put_value(rows.dense[r * columns + j]);
    for (size_t t = 0; t < schema_.num_tables(); ++t) put_slot(rows, r, t);
    seal(bytes_, begin);
  }

  void put_value(double value) {
    missing_ += std::isnan(value);
    const float stored = std::isnan(value) ? 0.0f : static_cast<float>(value);
    rounded_ += !std::isnan(value) && static_cast<double>(stored) != value;
    put(bytes_, stored);
  }

  void put_slot(const Rows& rows, size_t r, size_t t) {
    const SparseFeature& feature = rows.sparse[t];
    const CategoricalColumn& column = schema_.categorical[t];
    const int64_t row = rows.first_row + static_cast<int64_t>(r);
    const int64_t begin = feature.offsets[r], count = feature.offsets[r + 1] - begin;
    const int64_t end = column.cardinality > 0 ? column.cardinality : int64_t{1} << 32;
    require<DataError>(count <= column.hotness,
                       "[{}] row {}, column {}: got {} ids, expected at most {}", path_, row,
                       column.name, count, column.hotness);
    put(bytes_, static_cast<int32_t>(count));
    for (int64_t k = begin; k < begin + count; ++k) {
      const int64_t id = feature.ids[static_cast<size_t>(k)];
      require<DataError>(id >= 0 && id < end,
                         "[{}] row {}, column {}: got id {}, expected from 0 to {}", path_, row,
                         column.name, id, end - 1);
      largest_[t] = std::max(largest_[t], id);
      const int64_t key = facts_.key_begin[t] + id;
      if (wide_) {
        put(bytes_, key);
      } else {
        put(bytes_, static_cast<uint32_t>(key));
      }
    }
  }

  // Header and samples to the next file, complete but without its name.
  void close_file() {
    NormHeader header;
    header.error_check = 1;
    header.records = records_;
    header.label_dim = 1;
    header.dense_dim = std::ssize(schema_.numerical);
    header.slot_num = std::ssize(schema_.categorical);
    std::vector<std::byte> start;
    put(start, int32_t{0});
    put(start, header);
    seal(start, 0);
    const std::string stem = path_.substr(0, path_.size() - 4);
    BinaryOutput& file = files_.emplace_back(fmt::format("{}_{}.data", stem, files_.size()));
    file.write(start);
    file.write(bytes_);
    file.close();
    bytes_.clear();
    records_ = 0;
  }

  const std::string path_;
  const Schema schema_;
  ColumnFacts facts_;
  std::vector<std::string> losses_;
  std::vector<int64_t> largest_;  // id, -1: none yet
  bool wide_ = false;             // keys of 8 bytes
  std::deque<BinaryOutput> files_;
  std::optional<BinaryOutput> list_file_;
  std::optional<NpzWriter> facts_file_;
  std::vector<std::byte> bytes_;  // of samples that wait for their file
  int64_t records_ = 0, missing_ = 0, rounded_ = 0;
};

}  // namespace

std::unique_ptr<RowSink> create_hugectr_norm(const std::string& path, const Schema& schema,
                                             const SinkOptions&) {
  return std::make_unique<NormSink>(path, schema);
}

}  // namespace hotrow
