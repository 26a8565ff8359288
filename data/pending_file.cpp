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

namespace {

// Two containers that share a folder may both be process 1.
uint32_t process_word() {
  static const uint32_t word = std::random_device()();
  return word;
}

}  // namespace

PendingFile::PendingFile(std::string path)
    : path_(std::move(path)),
      partial_(fmt::format("{}.{}-{:08x}.partial", path_, getpid(), process_word())) {}

PendingFile::~PendingFile() {
  std::error_code ignored;
  std::filesystem::remove(partial_, ignored);
}

void PendingFile::check(bool ok) const {
  require<DataError>(ok,
                     "[{}] cannot be written: got '{}', expected a folder with room to write in",
                     path_, std::strerror(errno));
}

void PendingFile::publish() const { check(std::rename(partial_.c_str(), path_.c_str()) == 0); }

}  // namespace hotrow
