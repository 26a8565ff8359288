// The bytes of a text file, plain or gzip, any number of times.
//
// Whether a file is gzip is told by its first bytes, not by its name; several gzip members in a row
// read as one file. Memory: zlib's own, about 300 KiB. Not safe to call from two threads.
//
// Errors, DataError: a path that is missing or no regular file (several passes need one), an empty
// file, and content that is not text (zip, xz, zstd, bzip2, NUL bytes in its first part).
#pragma once

#include <zlib.h>

#include <cstddef>
#include <memory>
#include <string>

namespace hotrow {

class TextFile {
 public:
  explicit TextFile(std::string path);

  // Gives the bytes read, fewer than `size` only at the end; from then on at_end() is true.
  size_t read(char* to, size_t size);
  bool at_end() const { return at_end_; }
  // At the end: why the data ends there, when it should not (gzip data that is cut short or
  // damaged). Empty for a sound file.
  const std::string& damage() const { return damage_; }
  // Goes back to the first byte.
  void rewind();

  const std::string& path() const { return path_; }
  // Share of the file that has been read, in [0, 1], by bytes as stored.
  double fraction() const;

 private:
  struct Close {
    void operator()(gzFile file) const { gzclose_r(file); }
  };

  void check_content();
  void note_end();

  std::string path_;
  std::unique_ptr<gzFile_s, Close> stream_;
  double stored_bytes_ = 0;
  bool at_end_ = false;
  std::string damage_;
};

}  // namespace hotrow
