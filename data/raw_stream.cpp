#include "data/raw_stream.h"

#include <utility>

#include "kernels/core/check.h"
#include "kernels/core/parallel.h"

namespace hotrow {

RawStream::RawStream(RawSource& source, const ErrorPolicy& policy, int ahead)
    : source_(source), policy_(policy), bad_(policy) {
  require(ahead >= 1, "[raw stream] pieces ahead: got {}, expected at least 1", ahead);
  pieces_.resize(static_cast<size_t>(ahead));
  parsed_.resize(pieces_.size());
  source_.collect_bad_lines(true);
}

void RawStream::refill() {
  filled_ = given_ = 0;
  try {
    while (filled_ < pieces_.size() && source_.next_piece(pieces_[filled_])) ++filled_;
  } catch (const DataError& error) {
    failure_ = error.what();
  }
  const auto parse = [&](int64_t i) {
    source_.parse(parsed_[static_cast<size_t>(i)], pieces_[static_cast<size_t>(i)]);
  };
  if (pieces_.size() == 1) {
    if (filled_ == 1) parse(0);
  } else {
    parallel_for(static_cast<int64_t>(filled_), parse);
  }
}

bool RawStream::next(RawRows& rows) {
  if (given_ == filled_) {
    if (failure_.empty()) refill();
    if (given_ == filled_) {
      if (!failure_.empty()) throw DataError(failure_);
      return false;
    }
  }
  std::swap(rows, parsed_[given_++]);
  if (policy_.on_error == ErrorPolicy::OnError::kStop && !rows.bad.empty()) {
    failure_ = rows.bad.front().text;
    filled_ = given_;
    rows.cut(rows.bad.front().line - rows.first_line);
  }
  bad_.add(rows.bad);
  return true;
}

void RawStream::rewind() {
  source_.rewind();
  filled_ = given_ = 0;
  failure_.clear();
  bad_ = BadLines(policy_);
}

}  // namespace hotrow
