// Parsed samples on disk, column by column: what the encoder reads instead of the text.
//
// A segment holds the samples of some consecutive pieces of the text (data/raw_rows.h). In it each
// column lies in one run, so that a pass over one column reads that column alone. Layout, in the
// machine's byte order, as it never leaves the machine:
//
//   SegmentHeader, SegmentColumn (T)
//   labels float32 (B), dense float32 or float64 (B, num_dense)
//   per column: lengths uint32 (B), unless all are equal; keys uint32 or uint64 (N)
//
// The narrower type is taken where it holds every value of the segment. A Criteo sample takes 160
// bytes, against 240 of text. What names a segment and says that it is whole is the manifest.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "data/encode/hashed_file.h"
#include "data/raw_rows.h"
#include "data/schema.h"

namespace hotrow {

struct SegmentHeader {
  int64_t first_piece = 0, pieces = 0;
  int64_t rows = 0;         // B
  int64_t dense_width = 4;  // bytes of a dense value
  int64_t bad_lines = 0;    // left out of its pieces
};

struct SegmentColumn {
  int64_t values = 0;                      // N
  int64_t min_length = 0, max_length = 0;  // values of a sample
  int64_t key_width = 4;                   // bytes of a key
  int64_t lengths_at = 0, keys_at = 0;     // bytes from the file's begin
  bool has_lengths() const { return min_length != max_length; }
};

// Samples of consecutive pieces, in order, as a segment file's bytes. `bytes` keeps its memory.
void assemble_segment(std::vector<char>& bytes, std::span<const RawRows> pieces,
                      int64_t first_piece, const Schema& schema);

// One segment file. Reading is safe from many threads.
class Segment {
 public:
  // DataError where the file is shorter than its own header says.
  Segment(std::string path, const Schema& schema);

  int64_t rows() const { return header_.rows; }
  // The piece after the last of this segment.
  int64_t next_piece() const { return header_.first_piece + header_.pieces; }
  int64_t first_piece() const { return header_.first_piece; }
  int64_t bad_lines() const { return header_.bad_lines; }
  const SegmentColumn& column(size_t c) const { return columns_[c]; }

  // All keys of a column (N).
  void read_keys(std::vector<uint64_t>& keys, size_t column) const;
  // Values of each of the samples [begin, begin + lengths.size()) in a column.
  void read_lengths(std::span<uint32_t> lengths, size_t column, int64_t begin) const;
  // The same samples' labels (n) and dense values (n, num_dense).
  void read_labels(std::span<float> labels, int64_t begin) const;
  void read_dense(std::span<double> dense, int64_t begin) const;

 private:
  int64_t labels_at() const;
  int64_t dense_at() const;

  std::string path_;
  size_t num_dense_;
  SegmentHeader header_;
  std::vector<SegmentColumn> columns_;
};

// All segments of a data set, in order, and what they hold together.
class Segments {
 public:
  Segments(const std::vector<std::string>& paths, const Schema& schema);

  std::span<const Segment> all() const { return segments_; }
  size_t num_columns() const { return totals_.size(); }
  int64_t rows() const { return rows_; }
  // Sum of `values`, least min_length, largest max_length.
  const SegmentColumn& total(size_t column) const { return totals_[column]; }

 private:
  std::vector<Segment> segments_;
  std::vector<SegmentColumn> totals_;
  int64_t rows_ = 0;
};

}  // namespace hotrow
