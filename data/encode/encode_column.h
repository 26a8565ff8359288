// From the values of one column to its row ids, in bounded memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "data/encode/hashed_file.h"
#include "data/encode/id_scheme.h"
#include "data/encode/progress.h"
#include "data/encode/segments.h"
#include "data/encode/vocabulary_entries.h"

namespace hotrow {

struct IdWork {
  const Segments* segments;
  size_t column;
  std::string name;  // of the column, for error texts
  IdScheme scheme;
  VocabularySlice vocabulary;  // of this column; not read for kHash
  int64_t budget;              // bytes that this call may take
  std::string path;            // of encode_column's file; path + ".pass-0", ".pass-1" are scratch
  StageProgress* progress;
};

// Writes the uint32 row id of each value of the column, in order.
//
// A dictionary that outgrows the budget is taken range of hashes by range of hashes, as in
// count_column: each walk copies the ids that the one before has written and puts its own between
// them. 10 million entries take 10e6 * 16 bytes and 2^24 * 8 of slots, 294 MB; with 92 MiB a
// thread that is four walks, each of which reads and writes 40 MB of ids besides. The result does
// not depend on the budget.
// Errors, DataError: an id of 2^32 - 1 or more, a value without a row where the scheme has none for
// such (with the column, the sample and the key).
FileFacts encode_column(const IdWork& work);

// The same in memory: ids has one for each value.
void encode_column(RowIds& ids, const IdWork& work);

}  // namespace hotrow
