#include "data/pending_file.h"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include "kernels/core/check.h"

namespace hotrow {

PendingFile::PendingFile(std::string path)
    : path_(std::move(path)), partial_(fmt::format("{}.{}.partial", path_, getpid())) {}

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
