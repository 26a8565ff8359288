// Criteo data that are larger than memory, as facebookresearch/dlrm's --memory-map makes them: a
// file of shuffled samples a day, and MLPerf's binary files out of those.
//
//   <prefix>_{i}_reordered.npz   X_cat float64 (N_i, 26), X_int float64 (N_i, 13), y float64 (N_i)
//
// Two passes after Rao's shuffle. First, samples of all days but the last are dealt out to as many
// buckets of the days' sizes:
//   randomize == total:  u = randint(0, days - 1, N_i);  sample k goes to u[k], drawn again while
//                        that bucket is full;  else, and on the last day, to its own day
// Then each bucket but the last is permuted, unless randomize == none.
// Draws from `stream` as the reference does from its own, also u of the last day, which nothing
// uses: the same seed gives the same arrays.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "data/criteo_dataset.h"
#include "data/criteo_files.h"
#include "data/line_reader.h"
#include "engine/rng.h"

namespace hotrow {

// Writes the reordered file of each day from the processed ones (preprocess.h), whose number of
// samples day_counts() tells; none of them stays if one fails. Memory: 15 MiB, 1 byte a sample of a
// day and 8 bytes a permuted one; the samples themselves lie in temporary files beside them, 160
// bytes each. DataError: processed files that are missing, damaged, or of another length than was
// counted.
void shuffle_criteo_days(const CriteoFiles& files, CriteoOrder order, NumpyRandom& stream,
                         const std::function<void(std::string_view)>& log,
                         const FileProgress& progress = {});

// Writes <output>_train.bin (all reordered days but the last), _test.bin (the first ceil(half) of
// the last) and _val.bin (the rest), MLPerf's binary format (formats/mlperf_bin.h).
void write_mlperf_bins(const CriteoFiles& files, const std::string& output,
                       const std::function<void(std::string_view)>& log,
                       const FileProgress& progress = {});

}  // namespace hotrow
