#include "data/formats/native_file.h"

#include <xxhash.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <numeric>
#include <utility>

#include "data/schema_json.h"
#include "kernels/core/check.h"

namespace hotrow {
namespace {

using native::Code;

bool is_number_code(Code code) {
  return code == Code::kUint8 || code == Code::kInt16 || code == Code::kInt32 ||
         code == Code::kFloat16 || code == Code::kFloat32 || code == Code::kFloat64;
}

bool is_length_code(Code code) {
  return code == Code::kUint8 || code == Code::kUint16 || code == Code::kUint32;
}

bool is_id_code(Code code) { return is_length_code(code) || code == Code::kInt64; }

// Sum of the lengths, and whether one of them is above `most`.
template <class T>
std::pair<uint64_t, bool> sum_lengths(const NativeValues& lengths, uint64_t most) {
  const auto* values = reinterpret_cast<const T*>(lengths.data);
  uint64_t sum = 0, longest = 0;
  for (int64_t k = 0; k < lengths.count; ++k) {
    sum += values[k];
    longest = std::max<uint64_t>(longest, values[k]);
  }
  return {sum, longest > most};
}

std::pair<uint64_t, bool> sum_lengths(const NativeValues& lengths, uint64_t most) {
  if (lengths.code == Code::kUint8) return sum_lengths<uint8_t>(lengths, most);
  if (lengths.code == Code::kUint16) return sum_lengths<uint16_t>(lengths, most);
  return sum_lengths<uint32_t>(lengths, most);
}

template <class T>
T load(std::span<const std::byte> bytes, uint64_t offset) {
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

}  // namespace

NativeFile::NativeFile(std::span<const std::byte> bytes, std::string name)
    : bytes_(bytes), name_(std::move(name)) {
  read_header();
  read_trailer();
  verified_.resize(blocks_.size());
  columns_.resize(1 + schema_.num_dense() + schema_.num_tables());
}

void NativeFile::read_header() {
  constexpr uint64_t kLeast = sizeof(native::Header) + sizeof(native::Trailer);
  require<DataError>(bytes_.size() >= kLeast,
                     "[{}] is too short: got {} bytes, expected a .hotrow file, which has at least "
                     "{}",
                     name_, bytes_.size(), kLeast);
  const auto header = load<native::Header>(bytes_, 0);
  require<DataError>(header.magic == native::kMagic,
                     "[{}] is no .hotrow file: got other first bytes, expected its mark", name_);
  require<DataError>(header.version == native::kVersion,
                     "[{}] version of the format: got {}, expected {} (a newer program wrote it)",
                     name_, header.version, native::kVersion);
  require<DataError>(header.byte_order == native::kByteOrder,
                     "[{}] order of bytes: got {:#x}, expected {:#x}", name_, header.byte_order,
                     native::kByteOrder);
  require<DataError>(
      header.checksum == XXH3_64bits(bytes_.data(), offsetof(native::Header, checksum)),
      "[{}] header is damaged: got bytes that do not match their checksum", name_);
  require<DataError>(header.schema_bytes <= bytes_.size() - kLeast,
                     "[{}] was cut short: got {} bytes, expected {} of schema and more", name_,
                     bytes_.size(), header.schema_bytes);
  const std::byte* json = bytes_.data() + sizeof header;
  require<DataError>(header.schema_checksum == XXH3_64bits(json, header.schema_bytes),
                     "[{}] schema is damaged: got bytes that do not match their checksum", name_);
  schema_ = schema_from_json({reinterpret_cast<const char*>(json), header.schema_bytes}, name_);
  const uint64_t columns = 1 + schema_.num_dense() + schema_.num_tables();
  require<DataError>(header.columns == columns,
                     "[{}] number of columns: got {}, expected {} as in the schema", name_,
                     header.columns, columns);
  require<DataError>(header.block_rows >= 1 && header.block_rows <= native::kMaxBlockRows,
                     "[{}] rows of a block: got {}, expected from 1 to {}", name_,
                     header.block_rows, native::kMaxBlockRows);
  block_rows_ = static_cast<int64_t>(header.block_rows);
  header_checksum_ = header.checksum;
  data_begin_ = sizeof header + native::aligned(header.schema_bytes);
}

void NativeFile::read_trailer() {
  const uint64_t at = bytes_.size() - sizeof(native::Trailer);
  const auto trailer = load<native::Trailer>(bytes_, at);
  require<DataError>(trailer.magic == native::kEndMagic,
                     "[{}] was cut short: got {} bytes without the mark of an end, expected it in "
                     "the last 8",
                     name_, bytes_.size());
  require<DataError>(
      trailer.checksum == XXH3_64bits(bytes_.data() + at, offsetof(native::Trailer, checksum)),
      "[{}] trailer is damaged: got bytes that do not match their checksum", name_);
  require<DataError>(trailer.file_bytes == bytes_.size(),
                     "[{}] has another length than when it was written: got {} bytes, expected {}",
                     name_, bytes_.size(), trailer.file_bytes);
  const bool fits = trailer.blocks_offset >= data_begin_ && trailer.blocks_offset <= at &&
                    trailer.blocks_offset % native::kAlign == 0 &&
                    trailer.blocks <= (at - trailer.blocks_offset) / sizeof(native::BlockEntry);
  require<DataError>(fits, "[{}] list of blocks: got {} at byte {}, expected it before byte {}",
                     name_, trailer.blocks, trailer.blocks_offset, at);
  const std::byte* list = bytes_.data() + trailer.blocks_offset;
  const uint64_t list_bytes = trailer.blocks * sizeof(native::BlockEntry);
  require<DataError>(
      trailer.fingerprint == XXH3_64bits_withSeed(list, list_bytes, header_checksum_),
      "[{}] list of blocks is damaged: got bytes that do not match their checksum", name_);
  fingerprint_ = trailer.fingerprint;
  blocks_.resize(trailer.blocks);
  if (!blocks_.empty()) std::memcpy(blocks_.data(), list, list_bytes);
  check_blocks(trailer.blocks_offset);
  uint64_t rows = 0;
  for (const native::BlockEntry& block : blocks_) rows += block.rows;
  require<DataError>(rows == trailer.rows, "[{}] rows: got {} in all blocks, expected {}", name_,
                     rows, trailer.rows);
  rows_ = static_cast<int64_t>(rows);
}

void NativeFile::check_blocks(uint64_t blocks_offset) const {
  const auto full = static_cast<uint64_t>(block_rows_);
  const uint64_t list =
      (1 + schema_.num_dense() + schema_.num_tables()) * sizeof(native::ColumnEntry);
  // Of a row, at the least: so that whoever makes room for rows can trust the schema's sizes.
  uint64_t row = 1 + schema_.num_dense();
  for (const CategoricalColumn& column : schema_.categorical)
    row += column.fixed_hotness ? static_cast<uint64_t>(column.hotness) : 1;
  uint64_t at = data_begin_;
  for (size_t k = 0; k < blocks_.size(); ++k) {
    const native::BlockEntry& block = blocks_[k];
    const bool last = k + 1 == blocks_.size();
    require<DataError>(block.rows == full || (last && block.rows >= 1 && block.rows < full),
                       "[{}] block {}: got {} rows, expected {}", name_, k, block.rows, full);
    require<DataError>(
        block.offset == at && block.bytes <= blocks_offset - at &&
            block.bytes % native::kAlign == 0,
        "[{}] block {}: got {} bytes from byte {} on, expected them between bytes {} and {}", name_,
        k, block.bytes, block.offset, at, blocks_offset);
    require<DataError>(block.bytes >= list && block.bytes / block.rows >= row,
                       "[{}] block {}: got {} bytes for {} rows, expected at least {} a row", name_,
                       k, block.bytes, block.rows, row);
    at += block.bytes;
  }
}

int64_t NativeFile::rows_of(int64_t block) const {
  return static_cast<int64_t>(blocks_[static_cast<size_t>(block)].rows);
}

const std::vector<NativeColumn>& NativeFile::block(int64_t block) {
  if (block == current_) return columns_;
  current_ = -1;
  const auto k = static_cast<size_t>(block);
  const native::BlockEntry& entry = blocks_[k];
  if (!verified_[k]) {
    const int64_t first = block * block_rows_;
    require<DataError>(entry.checksum == XXH3_64bits(bytes_.data() + entry.offset, entry.bytes),
                       "[{}] block {} is damaged: got bytes {} to {} (rows {} to {}) that do not "
                       "match their checksum (make the file again)",
                       name_, block, entry.offset, entry.offset + entry.bytes - 1, first,
                       first + rows_of(block) - 1);
    verified_[k] = true;
  }
  for (size_t c = 0; c < columns_.size(); ++c) {
    const auto column =
        load<native::ColumnEntry>(bytes_, entry.offset + c * sizeof(native::ColumnEntry));
    columns_[c] =
        c <= schema_.num_dense() ? number_column(column, block, c) : id_column(column, block, c);
  }
  current_ = block;
  return columns_;
}

std::string NativeFile::place(int64_t block, size_t column) const {
  const size_t num_dense = schema_.num_dense();
  const std::string& name = column == 0 ? schema_.label.name
                            : column <= num_dense
                                ? schema_.numerical[column - 1].name
                                : schema_.categorical[column - 1 - num_dense].name;
  return fmt::format("{}: block {}: column {}", name_, block, name);
}

NativeValues NativeFile::values_of(uint64_t offset, uint64_t count, Code code, int64_t block,
                                   size_t column) const {
  const native::BlockEntry& entry = blocks_[static_cast<size_t>(block)];
  const uint64_t room = offset <= entry.bytes ? entry.bytes - offset : 0;
  const uint64_t bytes = native::bytes_of(code, count);
  require<DataError>(
      count <= entry.bytes * 8 && bytes <= room && offset % native::kAlign == 0,
      "[{}] got {} values of type {} at byte {}, expected them in the block's {} bytes",
      place(block, column), count, static_cast<uint32_t>(code), offset, entry.bytes);
  return {code, bytes_.data() + entry.offset + offset, static_cast<int64_t>(count)};
}

NativeColumn NativeFile::number_column(const native::ColumnEntry& entry, int64_t block,
                                       size_t column) const {
  const auto rows = static_cast<uint64_t>(rows_of(block));
  const bool known = is_number_code(entry.type) && entry.count == rows &&
                     (entry.extra_type == Code::kNone || entry.extra_type == Code::kBits);
  require<DataError>(known, "[{}] got {} values of types {} and {}, expected {} of a number's type",
                     place(block, column), entry.count, static_cast<uint32_t>(entry.type),
                     static_cast<uint32_t>(entry.extra_type), rows);
  NativeColumn found{values_of(entry.values, rows, entry.type, block, column), {}};
  if (entry.extra_type != Code::kNone)
    found.extra = values_of(entry.extra, rows, entry.extra_type, block, column);
  return found;
}

NativeColumn NativeFile::id_column(const native::ColumnEntry& entry, int64_t block,
                                   size_t column) const {
  const CategoricalColumn& facts = schema_.categorical[column - 1 - schema_.num_dense()];
  const auto rows = static_cast<uint64_t>(rows_of(block));
  const auto most = static_cast<uint64_t>(facts.hotness);
  require<DataError>(
      is_id_code(entry.type) && (facts.fixed_hotness ? entry.extra_type == Code::kNone
                                                     : is_length_code(entry.extra_type)),
      "[{}] got types {} and {}, expected those of ids{}", place(block, column),
      static_cast<uint32_t>(entry.type), static_cast<uint32_t>(entry.extra_type),
      facts.fixed_hotness ? "" : " and lengths");
  NativeColumn found{values_of(entry.values, entry.count, entry.type, block, column), {}};
  uint64_t expected = rows * most;  // < 2^24 * 2^31
  bool too_long = false;
  if (!facts.fixed_hotness) {
    found.extra = values_of(entry.extra, rows, entry.extra_type, block, column);
    std::tie(expected, too_long) = sum_lengths(found.extra, most);
  }
  require<DataError>(!too_long, "[{}] got a bag of more than {} ids, expected no more",
                     place(block, column), most);
  require<DataError>(entry.count == expected, "[{}] got {} ids, expected {} as the bags have",
                     place(block, column), entry.count, expected);
  return found;
}

}  // namespace hotrow
