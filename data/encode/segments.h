// Parsed samples, column by column: what the encoder reads instead of the text.
//
// A segment holds the samples of one piece of the text (data/raw_rows.h), in memory or, one after
// the other, in files. In it each column lies in one run, so that a pass over one column reads that
// column alone. Layout, in the machine's byte order, as it never leaves the machine:
//
//   SegmentHeader, SegmentColumn (T)
//   labels float32 (B), dense float32 or float64 (B, num_dense)
//   per column: lengths uint32 (B), unless all are equal; keys uint32 or uint64 (N)
//
// The narrower type is taken where it holds every value of the segment. A Criteo sample takes 160
// bytes, against 240 of text. What names a file and says that it is whole is the manifest.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "data/raw_rows.h"
#include "data/schema.h"

namespace hotrow {

struct SegmentHeader {
  int64_t bytes = 0;  // of the segment, a multiple of 8
  int64_t piece = 0;
  int64_t rows = 0;       // B
  int64_t values = 0;     // keys of all columns
  int64_t bad_lines = 0;  // left out of the piece
  int64_t num_dense = 0;
  int64_t dense_width = 4;  // bytes of a dense value
  int64_t dense_at = 0;     // bytes from the segment's begin
};

struct SegmentColumn {
  int64_t values = 0;                      // N
  int64_t min_length = 0, max_length = 0;  // values of a sample
  int64_t key_width = 4;                   // bytes of a key
  int64_t lengths_at = 0, keys_at = 0;     // bytes from the segment's begin
  bool has_lengths() const { return min_length != max_length; }
};

// The bytes of one segment.
struct SegmentBytes {
  std::shared_ptr<char> data;
  int64_t size = 0;
};

// Room for the segments that one thread makes: several share a slab, which is there until all of
// them are gone.
class SegmentRoom {
 public:
  // 0: each segment has its own.
  explicit SegmentRoom(int64_t slab_bytes) : slab_bytes_(slab_bytes) {}
  SegmentBytes take(int64_t bytes);

 private:
  int64_t slab_bytes_;
  std::shared_ptr<char> slab_;
  int64_t used_ = 0, size_ = 0;  // of slab_
};

SegmentBytes make_segment(SegmentRoom& room, const RawRows& rows, int64_t piece,
                          const Schema& schema);

// Reading is safe from many threads.
class Segment {
 public:
  // In memory.
  explicit Segment(SegmentBytes bytes);
  // At byte `at` of a file. DataError where the file is shorter than the segment.
  Segment(std::shared_ptr<const std::string> path, int64_t at);

  const SegmentHeader& header() const { return header_; }
  int64_t rows() const { return header_.rows; }
  // What it takes in memory, where it is there; empty where it is in a file.
  std::span<const char> bytes() const;

  std::vector<SegmentColumn> columns(size_t num_columns) const;
  // All keys of a column (N).
  void read_keys(std::vector<uint64_t>& keys, size_t column) const;
  // Values of each of the samples [begin, begin + lengths.size()) in a column.
  void read_lengths(std::span<uint32_t> lengths, size_t column, int64_t begin) const;
  // The same samples' labels (n) and dense values (n, num_dense).
  void read_labels(std::span<float> labels, int64_t begin) const;
  void read_dense(std::span<double> dense, int64_t begin) const;

 private:
  class Input;

  SegmentHeader header_;
  std::shared_ptr<char> data_;               // in memory
  std::shared_ptr<const std::string> path_;  // or in this file
  int64_t at_ = 0;
};

// All segments of a file, in order. DataError where it ends inside one.
std::vector<Segment> read_segment_file(const std::string& path);

// All segments of a data set, in order, and what they hold together.
class Segments {
 public:
  Segments(std::vector<Segment> segments, size_t num_columns);

  std::span<const Segment> all() const { return segments_; }
  size_t num_columns() const { return totals_.size(); }
  int64_t rows() const { return rows_; }
  // Sum of `values`, least min_length, largest max_length.
  const SegmentColumn& total(size_t column) const { return totals_[column]; }
  // Whether they are in memory, and what they take there.
  bool in_memory() const { return held_bytes_ > 0; }
  int64_t held_bytes() const { return held_bytes_; }

 private:
  std::vector<Segment> segments_;
  std::vector<SegmentColumn> totals_;
  int64_t rows_ = 0, held_bytes_ = 0;
};

}  // namespace hotrow
