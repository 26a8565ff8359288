// The lines of a text file, plain or gzip, any number of times and in bounded memory.
//
//   next: the bytes up to the next '\n', without it and without a '\r' before it; a last line that
//         lacks its '\n' counts like any other
//
// Whether a file is gzip is told by its first bytes, not by its name; several gzip members in a row
// read as one file. Memory: one buffer of kMaxLine bytes and zlib's own (about 300 KiB), whatever
// the file's size; nothing is allocated after the constructor. Not safe to call from two threads.
//
// Errors, DataError: a path that is missing or no regular file (several passes need one), an empty
// file, content that is not text (zip, xz, zstd, bzip2, NUL bytes), a line of kMaxLine bytes or
// more, and gzip data that is cut short (all whole lines before the cut are delivered first) or
// damaged (noticed up to kMaxLine bytes ahead).
#pragma once

#include <zlib.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace hotrow {

// The share of a file that is behind, in [0, 1].
using FileProgress = std::function<void(double fraction)>;

class LineReader {
 public:
  static constexpr size_t kMaxLine = size_t{1} << 20;

  // `progress`, if any, is called by next() about once every kMaxLine bytes of text; what it throws
  // leaves next().
  explicit LineReader(std::string file, FileProgress progress = {});

  // False at the end of the file. `line` is valid until the next call.
  bool next(std::string_view& line);
  // Starts again at line 1.
  void rewind();

  const std::string& file() const { return file_; }
  // 1-based number of the line that next() gave last; 0 before the first.
  int64_t line_number() const { return line_number_; }
  // Share of the file that has been read, in [0, 1], by bytes as stored.
  double fraction() const;

 private:
  struct Close {
    void operator()(gzFile file) const { gzclose_r(file); }
  };

  void fill();
  void check_content() const;

  std::string file_;
  FileProgress progress_;
  std::unique_ptr<gzFile_s, Close> stream_;
  double stored_bytes_ = 0;
  std::vector<char> buffer_;
  size_t begin_ = 0, end_ = 0;  // bytes of buffer_ that have not been given out
  bool at_end_ = false;         // no byte follows buffer_[end_ - 1]
  std::string damage_;          // why the data ends where it does, when it should not
  int64_t line_number_ = 0;
};

}  // namespace hotrow
