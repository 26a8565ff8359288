// From CSV files with a feature_spec.yaml to split-binary: what NVIDIA DLRM's transcode does, and
// the files that its gen_csv makes to try it.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "data/rows.h"

namespace hotrow {

// Called with what is being done and the rows of it so far; what it throws leaves the caller.
using RowProgress = std::function<void(std::string_view what, int64_t rows)>;

// Replaces each 0 by the largest id of its column in `rows`, which is read from start to end, plus
// 1; a number that is there already is raised where the ids need it.
void count_cardinalities(std::span<int64_t> cardinalities, RowSource& rows, int64_t chunk_rows,
                         const RowProgress& progress = {});

struct TranscodeConfig {
  std::string input;   // a folder with feature_spec.yaml of type csv
  std::string output;  // a folder; made if it is not there
  int64_t chunk_rows = 65536;
};

struct TranscodeResult {
  Schema schema;
  int64_t train_rows = 0, test_rows = 0;
};

// Reads the text twice where a cardinality is `auto`, else once; memory for chunk_rows samples. No
// file gets its name before all are complete. DataError as split_binary.h and spec_csv.h say, and
// for a part without a row.
TranscodeResult transcode(const TranscodeConfig& config, const RowProgress& progress = {});

// Writes the files of the csv description `spec_file` below `folder`, `rows` lines each, and beside
// them the description: uniform labels, numbers in [0, 1), ids below their cardinality. The same
// seed writes the same bytes. DataError: a cardinality that is `auto`, several files in one chunk,
// a path that leads out of the folder.
void generate_spec_csv(const std::string& spec_file, const std::string& folder, int64_t rows,
                       uint32_t seed);

}  // namespace hotrow
