// Preprocessing: text with categorical values of any kind to a data set with row ids.
//
//   parse   text to segments, compact columns                   data/encode/parse_stage.h
//   count   each column's values to its vocabulary              data/encode/count_column.h
//   encode  each column's values to row ids                     data/encode/encode_column.h
//   write   ids, labels and dense values to the output format   data/encode/write_stage.h
//
// The text is read once. Threads share pieces of text in the first stage, columns in the next two
// and columns of a block in the last. The output is the same, bit by bit, for any number of threads
// and any memory bound.
//
// Small data: what is parsed stays in memory while it takes no more than half of max_memory less
// kReserved, ids included: 264 bytes a Criteo sample, 3.9 million of them in 2 GiB. Nothing is
// written then but the output; killed, such a run starts again, which takes seconds. A column whose
// table fits is counted and numbered in one walk.
//
// Disk: with more the folder OUT.encode holds segments and ids while the run lasts: 160 + 104 bytes
// a Criteo sample, against 240 of text. Each stage has a manifest there (data/encode/manifest.h),
// so that a run that was stopped or killed goes on where it was: with the next segment file, with
// the next column. The last stage is done from its beginning, as formats appear whole or not at
// all. At the end the folder is removed and beside OUT there are OUT.vocabulary
// (data/encode/vocabulary_file.h) and OUT.manifest, which tells the same call, made again, that
// nothing is left to do.
//
// Memory: max_memory bounds all of it, where the program has told malloc to give a large block back
// to the system as soon as it is free (tools/data/encode.cpp). Parsing takes up to a quarter for
// the pieces of a segment; counting and encoding share what is left after kReserved among the
// threads, and walk a column several times where its table does not fit. The arithmetic for
// 10,000,000 rows of 26 columns:
//   in 2 GiB    two threads have 988 MiB each; a column of 10 million distinct values takes 374
//               MB: one walk to count, one to encode, 520 million lookups in all
//   in 256 MiB  two threads have 92 MiB each, for 2.6 million values: four walks to count such a
//               column and four to encode it, each of 40 MB of keys and 2 ns a key. If all 26
//               columns were so, that is 26 * 8 * 10e6 * 2 ns = 4 s on each core more, and 26 * 240
//               MB of runs to write and merge
// Measured: docs/benchmarks/encode.md.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "data/bad_lines.h"
#include "data/encode/id_scheme.h"
#include "data/encode/progress.h"
#include "data/raw_rows.h"
#include "data/rows.h"
#include "data/schema.h"

namespace hotrow {

struct EncodeConfig {
  static constexpr int64_t kSmallestMemory = int64_t{64} << 20;

  std::string output;  // OUT: a file, a folder, or what the format's files begin with
  IdScheme scheme;
  std::vector<int64_t> min_frequency;     // one a categorical column; empty: scheme's
  std::string vocabulary;                 // use this one instead of counting; scheme is the file's
  Transform dense = Transform::kNone;     // applied to the values that are written
  int64_t max_memory = int64_t{2} << 30;  // at least kSmallestMemory
  ErrorPolicy errors;                     // what becomes of bad lines
  // JSON of all else that the samples, and the file that they are written to, depend on.
  std::string source_settings = "{}", output_settings = "{}";
};

// Opens the output for samples of this schema.
using OpenSink = std::function<std::unique_ptr<RowSink>(const Schema&)>;

struct EncodeResult {
  int64_t rows = 0;
  Schema schema = {};                    // of the output
  std::vector<std::string> losses = {};  // of the sink
  std::string bad_lines = {};            // BadLines::report(); empty without any
  bool was_there = false;                // nothing had to be done; the other fields are empty
};

// Errors: InvalidArgument for a scheme that leaves a value without a row or that does not fit the
// schema; DataError for bad text, a file that cannot be read or written, a vocabulary that is
// damaged or another data set's, an OUT that another run is making; what `progress` and the sink
// throw.
EncodeResult encode(RawSource& source, const EncodeConfig& config, const OpenSink& open_sink,
                    const EncodeProgress& progress = {});

}  // namespace hotrow
