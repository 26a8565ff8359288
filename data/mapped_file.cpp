#include "data/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "kernels/core/check.h"

namespace hotrow {
namespace {

struct Descriptor {
  int fd;
  ~Descriptor() {
    if (fd >= 0) close(fd);
  }
};

}  // namespace

MappedFile::MappedFile(const std::string& path) : path_(path) {
  const auto check = [&](bool ok) {
    require<DataError>(ok, "[{}] cannot be read: got '{}', expected a file", path,
                       std::strerror(errno));
  };
  const Descriptor file{open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  check(file.fd >= 0);
  struct stat facts {};
  check(fstat(file.fd, &facts) == 0);
  require<DataError>(S_ISREG(facts.st_mode), "[{}] is not a file: got a folder or a device", path);
  const auto size = static_cast<size_t>(facts.st_size);
  if (size == 0) return;
  void* start = mmap(nullptr, size, PROT_READ, MAP_SHARED, file.fd, 0);
  check(start != MAP_FAILED);
  bytes_ = {static_cast<const std::byte*>(start), size};
}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

}  // namespace hotrow
