// Samples into the reference's processed .npz.
//
// The file wants ids column after column, and samples come row after row: they wait in a temporary
// file of blocks, in each of which labels, numerical values (row after row) and ids (column after
// column) lie together.
#include <algorithm>
#include <filesystem>
#include <utility>
#include <vector>

#include "data/formats/criteo_npz.h"
#include "data/formats/records.h"
#include "data/formats/schema_losses.h"
#include "data/npz.h"
#include "data/spill_file.h"
#include "kernels/core/check.h"

namespace hotrow {
namespace {

constexpr int64_t kBlockRows = 1 << 16;

std::string folder_of(const std::string& path) {
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  return folder.empty() ? "." : folder.string();
}

Schema read_back(const Schema& schema) {
  Schema out = criteo_schema(static_cast<int64_t>(schema.num_dense()),
                             static_cast<int64_t>(schema.num_tables()));
  for (size_t t = 0; t < schema.num_tables(); ++t) {
    out.categorical[t].cardinality = schema.categorical[t].cardinality;
  }
  return out;
}

RecordLayout layout_of(const Schema& schema, const std::string& path) {
  require(schema.num_dense() >= 1 && schema.num_tables() >= 1,
          "[{}] columns: got {} numerical and {} categorical, expected at least one of each", path,
          schema.num_dense(), schema.num_tables());
  for (const NumericalColumn& column : schema.numerical) {
    require(column.applied == Transform::kNone,
            "[{}] column {}: got values with {} applied, expected raw whole numbers", path,
            column.name, name_of(column.applied));
  }
  return {static_cast<int64_t>(schema.num_dense()), ColumnType::kInt32, ColumnType::kInt32,
          std::vector<int64_t>(schema.num_tables(), 1)};
}

class CriteoNpzSink : public RowSink {
 public:
  CriteoNpzSink(std::string path, const Schema& schema, SinkOptions options, CriteoSet set)
      : path_(std::move(path)),
        options_(std::move(options)),
        files_(set, folder_of(path_) + (set == CriteoSet::kKaggle ? "/train.txt" : "/day")),
        layout_(layout_of(schema, path_)),
        packer_(schema, layout_, path_),
        losses_(schema_losses(schema, read_back(schema))),
        spill_(folder_of(path_)),
        block_(static_cast<size_t>(kBlockRows * layout_.words())) {}

  const std::vector<std::string>& losses() const override { return losses_; }

  void write(const Rows& rows) override {
    const std::span<const uint32_t> records = packer_.pack(rows);
    const auto words = static_cast<size_t>(layout_.words());
    for (int64_t r = 0; r < rows.rows; ++r) {
      const std::span<const uint32_t> record =
          records.subspan(static_cast<size_t>(r) * words, words);
      require<DataError>(record[0] <= 1, "[{}] row {}, label: got {}, expected 0 or 1", path_,
                         rows.first_row + r, static_cast<int32_t>(record[0]));
      put(record);
    }
  }

  void finish() override {
    if (rows_ % kBlockRows != 0) flush();
    const int64_t dense = layout_.num_dense, tables = std::ssize(layout_.hotness);
    const std::vector<int64_t> sizes = packer_.table_sizes();
    const std::vector<int32_t> counts(sizes.begin(), sizes.end());
    const std::vector<int64_t> days = rows_of_days();
    NpyHeader by_column = npy_header<double>({rows_, tables});
    by_column.fortran_order = true;

    NpzWriter npz(path_, options_.compress ? NpzWriter::Compression::kDeflate
                                           : NpzWriter::Compression::kStored);
    npz.add_values("X_cat", by_column,
                   [&](int64_t first, std::span<std::byte> out) { give_ids(first, out); });
    npz.add_values(
        "X_int", npy_header<int32_t>({rows_, dense}),
        [&](int64_t first, std::span<std::byte> out) { give(first, out, dense, kBlockRows); });
    npz.add_values("y", npy_header<int32_t>({rows_}),
                   [&](int64_t first, std::span<std::byte> out) { give(first, out, 1, 0); });
    npz.add("counts", counts, {tables});
    npz.add("total_per_file", days, {std::ssize(days)});
    npz.finish(options_.progress);
    for (std::string& loss : packer_.losses()) losses_.push_back(std::move(loss));
    write_day_counts(days);
  }

