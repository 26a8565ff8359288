#include "data/pending_file.h"

#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <random>
#include <system_error>
#include <utility>

#include "kernels/core/check.h"

namespace hotrow {

void check_written(bool ok, const std::string& path) {
  require<DataError>(ok,
                     "[{}] cannot be written: got '{}', expected a folder with room to write in",
                     path, std::strerror(errno));
}

std::string PendingFile::process_suffix() {
  // Two containers that share a folder may both be process 1.
  static const uint32_t word = std::random_device()();
  return fmt::format(".{}-{:08x}.partial", getpid(), word);
}

PendingFile::PendingFile(std::string path)
    : path_(std::move(path)), partial_(path_ + process_suffix()) {}

PendingFile::PendingFile(std::string path, std::string partial)
    : path_(std::move(path)), partial_(std::move(partial)), stays_(true) {}

PendingFile::~PendingFile() {
  if (stays_) return;
  std::error_code ignored;
  std::filesystem::remove(partial_, ignored);
}

void PendingFile::publish() const { check(std::rename(partial_.c_str(), path_.c_str()) == 0); }

void publish_all(std::span<const PendingFile* const> files) {
  if (files.size() > 1) {
    const PendingFile& last = *files.back();
    last.check(std::remove(last.path().c_str()) == 0 || errno == ENOENT);
  }
  for (const PendingFile* file : files) file->publish();
}

}  // namespace hotrow
