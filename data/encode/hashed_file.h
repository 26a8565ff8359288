// Files of the encoder: written from front to back, known by their XXH3.
#pragma once

#include <xxhash.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "data/binary_file.h"

namespace hotrow {

struct FileFacts {
  int64_t bytes = 0;
  uint64_t xxh3 = 0;  // XXH3 of 64 bits, seed 0
  bool operator==(const FileFacts&) const = default;
};

struct FreeHash {
  void operator()(XXH3_state_t* state) const { XXH3_freeState(state); }
};
using HashState = std::unique_ptr<XXH3_state_t, FreeHash>;

HashState new_hash();

// A file that has its name only once it is whole. Errors: DataError as BinaryOutput, from any call.
class HashedFileWriter {
 public:
  explicit HashedFileWriter(std::string path);
  void write(const void* data, size_t bytes);
  // Bytes so far.
  int64_t bytes() const { return bytes_; }
  const std::string& path() const { return file_.path(); }
  // Closes the file and gives it its name. Once, last.
  FileFacts publish();
  // The same without the name, which publish_all() gives pending().
  FileFacts close();
  const PendingFile& pending() const { return file_.pending(); }

 private:
  BinaryOutput file_;
  HashState hash_;
  int64_t bytes_ = 0;
};

// Calls take(part) for the file's bytes [begin, end), some after the others.
template <class Take>
void for_each_part(const BinaryInput& file, int64_t begin, int64_t end, Take&& take) {
  constexpr int64_t kPart = int64_t{256} << 10;
  std::vector<std::byte> buffer(static_cast<size_t>(std::clamp<int64_t>(end - begin, 0, kPart)));
  for (int64_t at = begin; at < end; at += kPart) {
    const auto part = std::span(buffer).first(static_cast<size_t>(std::min(end - at, kPart)));
    file.read(at, part);
    take(std::span<const std::byte>(part));
  }
}

// Of the file's bytes [begin, end).
uint64_t hash_of(const BinaryInput& file, int64_t begin, int64_t end);
// Reads the whole file. DataError where it cannot be.
FileFacts facts_of(const std::string& path);

}  // namespace hotrow
