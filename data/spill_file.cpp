#include "data/spill_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "kernels/core/check.h"

namespace hotrow {
namespace {

// Never with a name where the file system knows such files, else for a moment: killed in it, this
// leaves an empty file.
int open_nameless(const std::string& folder) {
  const int nameless = open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (nameless >= 0) return nameless;
  std::string name = folder + "/hotrow-spill-XXXXXX";
  const int file = mkostemp(name.data(), O_CLOEXEC);
  if (file >= 0) unlink(name.c_str());
  return file;
}

}  // namespace

SpillFile::SpillFile(const std::string& folder) : folder_(folder) {
  if (folder.empty()) {
    const char* named = std::getenv("TMPDIR");
    folder_ = named != nullptr ? named : P_tmpdir;
    hint_ = " (the variable TMPDIR can name another)";
  }
  file_ = open_nameless(folder_);
  check(file_ >= 0, "made");
}

void SpillFile::check(bool ok, const char* what) const {
  require<DataError>(ok,
                     "[{}] a temporary file cannot be {}: got '{}', expected a folder with room to "
                     "write in{}",
                     folder_, what, std::strerror(errno), hint_);
}

SpillFile::~SpillFile() {
  if (file_ >= 0) close(file_);
}

SpillFile::SpillFile(SpillFile&& other) noexcept
    : folder_(std::move(other.folder_)),
      hint_(other.hint_),
      file_(std::exchange(other.file_, -1)) {}

void SpillFile::write(int64_t offset, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t done = pwrite(file_, bytes.data(), bytes.size(), offset);
    if (done < 0 && errno == EINTR) continue;
    check(done > 0, "written");
    bytes = bytes.subspan(static_cast<size_t>(done));
    offset += done;
  }
}

void SpillFile::read(int64_t offset, std::span<std::byte> bytes) const {
  while (!bytes.empty()) {
    errno = 0;
    const ssize_t done = pread(file_, bytes.data(), bytes.size(), offset);
    if (done < 0 && errno == EINTR) continue;
    check(done > 0, "read");
    bytes = bytes.subspan(static_cast<size_t>(done));
    offset += done;
  }
}

}  // namespace hotrow
