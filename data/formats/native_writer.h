// Writes a native file (data/formats/native_layout.h), a block of rows at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "data/binary_file.h"
#include "data/formats/native_encode.h"
#include "data/formats/native_journal.h"
#include "data/formats/native_layout.h"
#include "data/rows.h"

namespace hotrow {

// Rows of a block where nobody says: some 2 MiB of Criteo's columns, enough for long copies and
// little to hold.
inline constexpr int64_t kNativeBlockRows = 16384;

// Threads share the columns of a block, and its bytes are written beside the work on the next one,
// or before it where a journal keeps what is whole. Holds one block in memory: 8 bytes a value, 8
// more a bag, and the bytes of two.
//
// The file is a function of the schema, block_rows and the rows: not of the runs that write() gets.
class NativeWriter : public RowSink {
 public:
  // Creates the file under a temporary name, or goes on with what `journal` has kept of it: write()
  // is then to get the same rows again, from the first on. InvalidArgument: block_rows outside
  // [1, 2^24]. DataError: it cannot be written.
  NativeWriter(const std::string& path, const Schema& schema, int64_t block_rows = kNativeBlockRows,
               std::unique_ptr<NativeJournal> journal = nullptr);

  // Rows of the blocks that the journal has kept.
  int64_t kept_rows() const { return std::ssize(kept_) * block_rows_; }

  // None: any schema and all values of Rows can be held.
  const std::vector<std::string>& losses() const override { return losses_; }
  // DataError: an id that is negative or not below its column's cardinality (where that is known),
  // a bag of another size than the schema says; rows other than those of a block that was kept,
  // after which the journal keeps nothing. InvalidArgument: vectors that do not fit the schema or
  // each other.
  void write(const Rows& rows) override;
  std::vector<const PendingFile*> close() override;
  void published() override;
  std::string kept() const override {
    return journal_ && journal_->has_blocks() ? journal_->folder() : "";
  }

 private:
  void check(const Rows& rows) const;
  [[noreturn]] void reject_ids(const Rows& rows, size_t table) const;
  void append(const Rows& rows, int64_t begin, int64_t count);
  void write_header(const std::string& json);
  void end_block();
  void take_kept(const NativeJournal::Block& kept);
  void keep_encoded();
  void encode_block(const Rows& rows, int64_t begin, int64_t count);
  void write_encoded();
  [[noreturn]] void refuse_other_rows();
  void write_bytes(const void* bytes, size_t size);

  Schema schema_;
  std::vector<std::string> losses_;
  int64_t block_rows_;
  std::unique_ptr<NativeJournal> journal_;  // null: nothing is kept
  std::vector<NativeJournal::Block> kept_;  // of a run before, full ones
  BinaryOutput file_;
  uint64_t written_ = 0, rows_ = 0;
  uint64_t header_checksum_ = 0;
  Rows block_;  // rows of the block that is not full yet
  native::BlockEncoder encoder_;
  std::vector<std::byte> encoding_, encoded_;  // a block at work, and the one before, not written
  int64_t encoded_rows_ = 0;
  std::vector<native::BlockEntry> blocks_;
};

}  // namespace hotrow
