#include "data/encode/hashed_file.h"

#include <new>
#include <utility>

namespace hotrow {

HashState new_hash() {
  HashState state(XXH3_createState());
  if (state == nullptr) throw std::bad_alloc();
  XXH3_64bits_reset(state.get());
  return state;
}

HashedFileWriter::HashedFileWriter(std::string path) : file_(std::move(path)), hash_(new_hash()) {}

void HashedFileWriter::write(const void* data, size_t bytes) {
  if (bytes == 0) return;
  file_.write({static_cast<const std::byte*>(data), bytes});
  XXH3_64bits_update(hash_.get(), data, bytes);
  bytes_ += static_cast<int64_t>(bytes);
}

FileFacts HashedFileWriter::publish() {
  const FileFacts facts = close();
  file_.publish();
  return facts;
}

FileFacts HashedFileWriter::close() {
  file_.close();
  return {bytes_, XXH3_64bits_digest(hash_.get())};
}

uint64_t hash_of(const BinaryInput& file, int64_t begin, int64_t end) {
  const HashState hash = new_hash();
  for_each_part(file, begin, end, [&](std::span<const std::byte> part) {
    XXH3_64bits_update(hash.get(), part.data(), part.size());
  });
  return XXH3_64bits_digest(hash.get());
}

FileFacts facts_of(const std::string& path) {
  const BinaryInput file(path);
  return {file.size(), hash_of(file, 0, file.size())};
}

}  // namespace hotrow
