// .npy files of matrices too large for memory: read by rows at any place, written row after row.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "data/binary_file.h"
#include "data/npy.h"

namespace hotrow {

// A vector (N) is a matrix of one column.
class NpyFile {
 public:
  // DataError: missing, foreign, text, of another rank, or of another length than its header says.
  explicit NpyFile(const std::string& path);

  const std::string& path() const { return file_.path(); }
  const NpyHeader& header() const { return header_; }
  int64_t rows() const { return header_.shape[0]; }
  int64_t columns() const { return header_.shape.size() == 2 ? header_.shape[1] : 1; }

  // Rows first, first + 1, ..., `count` of them, as doubles (count, columns), exact for all but
  // integers beyond 2^53. The caller asks for rows that there are.
  void read(int64_t first, int64_t count, std::vector<double>& out);

 private:
  BinaryInput file_;
  NpyHeader header_;
  int64_t begin_ = 0;  // of the values
  std::vector<std::byte> block_;
};

// Writes (N, columns), or (N) for columns == 0, in C order; N is known at the end.
class NpyWriter {
 public:
  NpyWriter(const std::string& path, NpyType type, int64_t item_bytes, int64_t columns);

  // Whole rows. DataError on a full disk.
  void write(std::span<const std::byte> rows);
  // Everything is in the file; no write() after it.
  void close();
  // After close(): gives the file its name.
  void publish() const { file_.publish(); }
  // For publish_all(), after close().
  const PendingFile& pending() const { return file_.pending(); }

 private:
  std::string start() const;

  BinaryOutput file_;
  NpyHeader header_;
  int64_t bytes_ = 0;
};

}  // namespace hotrow
