// The one interface between data and training.
#pragma once

#include <cstdint>

#include "data/batch.h"

namespace hotrow {

// A pass is rewind(), then next() until it returns false. Readers are not safe to call from two
// threads.
class Reader {
 public:
  static constexpr int64_t kUnknown = -1;

  virtual ~Reader() = default;
  virtual const BatchShape& shape() const = 0;
  // Largest B that next() fills; all but the last batch of a pass have exactly this many rows.
  virtual int64_t batch_size() const = 0;
  // Batches in one pass, or kUnknown for a stream that has not been read to its end yet.
  virtual int64_t num_batches() const = 0;
  // Bytes that it keeps beside the batch that next() is given and what its file takes, at the most.
  virtual int64_t max_bytes() const { return 0; }
  // Starts a new pass: of a reader whose passes differ, the first one.
  virtual void rewind() = 0;
  // Starts pass `pass` (from 0) at its batch `batch`: next() goes on as if the batches before it
  // had been read. Where training stands is a pass and the number of batches taken in it, which
  // whoever takes them counts; to take it up again is this call. By default rewind() and reading:
  // right for readers whose passes are alike. InvalidArgument: a pass or a batch that is not there.
  virtual void seek(int64_t pass, int64_t batch);
  // Fills `batch` with the next samples (the last batch of a pass may be short), or returns false
  // at the end. Throws DataError with file, line and column on bad input.
  virtual bool next(Batch& batch) = 0;
};

}  // namespace hotrow
