// From the values of one column to its vocabulary, in bounded memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "data/encode/hashed_file.h"
#include "data/encode/id_scheme.h"
#include "data/encode/progress.h"
#include "data/encode/segments.h"

namespace hotrow {

struct CountWork {
  const Segments* segments;
  size_t column;
  std::string name;       // of the column, for error texts
  IdScheme scheme;        // kFirst or kFrequency
  int64_t min_frequency;  // rarer values are left out
  int64_t budget;         // bytes that this call may take
  std::string path;       // of the file that is written; path + ".runs" is scratch
  StageProgress* progress;
  RowIds* ids = nullptr;  // see below
};

// Writes a VocabularyEntry (data/encode/vocabulary_entries.h) for each value, in the order of the
// scheme. Where one walk is enough, `ids`, unless null, gets the row id of each value of the column
// besides, as encode_column gives it; otherwise it is left empty.
//
// Where the column's distinct values outgrow the budget, it is walked range of hashes by range of
// hashes (data/encode/key_table.h): each leaves a run on disk, in order, and the runs are merged at
// the end. 10 million distinct values take 10e6 * 24 bytes of entries and 2^24 * 8 of slots, 374
// MB: one walk where a thread has that, and four where two threads share 256 MiB less 72, 92 MiB
// each: 2^22 slots, 34 MB, and 2.6 million values, and a quarter of the hashes has 2.5 million. A
// walk reads 40 MB of keys, most of the time from the page cache, and takes 2 ns for a value of
// another range: 4 * 10e6 * 2 ns on top of 10e6 lookups of about 40 ns, and a run of 240 MB written
// and read again. So the bound costs less than once the time more. The result does not depend on
// the budget.
//
// Errors, DataError: those of files; with `ids`, too many of them (data/encode/id_scheme.h).
FileFacts count_column(const CountWork& work);

}  // namespace hotrow
