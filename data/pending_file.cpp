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

namespace fs = std::filesystem;

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

namespace {

void require_replaceable(const std::string& path) {
  std::error_code ignored;
  const fs::file_type type = fs::symlink_status(path, ignored).type();
  const bool file = type == fs::file_type::regular || type == fs::file_type::not_found ||
                    type == fs::file_type::none;  // unknown: writing will tell why
  require<DataError>(file, "[{}] cannot be replaced: got {}, expected a file or nothing there",
                     path,
                     type == fs::file_type::directory ? "a folder"
                     : type == fs::file_type::symlink ? "a link (give the path that it leads to)"
                                                      : "a device or a pipe");
}

}  // namespace

PendingFile::PendingFile(std::string path)
    : path_(std::move(path)), partial_(path_ + process_suffix()) {
  require_replaceable(path_);
}

PendingFile::PendingFile(std::string path, std::string partial)
    : path_(std::move(path)), partial_(std::move(partial)), stays_(true) {
  require_replaceable(path_);
}

PendingFile::~PendingFile() {
  if (stays_) return;
  std::error_code ignored;
  fs::remove(partial_, ignored);
}

void PendingFile::publish() const { check(std::rename(partial_.c_str(), path_.c_str()) == 0); }

void publish_all(std::span<const PendingFile* const> files) {
  for (size_t i = files.size(); files.size() > 1 && i-- > 0;) {
    const PendingFile& file = *files[i];
    file.check(std::remove(file.path().c_str()) == 0 || errno == ENOENT);
  }
  for (const PendingFile* file : files) file->publish();
}

}  // namespace hotrow
