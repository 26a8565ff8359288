// The lines of a text file, plain or gzip, any number of times and in bounded memory.
//
//   next: the bytes up to the next '\n', without it and without a '\r' before it; a last line that
//         lacks its '\n' counts like any other
//
// Memory: one buffer of kMaxLine bytes and that of TextFile, whatever the file's size; nothing is
// allocated after the constructor. Not safe to call from two threads.
//
// Errors, DataError: those of TextFile, a line of kMaxLine bytes or more, and gzip data that is cut
// short (all whole lines before the cut are delivered first) or damaged (noticed up to kMaxLine
// bytes ahead).
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "data/text_file.h"

namespace hotrow {

// The share of a file that is behind, in [0, 1].
using FileProgress = std::function<void(double fraction)>;

class LineReader {
 public:
  static constexpr size_t kMaxLine = size_t{1} << 20;

  // `progress`, if any, is called by next() about once every kMaxLine bytes of text; what it throws
  // leaves next().
  explicit LineReader(const std::string& file, FileProgress progress = {});

  // False at the end of the file. `line` is valid until the next call.
  bool next(std::string_view& line);
  // Starts again at line 1.
  void rewind();

  const std::string& file() const { return text_.path(); }
  // 1-based number of the line that next() gave last; 0 before the first.
  int64_t line_number() const { return line_number_; }
  // Share of the file that has been read, in [0, 1], by bytes as stored.
  double fraction() const { return text_.fraction(); }

 private:
  void fill();

  TextFile text_;
  FileProgress progress_;
  std::vector<char> buffer_;
  size_t begin_ = 0, end_ = 0;  // bytes of buffer_ that have not been given out
  int64_t line_number_ = 0;
};

}  // namespace hotrow
