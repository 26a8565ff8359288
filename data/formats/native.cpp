#include "data/formats/native.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <optional>
#include <utility>

#include "data/batch_rows.h"
#include "data/formats/native_decode.h"
#include "data/formats/native_file.h"
#include "data/formats/native_writer.h"
#include "data/made_folder.h"
#include "data/mapped_file.h"
#include "data/schema_json.h"
#include "kernels/core/check.h"

namespace hotrow {
namespace {

// Rows whose dense values are written column by column while they stay in the nearest cache.
constexpr int64_t kTile = 128;

class NativeSource : public RowSource {
 public:
  explicit NativeSource(const std::string& path) : mapped_(std::in_place, path) {
    open(mapped_->bytes(), path);
  }
  NativeSource(std::span<const std::byte> bytes, std::string name) { open(bytes, std::move(name)); }

  const Schema& schema() const override { return file_->schema(); }
  std::vector<std::string> files() const override {
    return mapped_ ? std::vector{mapped_->path()} : std::vector<std::string>{};
  }
  int64_t num_rows() const override { return file_->num_rows(); }
  bool can_seek() const override { return true; }

  void seek(int64_t row) override {
    check_seek(file_->name(), row);
    row_ = row;
    ids_at_row_ = -1;
  }

  bool next(Rows& rows, int64_t max_rows) override;
  int64_t fill(Batch& batch, int64_t at, int64_t max_rows, Rows& scratch) override;

 private:
  void open(std::span<const std::byte> bytes, std::string name);
  int64_t begin_run(int64_t max_rows);
  void end_run(int64_t count);
  void put_numbers(Batch& batch, int64_t at, int64_t count) const;
  void put_bags(SparseFeature& to, int64_t at, size_t table, int64_t count);
  [[noreturn]] void refuse_id(const SparseFeature& to, int64_t at, size_t table) const;

