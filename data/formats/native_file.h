// The structure of a native file (data/formats/native_layout.h) in memory: where the columns of
// each block lie, checked before anything is used.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "data/formats/native_layout.h"
#include "data/schema.h"

namespace hotrow {

// `count` values of type `code` one after the other; null without any.
struct NativeValues {
  native::Code code = native::Code::kNone;
  const std::byte* data = nullptr;
  int64_t count = 0;
};

// A column of a block. Numbers: `extra` is a bit a row, set where the value is missing. Bags of
// different sizes: `extra` is the length of each.
struct NativeColumn {
  NativeValues values, extra;
};

// Not safe to use from two threads.
class NativeFile {
 public:
  // `bytes` must outlive it; `name` is for error texts. Checks header, schema, list of blocks and
  // trailer. DataError: no native file, one of another version, cut short, damaged.
  NativeFile(std::span<const std::byte> bytes, std::string name);

  const std::string& name() const { return name_; }
  const Schema& schema() const { return schema_; }
  int64_t num_rows() const { return rows_; }
  int64_t block_rows() const { return block_rows_; }  // of each block but the last
  int64_t num_blocks() const { return std::ssize(blocks_); }
  int64_t rows_of(int64_t block) const;
  // Differs, but for one chance in 2^64, between files with other data, another schema, or another
  // cut into blocks.
  uint64_t fingerprint() const { return fingerprint_; }

  // The columns of a block: label, numerical, categorical. The first call for a block since it was
  // last called for another one compares the block with its checksum, at the first such time, and
  // looks for its columns. DataError: damage; columns outside of the block or of a wrong type or
  // size.
  // The reference holds until the next call.
  const std::vector<NativeColumn>& block(int64_t block);

 private:
  void read_header();
  void read_trailer();
  void check_blocks(uint64_t blocks_offset) const;
  std::string place(int64_t block, size_t column) const;
  NativeValues values_of(uint64_t offset, uint64_t count, native::Code code, int64_t block,
                         size_t column) const;
  NativeColumn number_column(const native::ColumnEntry& entry, int64_t block, size_t column) const;
  NativeColumn id_column(const native::ColumnEntry& entry, int64_t block, size_t column) const;

  std::span<const std::byte> bytes_;
  std::string name_;
  Schema schema_;
  int64_t rows_ = 0, block_rows_ = 0;
  uint64_t header_checksum_ = 0, data_begin_ = 0, fingerprint_ = 0;
  std::vector<native::BlockEntry> blocks_;
  std::vector<bool> verified_;  // blocks that have met their checksum
  int64_t current_ = -1;        // the block that columns_ is of
  std::vector<NativeColumn> columns_;
};

}  // namespace hotrow
