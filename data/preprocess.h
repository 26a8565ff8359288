// Criteo text to numbers, file by file as facebookresearch/dlrm does (without --memory-map).
//
//   for each day, in order:
//     text -> day file              labels, dense ints, hex categories as int32    (criteo_day.h)
//     categories -> ids             numbered by first occurrence over all days, a dictionary a
//     column ids -> processed day          X_cat float64 (N, 26) first index fastest, X_int int32
//     (N, 13) with
//                                   negatives as 0, y int32 (N)
//   dictionary files                unique int32 (U): the raw values, unique[id]
//   day and table counts            total_per_file int64 (days), counts int32 (26)
//   processed days -> final file    the same three arrays over all days, counts int32 (26), and,
//   unlike the
//                                   reference's, total_per_file, so that the file can be split on
//                                   its own
//
// Kaggle's one file counts as 7 days of N / 7 lines, the first N % 7 of them one line longer, and
// is copied into one text file a day on the way. File names: criteo_files.h. A day file or
// processed day that is there and was made by the same rules is used again, so a run that was
// stopped goes on with its next day; all days after one that was made anew are processed anew,
// since their ids may change.
//
// Every file is written under a temporary name and renamed. Memory: one day (160 bytes a sample) or
// one column of ids of the whole set (8 bytes a sample), whichever is larger, and the dictionaries
// (20 to 36 bytes a distinct value). The result does not depend on the number of threads.
//
// Random draws: only if --data-sub-sample-rate is above 0 and some day file has to be made; then
// one uniform() a raw line of every day in order, as the reference draws from its seeded stream in
// one process.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "data/criteo_files.h"
#include "data/line_reader.h"
#include "engine/rng.h"

namespace hotrow {

struct PreprocessConfig {
  CriteoFiles files;
  std::string processed_file;  // where the final .npz goes; empty: the processed days are enough
  int64_t max_ind_range = -1;  // > 0: categories modulo this, before they are numbered
  double sub_sample_rate = 0;  // in [0, 1]
  // Called often, with the share of the file or array at hand that is behind; it may throw, and no
  // half-written file is left then.
  FileProgress progress = {};
};

// One line of text, without its end.
using DataLog = std::function<void(std::string_view)>;

// DataError: a missing, empty or malformed raw file, a damaged intermediate file, a failing write.
void preprocess_criteo(const PreprocessConfig& config, NumpyRandom& stream, const DataLog& log);

}  // namespace hotrow
