// The Criteo data sets as facebookresearch/dlrm trains on them (--data-generation=dataset
// --data-set=kaggle|terabyte, without --memory-map and --mlperf-bin-loader).
//
//   if not exists(processed_file): preprocess(raw_file)                          (preprocess.h)
//   X_cat, X_int, y, counts = load(processed_file)
//   train = samples of all days but the last; test, val = first ceil(half) and rest of the last day
//   if randomize == day:   train of each day = permutation(that day)
//   if randomize == total: train = permutation(train)
//   batch: dense = log(X_int + 1) in float32, one id a table and sample, X_cat % max_ind_range if
//   that is > 0
//
// Draws from `stream`: those of preprocessing, then the permutations, and these a second time,
// since the reference builds the train and the test set one after the other and permutes in both.
// The same samples in the same order every pass; a pass draws nothing.
//
// Memory: 4 * (dense + tables) + 4 bytes a sample, held once for all readers, and 8 bytes a
// permuted sample.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "data/preprocess.h"
#include "data/reader.h"
#include "engine/rng.h"

namespace hotrow {

enum class CriteoOrder { kTotal, kDay, kNone };

// --data-randomize: total, day or none. InvalidArgument for anything else.
CriteoOrder parse_criteo_order(const std::string& text);

struct CriteoConfig {
  CriteoSet set = CriteoSet::kKaggle;
  std::string raw_file;        // --raw-data-file; also tells where the reference's count files lie
  std::string processed_file;  // --processed-data-file; empty: the reference's name in the raw
                               // file's folder
  CriteoOrder order = CriteoOrder::kTotal;  // --data-randomize
  int64_t max_ind_range = -1;               // --max-ind-range
  double sub_sample_rate = 0;               // --data-sub-sample-rate
  int64_t batch_size = 1;                   // --mini-batch-size
  int64_t test_batch_size = 1;              // --test-mini-batch-size
  Labels labels = Labels::kZeroOrOne;
  FileProgress progress = {};  // of preprocessing, see preprocess.h
};

struct CriteoReaders {
  std::unique_ptr<Reader> train, test,
      val;  // val has test's batch size, and no batch if the last day has 1 sample
  std::vector<int64_t> table_rows;  // one a table, capped by max_ind_range
};

// Makes the processed file if it is missing, and opens it. Batch::source is the processed file and
// Batch::first_line the place in the pass, 1-based. Logs the reference's lines.
// InvalidArgument: a batch size below 1, a sub-sample rate outside [0, 1], a processed file in no
// folder. DataError: see preprocess_criteo; a processed file that is damaged or foreign, with ids
// outside their tables, negative integers or labels that are not among config.labels; no count of
// samples a day, or one that does not fit.
CriteoReaders open_criteo(const CriteoConfig& config, NumpyRandom& stream, const DataLog& log);

}  // namespace hotrow
