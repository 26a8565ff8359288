// Samples on their way from rows to columns: a temporary file for those that come row after row and
// are wanted segment after segment.
//
// A sample is a record of 32-bit words, cut into segments of given widths (a label; 13 numerical
// values; one id; ...). give() copies the words of one segment of all samples, row after row.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "data/spill_file.h"

namespace hotrow {

class SegmentSpill {
 public:
  // The file lies in `folder`. Memory: 65,536 records.
  SegmentSpill(const std::string& folder, std::vector<int64_t> widths);

  int64_t rows() const { return rows_; }
  // Appends records of the sum of all widths.
  void put(std::span<const uint32_t> records);
  // After the last put(): the words first, first + 1, ... of segment `segment`, sample after
  // sample.
  void give(std::span<uint32_t> out, size_t segment, int64_t first);

 private:
  static constexpr int64_t kBlockRows = 1 << 16;

  void flush();

  SpillFile file_;
  const std::vector<int64_t> widths_;
  std::vector<int64_t> begins_;  // words before each segment, in a record
  int64_t words_ = 0;            // of a record
  std::vector<uint32_t> block_;  // segment after segment, each kBlockRows times its width
  int64_t rows_ = 0;
  bool flushed_ = true;
};

}  // namespace hotrow
