// The vocabulary that an encoded data set was made with: value -> row id, column by column, in one
// checked file. Test data is encoded with the training data's, and a server looks values up in it.
//
//   "HRVOCAB1", uint64 bytes of the JSON, uint64 XXH3 of the JSON
//   JSON: {"order": "first", "first_id": 1, "unseen_id": 0, "hash_rows": 0, "columns":
//          [{"name": "C1", "type": "hex32", "entries": 1460, "xxh3": "0123456789abcdef"}, ...]},
//         then blanks up to a multiple of 8 bytes
//   VocabularyEntry (uint64 key, uint64 count) of column 1, of column 2, ...
//
// Numbers are little-endian. Entry i of a column has the row first_id + i; a value that is not
// there has unseen_id, or is an error where that is -1. What a key is: data/raw_rows.h. With order
// "hash" there are no entries, and each value has hashed_id() (data/encode/id_scheme.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "data/encode/hashed_file.h"
#include "data/encode/id_scheme.h"
#include "data/encode/key_table.h"
#include "data/encode/vocabulary_entries.h"
#include "data/schema.h"

namespace hotrow {

struct VocabularyColumn {
  std::string name;
  ColumnType type = ColumnType::kText;
  VocabularySlice slice;  // where its entries are
  uint64_t xxh3 = 0;      // of them
};

struct VocabularyFile {
  IdScheme scheme;
  std::vector<VocabularyColumn> columns;

  // Rows of a column's table.
  int64_t rows(size_t column) const;
};

// Reads all of it. DataError with the path: anything but such a file, one whose length is not what
// it says, entries or a head that do not have their XXH3.
VocabularyFile open_vocabulary(const std::string& path);

// Writes vocabulary.columns' entries, each from its slice, and closes the file, which has no name
// yet; gives its facts.
FileFacts write_vocabulary(HashedFileWriter& out, const VocabularyFile& vocabulary);

// Checks that the vocabulary has the schema's categorical columns; DataError with the first
// difference and `path`.
void check_vocabulary_fits(const VocabularyFile& vocabulary, const Schema& schema,
                           const std::string& path);

// One column's vocabulary in memory: 27 to 37 bytes a value.
class ColumnIds {
 public:
  ColumnIds(const VocabularyFile& vocabulary, size_t column);

  // The row of `key`; IdScheme::kNoRow for a value that has none.
  int64_t id(uint64_t key) const;

 private:
  IdScheme scheme_;
  size_t column_;
  KeyTable<uint32_t> table_;
};

}  // namespace hotrow
