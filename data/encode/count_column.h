// From the values of one column to its vocabulary, in bounded memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "data/encode/hashed_file.h"
#include "data/encode/id_scheme.h"
#include "data/encode/progress.h"
#include "data/encode/segments.h"

namespace hotrow {

struct CountWork {
  const Segments* segments;
  size_t column;
  IdOrder order;          // kFirst or kFrequency
  int64_t min_frequency;  // rarer values are left out
  int64_t budget;         // bytes that this call may take
  std::string path;       // of the file that is written; path + ".runs" is scratch
  StageProgress* progress;
};

// Writes a VocabularyEntry (data/encode/vocabulary_entries.h) for each value, in the order of
// `order`.
//
// Where the column's distinct values outgrow the budget, it is walked range of hashes by range of
// hashes (data/encode/key_table.h): each leaves a run on disk, in order, and the runs are merged at
// the end. 10 million distinct values take 10e6 * 24 bytes of entries and 2^24 * 8 of slots, 374
// MB: one walk where a thread has that, and six where two threads share 256 MB with the 56 MB that
// the program has besides, (256 - 56) / 2 = 100 MB each: 33.5 MB of slots hold 2.7 million values.
// A walk reads 40 MB of keys from disk or from the page cache and takes one multiplication or two
// for a value of another range; so the bound costs six times 10e6 * 2 ns on top of the 10e6 * 40 ns
// of the lookups, and a run written and read again: far below twice the time. The result does not
// depend on the budget.
FileFacts count_column(const CountWork& work);

}  // namespace hotrow
