#include "data/line_reader.h"

#include <cstring>
#include <utility>

#include "kernels/core/check.h"

namespace hotrow {

LineReader::LineReader(const std::string& file, FileProgress progress)
    : text_(file), progress_(std::move(progress)), buffer_(kMaxLine) {
  fill();
}

void LineReader::fill() {
  std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
  end_ -= begin_;
  begin_ = 0;
  end_ += text_.read(buffer_.data() + end_, buffer_.size() - end_);
}

bool LineReader::next(std::string_view& line) {
  size_t searched = begin_;
  const void* newline = nullptr;
  while (!(newline = std::memchr(buffer_.data() + searched, '\n', end_ - searched)) &&
         !text_.at_end()) {
    const size_t pending = end_ - begin_;
    require<DataError>(pending < kMaxLine,
                       "[{}:{}:1] the line is too long: got {} bytes or more, expected fewer",
                       file(), line_number_ + 1, kMaxLine);
    if (progress_) progress_(fraction());
    fill();
    searched = pending;
  }
  if (newline == nullptr) {
    require<DataError>(text_.damage().empty(), "[{}:{}:1] {}", file(), line_number_ + 1,
                       text_.damage());
    if (begin_ == end_) return false;
  }
  const size_t stop =
      newline ? static_cast<size_t>(static_cast<const char*>(newline) - buffer_.data()) : end_;
  line = std::string_view(buffer_.data() + begin_, stop - begin_);
  if (line.ends_with('\r')) line.remove_suffix(1);
  begin_ = newline ? stop + 1 : end_;
  ++line_number_;
  return true;
}

void LineReader::rewind() {
  text_.rewind();
  begin_ = end_ = 0;
  line_number_ = 0;
  fill();
}

}  // namespace hotrow
