#include "data/reuse.h"

#include <utility>

#include "kernels/core/check.h"

namespace hotrow {

ReuseReader::ReuseReader(std::unique_ptr<Reader> reader, int64_t keep)
    : reader_(std::move(reader)) {
  require(keep >= 1, "[--reuse-batches] got {}, expected at least 1", keep);
  reader_->rewind();
  for (Batch batch; std::ssize(kept_) < keep && reader_->next(batch);) kept_.push_back(batch);
  require<DataError>(!kept_.empty(),
                     "[--reuse-batches] the data is empty: got no batch, expected at least one");
}

int64_t ReuseReader::num_batches() const {
  const int64_t all = reader_->num_batches();
  return all == kUnknown ? std::ssize(kept_) : all;
}

int64_t ReuseReader::max_bytes() const {
  return std::ssize(kept_) * max_batch_bytes(shape(), batch_size()) + reader_->max_bytes();
}

bool ReuseReader::next(Batch& batch) {
  if (at_ == num_batches()) return false;
  batch = kept_[static_cast<size_t>(at_++ % std::ssize(kept_))];
  return true;
}

}  // namespace hotrow
