// How far the encoder is, told to a person while it works.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string_view>
#include <utility>

namespace hotrow {

struct EncodeStatus {
  std::string_view stage;  // "check", "parse", "count", "encode" or "write"
  double fraction = 0;     // of the stage, in [0, 1]
  int64_t rows = 0;        // samples behind, in this stage; 0 where a stage has none of its own
};

// Called often, by one thread at a time but not always the same one. It may throw to stop: the run
// ends with that, and what has been made stays for the next.
using EncodeProgress = std::function<void(const EncodeStatus&)>;

// Adds up what the threads of a stage have done.
class StageProgress {
 public:
  StageProgress(const EncodeProgress& report, std::string_view stage, double total)
      : report_(report), total_(total) {
    status_.stage = stage;
  }

  // `done` units of `total` more are behind.
  void add(double done, int64_t rows) {
    const std::lock_guard lock(mutex_);
    done_ += done;
    status_.rows += rows;
    status_.fraction = std::min(1.0, total_ > 0 ? done_ / total_ : 1);
    if (report_) report_(status_);
  }
  // The same where the whole is known as a share alone.
  void set(double fraction, int64_t more_rows) {
    const std::lock_guard lock(mutex_);
    status_.rows += more_rows;
    status_.fraction = fraction;
    if (report_) report_(status_);
  }

 private:
  const EncodeProgress& report_;
  EncodeStatus status_;
  double total_, done_ = 0;
  std::mutex mutex_;
};

}  // namespace hotrow
