#include "data/formats/native_writer.h"

#include <xxhash.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "data/schema_json.h"
#include "kernels/core/check.h"
#include "kernels/core/parallel.h"

namespace hotrow {
namespace {

using native::aligned;

// Elements [begin, begin + count) of `from` after those of `to`.
template <class T>
void append_part(std::vector<T>& to, const std::vector<T>& from, int64_t begin, int64_t count) {
  to.insert(to.end(), from.begin() + begin, from.begin() + begin + count);
}

struct Faults {
  bool offsets = false, ids = false;
};

// No branch, so that the compiler can take several values at once: the sign of a difference tells
// which of two is larger.
Faults faults_of(const SparseFeature& feature, const CategoricalColumn& column) {
  const auto most = static_cast<uint64_t>(column.hotness);
  const auto last = static_cast<uint64_t>(column.cardinality) - 1;
  uint64_t shrinks = 0, wrong = 0;
  for (size_t b = 0; b + 1 < feature.offsets.size(); ++b) {
    const auto size = static_cast<uint64_t>(feature.offsets[b + 1] - feature.offsets[b]);
    shrinks |= size;
    wrong |= (most - size) | (column.fixed_hotness ? size - most : 0);
  }
  for (const int64_t id : feature.ids) {
    const auto bits = static_cast<uint64_t>(id);
    wrong |= bits | (column.cardinality == 0 ? 0 : last - bits);
  }
  return {static_cast<int64_t>(shrinks) < 0, static_cast<int64_t>(wrong) < 0};
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
  check(rows);
  for (int64_t begin = 0; begin < rows.rows;) {
    const int64_t count = std::min(rows.rows - begin, block_rows_ - block_.rows);
    if (count == block_rows_ && !journal_) {
      encode_block(rows, begin, count);
    } else {
      append(rows, begin, count);
      if (block_.rows == block_rows_) end_block();
    }
    begin += count;
  }
}

void NativeWriter::check(const Rows& rows) const {
  const auto n = static_cast<size_t>(rows.rows);
  bool fits = rows.rows >= 0 && rows.labels.size() == n &&
              rows.dense.size() == n * schema_.num_dense() &&
              rows.sparse.size() == schema_.num_tables();
  std::vector<Faults> faults(schema_.num_tables());
  parallel_for(fits ? std::ssize(faults) : 0, [&](int64_t task) {
    const auto t = static_cast<size_t>(task);
    const SparseFeature& feature = rows.sparse[t];
    faults[t] = faults_of(feature, schema_.categorical[t]);
    faults[t].offsets = faults[t].offsets || feature.offsets.size() != n + 1 ||
                        feature.offsets.front() != 0 ||
                        feature.offsets.back() != std::ssize(feature.ids);
  });
  for (const Faults& one : faults) fits = fits && !one.offsets;
  require(fits,
          "[{}] write: got columns that do not fit, expected {} rows of {} numbers and {} bags",
          file_.path(), rows.rows, schema_.num_dense(), schema_.num_tables());
  for (size_t t = 0; t < faults.size(); ++t) {
    if (faults[t].ids) reject_ids(rows, t);
  }
}

// Names the first one that does not fit.
void NativeWriter::reject_ids(const Rows& rows, size_t table) const {
  const CategoricalColumn& column = schema_.categorical[table];
  const SparseFeature& feature = rows.sparse[table];
  const int64_t first_row = static_cast<int64_t>(rows_) + encoded_rows_ + block_.rows;
  const int64_t end =
      column.cardinality == 0 ? std::numeric_limits<int64_t>::max() : column.cardinality - 1;
  for (size_t b = 0;; ++b) {
    const int64_t begin = feature.offsets[b], size = feature.offsets[b + 1] - begin;
    const int64_t row = first_row + static_cast<int64_t>(b);
    require<DataError>(column.fixed_hotness ? size == column.hotness : size <= column.hotness,
                       "[{}] column {}, row {}: got {} ids, expected {} {}", file_.path(),
                       column.name, row, size, column.fixed_hotness ? "exactly" : "at most",
                       column.hotness);
    for (int64_t k = begin; k < begin + size; ++k) {
      const int64_t id = feature.ids[static_cast<size_t>(k)];
      require<DataError>(id >= 0 && id <= end,
                         "[{}] column {}, row {}: got id {}, expected from 0 to {}", file_.path(),
                         column.name, row, id,
                         column.cardinality == 0 ? "2^63 - 1" : std::to_string(end));
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

// The rows of block_ go into the file, unless a run before has put them there.
void NativeWriter::end_block() {
  if (blocks_.size() < kept_.size()) {
    take_kept(kept_[blocks_.size()]);
  } else {
    encode_block(block_, 0, block_.rows);
    if (journal_) keep_encoded();
  }
  block_.start(schema_);
}

void NativeWriter::take_kept(const NativeJournal::Block& kept) {
  if (digest_of(block_) != kept.digest) refuse_other_rows();
  blocks_.push_back(kept.entry);
  written_ += kept.entry.bytes;
  rows_ += kept.entry.rows;
}

// At once: a run that is killed beside the next block's work has not made this one in vain.
void NativeWriter::keep_encoded() {
  write_encoded();
  if (block_.rows < block_rows_) return;
  file_.flush();
  journal_->add({blocks_.back(), digest_of(block_)});
}

void NativeWriter::refuse_other_rows() {
  journal_->remove();
  journal_.reset();
  throw DataError(fmt::format(
      "[{}] the input has changed: got other samples from row {} on than the run that was stopped, "
      "expected the same (the same command now begins anew)",
      file_.path(), rows_));
}

void NativeWriter::encode_block(const Rows& rows, int64_t begin, int64_t count) {
  encoder_.start(rows, begin, count, schema_);
  const auto columns = static_cast<int64_t>(encoder_.num_columns());
  parallel_for(columns, [&](int64_t c) { encoder_.measure(static_cast<size_t>(c)); });
  encoding_.resize(encoder_.lay_out());
  parallel_for(columns + 1, [&](int64_t task) {
    task == 0 ? write_encoded() : encoder_.put(encoding_.data(), static_cast<size_t>(task - 1));
  });
  std::swap(encoding_, encoded_);
  encoded_rows_ = count;
}

void NativeWriter::write_encoded() {
  if (encoded_rows_ == 0) return;
  blocks_.push_back({written_, encoded_.size(), static_cast<uint64_t>(encoded_rows_),
                     XXH3_64bits(encoded_.data(), encoded_.size())});
  write_bytes(encoded_.data(), encoded_.size());
  rows_ += static_cast<uint64_t>(encoded_rows_);
  encoded_rows_ = 0;
}

void NativeWriter::write_bytes(const void* bytes, size_t size) {
  file_.write({static_cast<const std::byte*>(bytes), size});
  written_ += size;
}

std::vector<const PendingFile*> NativeWriter::close() {
  if (block_.rows > 0) end_block();
  write_encoded();
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
  return {&file_.pending()};
}

void NativeWriter::published() {
  if (!journal_) return;
  journal_->remove();
  journal_.reset();
}

}  // namespace hotrow
