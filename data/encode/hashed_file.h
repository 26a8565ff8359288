// Files of the encoder: written from front to back, known by their XXH3.
#pragma once

#include <xxhash.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>

#include "data/pending_file.h"

namespace hotrow {

struct FileFacts {
  int64_t bytes = 0;
  uint64_t xxh3 = 0;  // XXH3 of 64 bits, seed 0
  bool operator==(const FileFacts&) const = default;
};

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, CloseFile>;

struct FreeHash {
  void operator()(XXH3_state_t* state) const { XXH3_freeState(state); }
};
using HashState = std::unique_ptr<XXH3_state_t, FreeHash>;

HashState new_hash();

// A file that has its name only once it is whole. Errors: DataError with the path and the system's
// reason, from any call.
class HashedFileWriter {
 public:
  explicit HashedFileWriter(std::string path);
  void write(const void* data, size_t bytes);
  // Bytes so far.
  int64_t bytes() const { return bytes_; }
  const std::string& path() const { return pending_.path(); }
  // Closes the file and gives it its name. Once, last.
  FileFacts publish();

 private:
  PendingFile pending_;
  File file_;
  HashState hash_;
  int64_t bytes_ = 0;
};

// Reads exactly what is asked for. Errors: DataError with the path, for a file that cannot be
// opened or ends before.
class FileReader {
 public:
  explicit FileReader(std::string path);
  void read(void* data, size_t bytes);
  void seek(int64_t offset);
  const std::string& path() const { return path_; }
  int64_t bytes() const { return bytes_; }  // of the file

 private:
  std::string path_;
  File file_;
  int64_t bytes_ = 0;
};

// Reads the whole file.
FileFacts facts_of(const std::string& path);

}  // namespace hotrow
