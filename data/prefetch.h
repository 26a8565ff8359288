// Reading ahead: a thread of its own fills a ring of batches while the caller trains on earlier
// ones.
//
// Same batches in the same order as the wrapped reader alone, bit for bit; what it throws comes out
// of the next() that would have thrown it, and again until rewind(). next() swaps buffers with the
// ring, so that nothing is copied, and nothing allocated once all buffers have grown.
//
// The thread sleeps once the ring is full, until half of it is taken: few wake-ups, and long pauses
// in which the cores belong to the step.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "data/reader.h"

namespace hotrow {

class PrefetchReader : public Reader {
 public:
  // Keeps up to `ahead` batches. pause_every > 0: batch k * pause_every of a pass is not begun
  // before it is asked for, so that between the two the caller alone may use what the wrapped
  // reader draws from (a random stream that it shares with the test data). Until the pass has come
  // to such a place, to its end or to an error, what the wrapped reader uses belongs to the thread.
  // InvalidArgument: no reader, ahead < 1, pause_every < 0. DeviceError: the system starts no more
  // threads.
  PrefetchReader(std::unique_ptr<Reader> reader, int64_t ahead, int64_t pause_every = 0);
  // Waits for the batch that is being read.
  ~PrefetchReader() override;

  const BatchShape& shape() const override { return reader_->shape(); }
  int64_t batch_size() const override { return reader_->batch_size(); }
  // As the wrapped reader knew it after the batch that next() returned last.
  int64_t num_batches() const override { return num_batches_; }
  // Before the first pass.
  int64_t max_bytes() const override;
  // Waits for the batch that is being read, and forgets what was read ahead.
  void rewind() override;
  // As rewind(): batch k * pause_every of the pass is counted from its beginning.
  void seek(int64_t pass, int64_t batch) override;
  // InvalidArgument before the first rewind() or seek().
  bool next(Batch& batch) override;

 private:
  struct Slot {
    Batch batch;
    bool more = false;         // false: the end of the pass, or an error
    std::exception_ptr error;  // what the wrapped reader threw, if anything
    int64_t num_batches = 0;
  };
  Slot& slot(int64_t index) { return ring_[static_cast<size_t>(index) % ring_.size()]; }
  template <class Start>
  void restart(int64_t first, const Start& start);
  bool may_read() const;
  void fill(Slot& slot);
  void run();

  std::unique_ptr<Reader> reader_;  // the thread's while busy_, else the caller's
  const int64_t pause_every_;
  int64_t num_batches_;  // the caller's alone

  std::mutex mutex_;  // guards what follows, but for the slots in [read_, read_ + 1) while busy_
  std::condition_variable wake_reader_, wake_caller_;
  std::vector<Slot> ring_;
  int64_t first_ = 0;  // batch of the pass that slot 0 is
  int64_t read_ = 0;   // slots filled in this pass; the last may be its end
  int64_t taken_ = 0;  // batches that next() returned in this pass
  int64_t asked_ = 0;  // batches that next() was asked for in this pass
  bool reading_ = false, busy_ = false, stopping_ = false;
  std::thread thread_;
};

}  // namespace hotrow
