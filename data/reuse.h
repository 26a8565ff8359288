// The first batches of a reader again and again: to time training without what reading costs.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "data/reader.h"

namespace hotrow {

// A pass has as many batches as one of `reader`, or `keep` where that is not known: batches 0 to
// keep - 1 of its first pass, then these again. A batch is copied, never read twice.
class ReuseReader : public Reader {
 public:
  // Reads them at once. InvalidArgument: keep < 1. DataError: `reader` has no batch.
  ReuseReader(std::unique_ptr<Reader> reader, int64_t keep);

  const BatchShape& shape() const override { return reader_->shape(); }
  int64_t batch_size() const override { return reader_->batch_size(); }
  int64_t num_batches() const override;
  int64_t max_bytes() const override;
  void rewind() override { at_ = 0; }
  bool next(Batch& batch) override;

 private:
  std::unique_ptr<Reader> reader_;
  std::vector<Batch> kept_;
  int64_t at_ = 0;
};

}  // namespace hotrow
