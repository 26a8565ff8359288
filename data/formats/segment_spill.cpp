#include "data/formats/segment_spill.h"

#include <algorithm>
#include <utility>

namespace hotrow {

SegmentSpill::SegmentSpill(const std::string& folder, std::vector<int64_t> widths)
    : file_(folder), widths_(std::move(widths)) {
  for (int64_t width : widths_) {
    begins_.push_back(words_);
    words_ += width;
  }
  block_.resize(static_cast<size_t>(kBlockRows * words_));
}

void SegmentSpill::put(std::span<const uint32_t> records) {
  const auto words = static_cast<size_t>(words_);
  for (; !records.empty(); records = records.subspan(words)) {
    const int64_t row = rows_ % kBlockRows;
    for (size_t s = 0; s < widths_.size(); ++s) {
      std::copy_n(records.begin() + begins_[s], widths_[s],
                  block_.begin() + kBlockRows * begins_[s] + row * widths_[s]);
    }
    flushed_ = false;
    if (++rows_ % kBlockRows == 0) flush();
  }
}

void SegmentSpill::flush() {
  if (flushed_) return;
  file_.write((rows_ - 1) / kBlockRows * kBlockRows * words_ * 4, std::as_bytes(std::span(block_)));
  flushed_ = true;
}

void SegmentSpill::give(std::span<uint32_t> out, size_t segment, int64_t first) {
  flush();
  const int64_t in_block = kBlockRows * widths_[segment];
  while (!out.empty()) {
    const int64_t block = first / in_block, at = first % in_block;
    const auto count = static_cast<size_t>(std::min(in_block - at, std::ssize(out)));
    const int64_t word = block * kBlockRows * words_ + kBlockRows * begins_[segment] + at;
    file_.read(word * 4, std::as_writable_bytes(out.first(count)));
    out = out.subspan(count);
    first += static_cast<int64_t>(count);
  }
}

}  // namespace hotrow
