// Batches from any format: in the file's order or shuffled, whole or one rank's part of each.
//
// The order depends on the data, the seed and the pass and on nothing else, so that a run that is
// taken up again with seek() gets what it would have got.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "data/batch_rows.h"
#include "data/block_shuffle.h"
#include "data/reader.h"
#include "data/rows.h"

namespace hotrow {

enum class Shuffle {
  kNone,
  kBlocks,   // samples: data/block_shuffle.h
  kBatches,  // whole batches, data/batch_order.h; one that is short comes last
};

struct LoaderConfig {
  int64_t batch_size = 1;  // of all ranks together
  bool drop_last = false;  // no last batch that is shorter than the others
  Shuffle shuffle = Shuffle::kNone;
  uint32_t seed = 0;          // of the shuffle
  int64_t max_ind_range = 0;  // > 0: ids modulo this
  Labels labels = Labels::kZeroOrOne;
  // The p-th part of each batch, of B / P samples; the first B % P ranks get one more. All ranks
  // get equally many batches: one that the last is too short for gets it with 0 samples.
  int64_t rank = 0, ranks = 1;
};

// Memory: a batch; with Shuffle::kBlocks also a window of BlockShuffle as a batch, 65,536 samples.
class Loader : public Reader {
 public:
  // `name` is for error texts. InvalidArgument: a batch size below the number of ranks, a rank that
  // is none; a column of unknown cardinality; a shuffle of a source that cannot seek or does not
  // know its length; several ranks of a stream of unknown length.
  Loader(std::unique_ptr<RowSource> source, const LoaderConfig& config, const std::string& name);

  const BatchShape& shape() const override { return shape_; }
  int64_t batch_size() const override { return slice(config_.batch_size).size(); }
  int64_t num_batches() const override;
  int64_t max_bytes() const override;
  void rewind() override { seek(0, 0); }
  void seek(int64_t pass, int64_t batch) override;
  // DataError as of RowSource::fill(), and for a label that is not among config.labels.
  // Batch::first_line is 1 + the place of sample 0 in the pass; with Shuffle::kBatches, in the
  // file.
  bool next(Batch& batch) override;

 private:
  Range slice(int64_t rows) const;
  int64_t read(Batch& batch, int64_t rows);
  int64_t fill(Batch& batch, int64_t at, int64_t max_rows, int64_t row);
  void go_to(int64_t row);
  int64_t first_row() const;
  int64_t read_shuffled(Batch& batch, int64_t place, int64_t rows);
  void load_window(int64_t window);
  void apply_max_ind_range(Batch& batch) const;

  std::unique_ptr<RowSource> source_;
  LoaderConfig config_;
  BatchShape shape_;
  Rows scratch_;
  int64_t row_ = 0;                   // of the source, next to be read
  int64_t begin_ = 0;                 // place in the pass of the next batch, of all ranks
  bool started_ = false;              // a pass has been asked for
  std::vector<int64_t> batch_order_;  // of the whole batches; empty: as they lie

  std::optional<BlockShuffle> shuffle_;
  int64_t window_ = -1;  // the one that is loaded
  Batch window_rows_;
  std::vector<int64_t> window_order_;
};

}  // namespace hotrow