 private:
  // Appends a record to the block: label, numerical values and ids each to their place.
  void put(std::span<const uint32_t> record) {
    const int64_t row = rows_ % kBlockRows, dense = layout_.num_dense;
    block_[static_cast<size_t>(row)] = record[0];
    std::copy_n(record.begin() + 1, dense, block_.begin() + kBlockRows + row * dense);
    uint32_t* id = block_.data() + kBlockRows * (1 + dense) + row;
    for (size_t t = 1 + static_cast<size_t>(dense); t < record.size(); ++t, id += kBlockRows) {
      *id = record[t];
    }
    if (++rows_ % kBlockRows == 0) flush();
  }

  int64_t block_bytes() const { return kBlockRows * layout_.bytes(); }
  void flush() {
    spill_.write((rows_ - 1) / kBlockRows * block_bytes(), std::as_bytes(std::span(block_)));
  }

  // Copies values first, first + 1, ... of an array that has `width` values a row and lies `offset`
  // words into each block.
  void give(int64_t first, std::span<std::byte> out, int64_t width, int64_t offset) const {
    while (!out.empty()) {
      const int64_t block = first / (kBlockRows * width), at = first % (kBlockRows * width);
      const int64_t values = std::min(kBlockRows * width - at, std::ssize(out) / 4);
      const std::span<std::byte> part = out.first(static_cast<size_t>(values) * 4);
      spill_.read(block * block_bytes() + (offset + at) * 4, part);
      out = out.subspan(part.size());
      first += values;
    }
  }

  // The same for the ids, column after column, as float64.
  void give_ids(int64_t first, std::span<std::byte> out) {
    double* to = reinterpret_cast<double*>(out.data());
    for (int64_t left = std::ssize(out) / 8; left > 0;) {
      const int64_t column = first / rows_, row = first % rows_;
      const int64_t values = std::min({left, rows_ - row, kBlockRows});
      words_.resize(static_cast<size_t>(values));
      give(row, std::as_writable_bytes(std::span(words_)), 1,
           kBlockRows * (1 + layout_.num_dense + column));
      to = std::copy(words_.begin(), words_.end(), to);
      first += values;
      left -= values;
    }
  }

  std::vector<int64_t> rows_of_days() const {
    std::vector<int64_t> rows;
    const int64_t days = files_.days();
    for (int64_t i = 0; i < days; ++i) rows.push_back(rows_ / days + (i < rows_ % days));
    return rows;
  }

  void write_day_counts(const std::vector<int64_t>& days) {
    const std::string path = files_.day_counts();
    if (std::filesystem::exists(path)) {
      if (NpzReader(path).read("total_per_file").cast<int64_t>() == days) return;
      losses_.push_back(fmt::format(
          "{} was there, with other counts: facebookresearch/dlrm would split by them", path));
      return;
    }
    NpzWriter npz(path);
    npz.add("total_per_file", days, {std::ssize(days)});
    npz.finish();
  }

  const std::string path_;
  const SinkOptions options_;
  const CriteoFiles files_;
  const RecordLayout layout_;
  RecordPacker packer_;
  std::vector<std::string> losses_;
  SpillFile spill_;
  std::vector<uint32_t> block_, words_;
  int64_t rows_ = 0;
};

}  // namespace

std::unique_ptr<RowSink> create_criteo_npz(const std::string& path, const Schema& schema,
                                           const SinkOptions& options, CriteoSet set) {
  return std::make_unique<CriteoNpzSink>(path, schema, options, set);
}

}  // namespace hotrow
