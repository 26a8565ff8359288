// Training on MLPerf's binary Criteo files, as facebookresearch/dlrm does with --memory-map and
// --mlperf-bin-loader.
//
//   dense = log(max(x, 0) + 1) in float32, one id a table and sample, modulo max_ind_range if > 0
//   table sizes: those of <raw>_fea_count.npz, capped by max_ind_range
//   shuffle: the order of whole batches, another one each pass. The reference draws it with torch's
//   RandomSampler, here it is batch_order() of data/batch_order.h; a last batch that is short comes
//   last.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "data/formats/criteo_shuffle.h"
#include "data/formats/records.h"
#include "data/preprocess.h"
#include "data/reader.h"
#include "data/transform.h"

namespace hotrow {

class MlperfReader : public Reader {
 public:
  struct Config {
    int64_t batch_size = 1;
    int64_t max_ind_range = -1;
    bool shuffle = false;
    uint32_t seed = 0;  // of the shuffle
    Labels labels = Labels::kZeroOrOne;
  };

  // `counts_file` holds the array counts, of 26 tables. InvalidArgument: a batch size below 1.
  // DataError: files that are missing, damaged, or of a length that does not fit.
  MlperfReader(const std::string& path, const std::string& counts_file, const Config& config);

  const BatchShape& shape() const override { return shape_; }
  int64_t batch_size() const override { return config_.batch_size; }
  int64_t num_batches() const override;
  void rewind() override { seek(0, 0); }
  void seek(int64_t pass, int64_t batch) override;
  // DataError that names row and column for an id outside its table, or a label that is not among
  // config.labels.
  bool next(Batch& batch) override;

 private:
  void resize(Batch& batch, int64_t rows) const;
  void decode(Batch& batch, int64_t first, int64_t at, int64_t records);
  void take_table(Batch& batch, size_t table, int64_t first, int64_t at, int64_t records) const;

  const Config config_;
  RecordFile file_;
  std::vector<int64_t> counts_;
  BatchShape shape_;
  Transformer log1p_;
  std::vector<uint32_t> words_;
  std::vector<int64_t> order_;  // of the full batches; empty: as they lie
  int64_t at_ = 0;              // batches of this pass that next() has given
};

struct CriteoBinaryConfig {
  CriteoSet set = CriteoSet::kTerabyte;
  std::string raw_file;        // --raw-data-file
  std::string processed_file;  // --processed-data-file: its name before the first dot begins the
                               // .bin files' names
  CriteoOrder order = CriteoOrder::kTotal;  // --data-randomize
  int64_t max_ind_range = -1;
  double sub_sample_rate = 0;
  int64_t batch_size = 1, test_batch_size = 1;
  bool shuffle_batches = false;  // --mlperf-bin-shuffle
  uint32_t seed = 0;             // of that
  Labels labels = Labels::kZeroOrOne;
  FileProgress progress = {};
};

struct CriteoBinaryReaders {
  std::unique_ptr<Reader> train, test, val;
};

// Opens the three .bin files. Makes them if one is missing, from the reordered days, and these, if
// one of them is missing, from the raw days (criteo_shuffle.h, preprocess.h).
CriteoBinaryReaders open_criteo_binary(const CriteoBinaryConfig& config, NumpyRandom& stream,
                                       const DataLog& log);

}  // namespace hotrow
