// The processed .npz of facebookresearch/dlrm for the two Criteo data sets.
//
//   X_cat   float64 (N, T), first index fastest     ids
//   X_int   int32 (N, D)                            numerical, the logarithm is taken when it is
//   read y       int32 (N)                               0 or 1 counts  int32 (T) rows of each
//   table total_per_file  int64 (days)                    samples a day: written and used by this
//   project,
//                                                   not looked at by the reference
//
// Read are also other types and orders of these arrays, and the files of single days
// (day_{i}_processed.npz, day_{i}_reordered.npz), whose table sizes come from *_fea_count.npz
// beside them (column_facts.h). A file is one part: how dlrm_train splits it by days stands in
// criteo_dataset.h.
#pragma once

#include <memory>
#include <string>

#include "data/criteo_files.h"
#include "data/formats.h"

namespace hotrow {

// From front to back only. Memory is a few MiB; ids with the first index fastest are unpacked into
// a temporary file of 8 bytes each. DataError: damage, arrays of different lengths, and values that
// are not whole numbers in their range, with array, row and column.
std::unique_ptr<RowSource> open_criteo_npz(const std::string& path, const SourceOptions& options);

// Writes the four arrays and total_per_file: N / days samples a day, the first N % days one more,
// as the reference cuts Kaggle's file (7 days; Terabyte has 24). Beside it, unless it is there
// already, train_day_count.npz (Terabyte: day_day_count.npz) with the same counts, which the
// reference's loader needs. Memory is 15 MiB; samples wait in a temporary file beside `path`.
// InvalidArgument: no column of a kind, a column with more ids a sample, a transform applied
// already.
std::unique_ptr<RowSink> create_criteo_npz(const std::string& path, const Schema& schema,
                                           const SinkOptions& options, CriteoSet set);

extern const Format kKaggle, kTerabyte;

}  // namespace hotrow
