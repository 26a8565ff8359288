#include "data/mapped_file.h"

#include <sys/mman.h>

#include <cerrno>
#include <cstring>

#include "data/binary_file.h"
#include "kernels/core/check.h"

namespace hotrow {

MappedFile::MappedFile(const std::string& path) : path_(path) {
  const BinaryInput file(path);
  const auto size = static_cast<size_t>(file.size());
  if (size == 0) return;
  void* start = mmap(nullptr, size, PROT_READ, MAP_SHARED, file.descriptor(), 0);
  require<DataError>(start != MAP_FAILED, "[{}] cannot be read: got '{}', expected a file", path,
                     std::strerror(errno));
  bytes_ = {static_cast<const std::byte*>(start), size};
}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

}  // namespace hotrow
