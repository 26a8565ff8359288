// A file as bytes in memory, mapped for reading: pages come when they are touched.
#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace hotrow {

// The file must not become shorter while it is mapped: the system ends a process that touches what
// is gone.
class MappedFile {
 public:
  // DataError: missing, not a regular file, not to be read. An empty file has no bytes.
  explicit MappedFile(const std::string& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  const std::string& path() const { return path_; }
  std::span<const std::byte> bytes() const { return bytes_; }

 private:
  std::string path_;
  std::span<const std::byte> bytes_;
};

}  // namespace hotrow
