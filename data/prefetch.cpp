#include "data/prefetch.h"

#include <sched.h>

#include <system_error>
#include <utility>

#include "kernels/core/check.h"
#include "kernels/core/parallel.h"

namespace hotrow {
namespace {

// Where this thread stays out of the way of those that compute. It never takes a core from another
// at once when it wakes. Measured on two cores beside two threads that train, best of waiting less
// and of slowing them less: with a lower priority (nice, SCHED_IDLE) it starves beside threads that
// spin. A hint: refusal costs only speed.
void yield_to_others() {
  leave_cpu_of_parent();
  const sched_param none{};
  sched_setscheduler(0, SCHED_BATCH, &none);
}

}  // namespace

PrefetchReader::PrefetchReader(std::unique_ptr<Reader> reader, int64_t ahead, int64_t pause_every)
    : reader_(std::move(reader)), pause_every_(pause_every) {
  require(reader_ != nullptr, "[prefetch] got no reader, expected one to read ahead of");
  require(ahead >= 1, "[prefetch] batches ahead: got {}, expected at least 1", ahead);
  require(pause_every >= 0, "[prefetch] batches between pauses: got {}, expected at least 0",
          pause_every);
  num_batches_ = reader_->num_batches();
  ring_.resize(static_cast<size_t>(ahead));
  try {
    thread_ = std::thread([this] { run(); });
  } catch (const std::system_error& e) {
    throw DeviceError(
        fmt::format("[prefetch] the system starts no more threads: got none, expected one to read "
                    "data ({}; --prefetch-batches=0 needs none)",
                    e.what()));
  }
}

PrefetchReader::~PrefetchReader() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_reader_.notify_one();
  thread_.join();
}

int64_t PrefetchReader::max_bytes() const {
  return std::ssize(ring_) * max_batch_bytes(shape(), batch_size()) + reader_->max_bytes();
}

template <class Start>
void PrefetchReader::restart(int64_t first, const Start& start) {
  std::unique_lock lock(mutex_);
  reading_ = false;
  wake_caller_.wait(lock, [&] { return !busy_; });
  start();
  num_batches_ = reader_->num_batches();
  first_ = first;
  read_ = taken_ = asked_ = 0;
  reading_ = true;
  wake_reader_.notify_one();
}

void PrefetchReader::rewind() {
  restart(0, [&] { reader_->rewind(); });
}

void PrefetchReader::seek(int64_t pass, int64_t batch) {
  restart(batch, [&] { reader_->seek(pass, batch); });
}

bool PrefetchReader::next(Batch& batch) {
  std::unique_lock lock(mutex_);
  require(reading_ || read_ > taken_, "[prefetch] next: got no pass, expected rewind() before");
  asked_ = taken_ + 1;
  if (read_ == taken_) wake_reader_.notify_one();
  wake_caller_.wait(lock, [&] { return read_ > taken_; });
  Slot& from = slot(taken_);
  num_batches_ = from.num_batches;
  if (from.error) std::rethrow_exception(from.error);
  if (!from.more) return false;
  std::swap(batch, from.batch);
  ++taken_;
  if (2 * (read_ - taken_) <= std::ssize(ring_)) wake_reader_.notify_one();
  return true;
}

bool PrefetchReader::may_read() const {
  const bool paused = pause_every_ > 0 && (first_ + read_) % pause_every_ == 0 && read_ >= asked_;
  return reading_ && !paused && read_ - taken_ < std::ssize(ring_);
}

void PrefetchReader::fill(Slot& slot) {
  slot.error = nullptr;
  try {
    slot.more = reader_->next(slot.batch);
    slot.num_batches = reader_->num_batches();
  } catch (...) {
    slot.more = false;
    slot.error = std::current_exception();
  }
}

void PrefetchReader::run() {
  yield_to_others();
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_reader_.wait(lock, [&] { return stopping_ || may_read(); });
    if (stopping_) return;
    Slot& to = slot(read_);
    busy_ = true;
    lock.unlock();
    fill(to);
    lock.lock();
    busy_ = false;
    if (reading_) {  // else a rewind() waits
      ++read_;
      reading_ = to.more;
    }
    wake_caller_.notify_one();
  }
}

}  // namespace hotrow
