// Files of records without a header: reading at a place, writing from start to end.
//
// Errors are DataError with the path and the system's reason.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "data/pending_file.h"

namespace hotrow {

class BinaryInput {
 public:
  // DataError: missing, or no regular file; a pipe is not waited for.
  explicit BinaryInput(std::string path);
  ~BinaryInput();
  BinaryInput(BinaryInput&& other) noexcept;
  BinaryInput& operator=(BinaryInput&&) = delete;

  const std::string& path() const { return path_; }
  int64_t size() const { return size_; }  // in bytes, when it was opened
  int descriptor() const { return descriptor_; }
  // Fills all of `to` with the bytes from `offset`; DataError where the file ends before.
  void read(int64_t offset, std::span<std::byte> to) const;

 private:
  std::string path_;
  int descriptor_ = -1;
  int64_t size_ = 0;
};

struct CloseStream {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using Stream = std::unique_ptr<std::FILE, CloseStream>;

// Buffered; a PendingFile underneath, so that nothing half-written gets its name.
class BinaryOutput {
 public:
  // DataError where it cannot be made, as all below where it cannot be written.
  explicit BinaryOutput(std::string path);
  // Under `partial`, a name of the caller's (pending_file.h), of which the first `kept` bytes stay;
  // begins at its first byte, to write those again that may differ.
  BinaryOutput(std::string path, std::string partial, int64_t kept);

  const std::string& path() const { return file_.path(); }
  void write(std::span<const std::byte> bytes);
  void write(std::string_view text) { write(std::as_bytes(std::span(text))); }
  // Writes over the file's first bytes; no write() after it.
  void rewrite_start(std::string_view text);
  // The next write() goes behind what is there.
  void go_to_end();
  // What was written has been given to the system.
  void flush();
  // Everything is in the file; no write() after it.
  void close();
  // After close().
  void publish() const { file_.publish(); }
  // For publish_all(), after close().
  const PendingFile& pending() const { return file_; }

 private:
  PendingFile file_;
  Stream stream_;
};

// All of a small text file. DataError where it is larger than `most` bytes, missing or empty.
std::string read_small_file(const std::string& path, int64_t most);
// Makes the folder and those above it. DataError where it cannot be.
void make_folder(const std::string& path);

}  // namespace hotrow