  std::optional<MappedFile> mapped_;
  std::optional<NativeFile> file_;
  std::vector<Transformer> transforms_;                 // one a numerical column
  int64_t row_ = 0;                                     // next to read
  const std::vector<NativeColumn>* columns_ = nullptr;  // of its block
  int64_t in_block_ = 0;                                // its place there
  int64_t ids_at_row_ = -1;                             // the row that id_at_ is of
  std::vector<int64_t> id_at_;  // a table: where its ids of that row begin in the block
};

void NativeSource::open(std::span<const std::byte> bytes, std::string name) {
  file_.emplace(bytes, std::move(name));
  for (const NumericalColumn& column : schema().numerical) transforms_.emplace_back(column);
  id_at_.resize(schema().num_tables());
}

// Finds the block of row_ and gives how many rows from there on can be read in one go.
int64_t NativeSource::begin_run(int64_t max_rows) {
  if (row_ == num_rows()) return 0;
  const int64_t block = row_ / file_->block_rows();
  columns_ = &file_->block(block);
  in_block_ = row_ % file_->block_rows();
  if (ids_at_row_ != row_ || in_block_ == 0) {
    for (size_t t = 0; t < id_at_.size(); ++t) {
      id_at_[t] = native::ids_before((*columns_)[1 + schema().num_dense() + t], in_block_,
                                     schema().categorical[t].hotness);
    }
  }
  return std::min(max_rows, file_->rows_of(block) - in_block_);
}

void NativeSource::end_run(int64_t count) {
  row_ += count;
  ids_at_row_ = row_;
}

bool NativeSource::next(Rows& rows, int64_t max_rows) {
  rows.start(schema());
  const int64_t count = begin_run(max_rows);
  rows.rows = count;
  rows.source = file_->name();
  rows.first_row = row_;
  if (count == 0) return false;
  const auto n = static_cast<size_t>(count);
  const size_t num_dense = schema().num_dense();
  rows.labels.resize(n);
  rows.dense.resize(n * num_dense);
  native::decode_doubles(rows.labels.data(), 1, columns_->front(), in_block_, count);
  for (size_t i = 0; i < num_dense; ++i) {
    native::decode_doubles(rows.dense.data() + i, static_cast<int64_t>(num_dense),
                           (*columns_)[1 + i], in_block_, count);
  }
  for (size_t t = 0; t < rows.sparse.size(); ++t) {
    rows.sparse[t].offsets.resize(n + 1);
    put_bags(rows.sparse[t], 0, t, count);
  }
  end_run(count);
  return true;
}

int64_t NativeSource::fill(Batch& batch, int64_t at, int64_t max_rows, Rows&) {
  const int64_t count = begin_run(max_rows);
  if (count == 0) return 0;
  if (at == 0) batch.source = file_->name();
  put_numbers(batch, at, count);
  for (size_t t = 0; t < batch.sparse.size(); ++t) put_bags(batch.sparse[t], at, t, count);
  end_run(count);
  return count;
}

void NativeSource::put_numbers(Batch& batch, int64_t at, int64_t count) const {
  static const Transformer none(Transform::kNone);
  native::decode_floats(batch.labels.data() + at, 1, columns_->front(), in_block_, count, none);
  const auto num_dense = static_cast<int64_t>(transforms_.size());
  for (int64_t k = 0; k < count; k += kTile) {
    float* out = batch.dense.data() + (at + k) * num_dense;
    for (int64_t i = 0; i < num_dense; ++i) {
      native::decode_floats(out + i, num_dense, (*columns_)[static_cast<size_t>(1 + i)],
                            in_block_ + k, std::min(kTile, count - k),
                            transforms_[static_cast<size_t>(i)]);
    }
  }
}

void NativeSource::put_bags(SparseFeature& to, int64_t at, size_t table, int64_t count) {
  const CategoricalColumn& facts = schema().categorical[table];
  const NativeColumn& column = (*columns_)[1 + schema().num_dense() + table];
  const int64_t begin = to.offsets[static_cast<size_t>(at)];
  const int64_t end = native::decode_ends(to.offsets.data() + at + 1, column, in_block_, count,
                                          begin, facts.hotness);
  if (std::ssize(to.ids) < end) to.ids.resize(static_cast<size_t>(end));
  const bool good = native::decode_ids(to.ids.data() + begin, column, id_at_[table], end - begin,
                                       facts.cardinality > 0 ? facts.cardinality : INT64_MAX);
  if (!good) refuse_id(to, at, table);
  id_at_[table] += end - begin;
}

void NativeSource::refuse_id(const SparseFeature& to, int64_t at, size_t table) const {
  const CategoricalColumn& facts = schema().categorical[table];
  const int64_t bound = facts.cardinality > 0 ? facts.cardinality : INT64_MAX;
  int64_t k = to.offsets[static_cast<size_t>(at)], row = 0;
  while (to.ids[static_cast<size_t>(k)] >= 0 && to.ids[static_cast<size_t>(k)] < bound) ++k;
  while (to.offsets[static_cast<size_t>(at + row + 1)] <= k) ++row;
  throw_bad_id(file_->name(), facts, row_ + row, to.ids[static_cast<size_t>(k)]);
}

std::string part_of(const std::string& folder, const std::string& part) {
  return (std::filesystem::path(folder) / (part + std::string(kNativeExtension))).string();
}

// Of `path`. What a run before has left is said to a person.
std::unique_ptr<NativeWriter> create_file(const std::string& path, const Schema& schema,
                                          const SinkOptions& options) {
  if (options.source.empty()) return std::make_unique<NativeWriter>(path, schema);
  auto journal = std::make_unique<NativeJournal>(
      path,
      fmt::format(R"({{"version":{},"block_rows":{},"schema":{},"source":{}}})", native::kVersion,
                  kNativeBlockRows, schema_to_json(schema), options.source),
      options.progress);
  const bool outdated = journal->outdated();
  auto sink = std::make_unique<NativeWriter>(path, schema, kNativeBlockRows, std::move(journal));
  if (!options.say) return sink;
  if (outdated)
    options.say("the input or the command is not that of the run that was stopped: beginning anew");
  if (sink->kept_rows() > 0)
    options.say(
        fmt::format("going on after {} rows of the run that was stopped, which are read "
                    "again and compared",
                    sink->kept_rows()));
  return sink;
}

// A part in a folder that is made for it.
class NativePart : public RowSink {
 public:
  NativePart(const std::string& folder, const Schema& schema, const SinkOptions& options)
      : folder_(folder), file_(create_file(part_of(folder, options.part), schema, options)) {}

  const std::vector<std::string>& losses() const override { return file_->losses(); }
  void write(const Rows& rows) override { file_->write(rows); }
  std::vector<const PendingFile*> close() override { return file_->close(); }
  void published() override { file_->published(); }
  std::string kept() const override { return file_->kept(); }

 private:
  MadeFolder folder_;  // outlives the file in it
  std::unique_ptr<NativeWriter> file_;
};

}  // namespace

bool is_native(const std::string& path) {
  std::error_code none;
  if (std::filesystem::is_directory(path, none)) {
    constexpr std::array kParts = {"train", "test", "val"};
    return std::any_of(kParts.begin(), kParts.end(), [&](const char* part) {
      return std::filesystem::exists(part_of(path, part), none);
    });
  }
  if (!std::filesystem::is_regular_file(path, none)) return false;
  std::array<char, native::kMagic.size()> first{};
  return std::ifstream(path, std::ios::binary).read(first.data(), first.size()) &&
         first == native::kMagic;
}

std::unique_ptr<RowSource> open_native(const std::string& path, const SourceOptions& options) {
  const bool folder = std::filesystem::is_directory(path);
  return std::make_unique<NativeSource>(folder ? part_of(path, options.part) : path);
}

std::unique_ptr<RowSource> open_native_bytes(std::span<const std::byte> bytes, std::string name) {
  return std::make_unique<NativeSource>(bytes, std::move(name));
}

std::unique_ptr<RowSink> create_native(const std::string& path, const Schema& schema,
                                       const SinkOptions& options) {
  if (path.ends_with(kNativeExtension)) return create_file(path, schema, options);
  refuse_other_formats(path, "native");
  return std::make_unique<NativePart>(path, schema, options);
}

}  // namespace hotrow
