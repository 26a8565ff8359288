// Samples into the reference's processed .npz.
//
// The file wants ids column after column, and samples come row after row.
#include <algorithm>
#include <filesystem>
#include <optional>
#include <utility>
#include <vector>

#include "data/formats/criteo_npz.h"
#include "data/formats/records.h"
#include "data/formats/schema_losses.h"
#include "data/formats/segment_spill.h"
#include "data/npz.h"

#include "kernels/core/check.h"

namespace hotrow {
namespace {

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
        spill_(folder_of(path_), widths(layout_)),
        npz_(path_, options_.compress ? NpzWriter::Compression::kDeflate
                                      : NpzWriter::Compression::kStored) {}

  const std::vector<std::string>& losses() const override { return losses_; }

  void write(const Rows& rows) override { spill_.put(packer_.pack(rows)); }

  std::vector<const PendingFile*> close() override {
    const int64_t rows = spill_.rows(), dense = layout_.num_dense,
                  tables = std::ssize(layout_.hotness);
    const std::vector<int64_t> sizes = packer_.table_sizes();
    const std::vector<int32_t> counts(sizes.begin(), sizes.end());
    const std::vector<int64_t> days = rows_of_days();
    NpyHeader by_column = npy_header<double>({rows, tables});
    by_column.fortran_order = true;

    npz_.add_values("X_cat", by_column,
                    [&](int64_t first, std::span<std::byte> out) { give_ids(first, out); });
    npz_.add_values("X_int", npy_header<int32_t>({rows, dense}),
                    [&](int64_t first, std::span<std::byte> out) { give(1, first, out); });
    npz_.add_values("y", npy_header<int32_t>({rows}),
                    [&](int64_t first, std::span<std::byte> out) { give(0, first, out); });
    npz_.add("counts", counts, {tables});
    npz_.add("total_per_file", days, {std::ssize(days)});
    npz_.write(options_.progress);
    for (std::string& loss : packer_.losses()) losses_.push_back(std::move(loss));
    write_day_counts(days);
    if (!day_counts_) return {&npz_.pending()};
    return {&day_counts_->pending(), &npz_.pending()};
  }

 private:
  // The label, all numerical values, then each id by itself.
  static std::vector<int64_t> widths(const RecordLayout& layout) {
    std::vector<int64_t> widths = {1, layout.num_dense};
    widths.insert(widths.end(), layout.hotness.begin(), layout.hotness.end());
    return widths;
  }

  void give(size_t segment, int64_t first, std::span<std::byte> out) {
    spill_.give({reinterpret_cast<uint32_t*>(out.data()), out.size() / 4}, segment, first);
  }

  // Ids first, first + 1, ... column after column, as float64.
  void give_ids(int64_t first, std::span<std::byte> out) {
    double* to = reinterpret_cast<double*>(out.data());
    for (int64_t left = std::ssize(out) / 8; left > 0;) {
      const int64_t column = first / spill_.rows(), row = first % spill_.rows();
      const int64_t count = std::min(left, spill_.rows() - row);
      ids_.resize(static_cast<size_t>(count));
      spill_.give(ids_, 2 + static_cast<size_t>(column), row);
      to = std::copy(ids_.begin(), ids_.end(), to);
      first += count;
      left -= count;
    }
  }

  std::vector<int64_t> rows_of_days() const {
    std::vector<int64_t> rows;
    const int64_t days = files_.days();
    const int64_t all = spill_.rows();
    for (int64_t i = 0; i < days; ++i) rows.push_back(all / days + (i < all % days));
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
    day_counts_.emplace(path);
    day_counts_->add("total_per_file", days, {std::ssize(days)});
    day_counts_->write();
  }

  const std::string path_;
  const SinkOptions options_;
  const CriteoFiles files_;
  const RecordLayout layout_;
  RecordPacker packer_;
  std::vector<std::string> losses_;
  SegmentSpill spill_;
  std::vector<uint32_t> ids_;
  NpzWriter npz_;
  std::optional<NpzWriter> day_counts_;
};

}  // namespace

std::unique_ptr<RowSink> create_criteo_npz(const std::string& path, const Schema& schema,
                                           const SinkOptions& options, CriteoSet set) {
  return std::make_unique<CriteoNpzSink>(path, schema, options, set);
}

}  // namespace hotrow
