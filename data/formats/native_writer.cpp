#include "data/formats/native_writer.h"

#include <xxhash.h>

#include <algorithm>
#include <utility>

#include "data/formats/native_encode.h"
#include "data/schema_json.h"
#include "kernels/core/check.h"

namespace hotrow {
namespace {

using native::aligned;

// Elements [begin, begin + count) of `from` after those of `to`.
template <class T>
void append_part(std::vector<T>& to, const std::vector<T>& from, int64_t begin, int64_t count) {
  to.insert(to.end(), from.begin() + begin, from.begin() + begin + count);
}

std::vector<NativeJournal::Block> kept_blocks(const NativeJournal* journal, const Schema& schema) {
  if (journal == nullptr) return {};
  return journal->blocks_from(sizeof(native::Header) + aligned(schema_to_json(schema).size()));
}

int64_t end_of(const std::vector<NativeJournal::Block>& kept) {
  if (kept.empty()) return 0;
  return static_cast<int64_t>(kept.back().entry.offset + kept.back().entry.bytes);
}

}  // namespace

NativeWriter::NativeWriter(const std::string& path, const Schema& schema, int64_t block_rows,
                           std::unique_ptr<NativeJournal> journal)
    : schema_(schema),
      block_rows_(block_rows),
      journal_(std::move(journal)),
      kept_(kept_blocks(journal_.get(), schema)),
      file_(journal_ ? BinaryOutput(path, journal_->data(), end_of(kept_)) : BinaryOutput(path)) {
  require(block_rows >= 1 && block_rows <= static_cast<int64_t>(native::kMaxBlockRows),
          "[{}] rows of a block: got {}, expected from 1 to {}", path, block_rows,
          native::kMaxBlockRows);
  write_header(schema_to_json(schema));
  if (!kept_.empty()) file_.go_to_end();
  block_.start(schema_);
}

void NativeWriter::write_header(const std::string& json) {
  native::Header header{.magic = native::kMagic,
                        .version = native::kVersion,
                        .byte_order = native::kByteOrder,
                        .block_rows = static_cast<uint64_t>(block_rows_),
                        .columns = 1 + schema_.num_dense() + schema_.num_tables(),
                        .schema_bytes = json.size(),
                        .schema_checksum = XXH3_64bits(json.data(), json.size()),
                        .reserved = 0,
                        .checksum = 0};
  header.checksum = XXH3_64bits(&header, offsetof(native::Header, checksum));
  header_checksum_ = header.checksum;
  write_bytes(&header, sizeof header);
  std::string padded = json;
  padded.resize(aligned(json.size()), '\0');
  write_bytes(padded.data(), padded.size());
}

void NativeWriter::write(const Rows& rows) {
  check_shape(rows);
  check_ids(rows);
  for (int64_t begin = 0; begin < rows.rows;) {
    const int64_t count = std::min(rows.rows - begin, block_rows_ - block_.rows);
    append(rows, begin, count);
    begin += count;
    if (block_.rows == block_rows_) end_block();
  }
}

void NativeWriter::check_shape(const Rows& rows) const {
  const auto n = static_cast<size_t>(rows.rows);
  bool fits = rows.rows >= 0 && rows.labels.size() == n &&
              rows.dense.size() == n * schema_.num_dense() &&
              rows.sparse.size() == schema_.num_tables();
  for (const SparseFeature& feature : rows.sparse) {
    fits = fits && feature.offsets.size() == n + 1 && feature.offsets.front() == 0 &&
           feature.offsets.back() == std::ssize(feature.ids) &&
           std::is_sorted(feature.offsets.begin(), feature.offsets.end());
  }
  require(fits,
          "[{}] write: got columns that do not fit, expected {} rows of {} numbers and {} bags",
          file_.path(), rows.rows, schema_.num_dense(), schema_.num_tables());
}

void NativeWriter::check_ids(const Rows& rows) const {
  for (size_t t = 0; t < schema_.num_tables(); ++t) {
    const CategoricalColumn& column = schema_.categorical[t];
    const SparseFeature& feature = rows.sparse[t];
    for (size_t b = 0; b < static_cast<size_t>(rows.rows); ++b) {
      const int64_t begin = feature.offsets[b], end = feature.offsets[b + 1];
      const int64_t row = static_cast<int64_t>(rows_) + block_.rows + static_cast<int64_t>(b);
      require<DataError>(
          column.fixed_hotness ? end - begin == column.hotness : end - begin <= column.hotness,
          "[{}] column {}, row {}: got {} ids, expected {} {}", file_.path(), column.name, row,
          end - begin, column.fixed_hotness ? "exactly" : "at most", column.hotness);
      for (int64_t k = begin; k < end; ++k) {
        const int64_t id = feature.ids[static_cast<size_t>(k)];
        require<DataError>(
            id >= 0 && (column.cardinality == 0 || id < column.cardinality),
            "[{}] column {}, row {}: got id {}, expected from 0 to {}", file_.path(), column.name,
            row, id, column.cardinality == 0 ? "2^63 - 1" : std::to_string(column.cardinality - 1));
      }
    }
  }
}

void NativeWriter::append(const Rows& rows, int64_t begin, int64_t count) {
  const auto num_dense = static_cast<int64_t>(schema_.num_dense());
  append_part(block_.labels, rows.labels, begin, count);
  append_part(block_.dense, rows.dense, begin * num_dense, count * num_dense);
  for (size_t t = 0; t < rows.sparse.size(); ++t) {
    const SparseFeature& from = rows.sparse[t];
    SparseFeature& to = block_.sparse[t];
    const auto b = static_cast<size_t>(begin);
    const int64_t first = from.offsets[b], shift = to.offsets.back() - first;
    for (int64_t k = 1; k <= count; ++k)
      to.offsets.push_back(from.offsets[b + static_cast<size_t>(k)] + shift);
    append_part(to.ids, from.ids, first, from.offsets[b + static_cast<size_t>(count)] - first);
  }
  block_.rows += count;
}

// The rows of block_ are in the file, now or since a run before.
void NativeWriter::end_block() {
  const size_t number = blocks_.size();
  if (number < kept_.size()) {
    if (digest_of(block_) != kept_[number].digest) refuse_other_rows();
    blocks_.push_back(kept_[number].entry);
    written_ += blocks_.back().bytes;
  } else {
    write_block();
  }
  rows_ += static_cast<uint64_t>(block_.rows);
  block_.start(schema_);
}

void NativeWriter::write_block() {
  native::encode_block(bytes_, block_, schema_);
  blocks_.push_back({written_, bytes_.size(), static_cast<uint64_t>(block_.rows),
                     XXH3_64bits(bytes_.data(), bytes_.size())});
  write_bytes(bytes_.data(), bytes_.size());
  if (!journal_ || block_.rows < block_rows_) return;
  file_.flush();
  journal_->add({blocks_.back(), digest_of(block_)});
}

void NativeWriter::refuse_other_rows() const {
  journal_->remove();
  throw DataError(fmt::format(
      "[{}] the input has changed: got other samples from row {} on than the run that was stopped, "
      "expected the same (the same command now begins anew)",
      file_.path(), rows_));
}

void NativeWriter::write_bytes(const void* bytes, size_t size) {
  file_.write({static_cast<const std::byte*>(bytes), size});
  written_ += size;
}

void NativeWriter::finish() {
  if (block_.rows > 0) end_block();
  if (blocks_.size() < kept_.size()) refuse_other_rows();
  const size_t list_bytes = blocks_.size() * sizeof(native::BlockEntry);
  native::Trailer trailer{
      .blocks_offset = written_,
      .blocks = blocks_.size(),
      .rows = rows_,
      .file_bytes = written_ + aligned(list_bytes) + sizeof(native::Trailer),
      .fingerprint = XXH3_64bits_withSeed(blocks_.data(), list_bytes, header_checksum_),
      .reserved = 0,
      .checksum = 0,
      .magic = native::kEndMagic};
  trailer.checksum = XXH3_64bits(&trailer, offsetof(native::Trailer, checksum));
  blocks_.resize(aligned(list_bytes) / sizeof(native::BlockEntry));  // with zeros
  write_bytes(blocks_.data(), blocks_.size() * sizeof(native::BlockEntry));
  write_bytes(&trailer, sizeof trailer);
  file_.close();
  file_.publish();
  if (journal_) journal_->remove();
}

}  // namespace hotrow
