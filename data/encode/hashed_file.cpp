#include "data/encode/hashed_file.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <new>
#include <system_error>
#include <utility>
#include <vector>

#include "kernels/core/check.h"

namespace hotrow {
namespace {

constexpr size_t kBuffer = size_t{256} << 10;

}  // namespace

HashState new_hash() {
  HashState state(XXH3_createState());
  if (state == nullptr) throw std::bad_alloc();
  XXH3_64bits_reset(state.get());
  return state;
}

HashedFileWriter::HashedFileWriter(std::string path)
    : pending_(std::move(path)),
      file_(std::fopen(pending_.partial().c_str(), "wb")),
      hash_(new_hash()) {
  pending_.check(file_ != nullptr);
}

void HashedFileWriter::write(const void* data, size_t bytes) {
  if (bytes == 0) return;
  pending_.check(std::fwrite(data, 1, bytes, file_.get()) == bytes);
  XXH3_64bits_update(hash_.get(), data, bytes);
  bytes_ += static_cast<int64_t>(bytes);
}

FileFacts HashedFileWriter::publish() {
  pending_.check(std::fclose(file_.release()) == 0);
  pending_.publish();
  return {bytes_, XXH3_64bits_digest(hash_.get())};
}

FileReader::FileReader(std::string path)
    : path_(std::move(path)), file_(std::fopen(path_.c_str(), "rb")) {
  require<DataError>(file_ != nullptr, "[{}] cannot be opened: got '{}', expected a readable file",
                     path_, std::strerror(errno));
  std::error_code error;
  const auto bytes = std::filesystem::file_size(path_, error);
  require<DataError>(!error, "[{}] cannot be read: got '{}', expected a regular file", path_,
                     error.message());
  bytes_ = static_cast<int64_t>(bytes);
}

void FileReader::read(void* data, size_t bytes) {
  require<DataError>(
      std::fread(data, 1, bytes, file_.get()) == bytes,
      "[{}] cannot be read on: got the end of the file or a failing device, expected "
      "{} more bytes",
      path_, bytes);
}

void FileReader::seek(int64_t offset) {
  require<DataError>(fseeko(file_.get(), offset, SEEK_SET) == 0,
                     "[{}] cannot be read: got '{}' going to byte {}, expected a regular file",
                     path_, std::strerror(errno), offset);
}

FileFacts facts_of(const std::string& path) {
  FileReader file(path);
  const HashState hash = new_hash();
  std::vector<char> buffer(kBuffer);
  for (int64_t left = file.bytes(); left > 0;) {
    const auto part = static_cast<size_t>(std::min<int64_t>(left, std::ssize(buffer)));
    file.read(buffer.data(), part);
    XXH3_64bits_update(hash.get(), buffer.data(), part);
    left -= static_cast<int64_t>(part);
  }
  return {file.bytes(), XXH3_64bits_digest(hash.get())};
}

}  // namespace hotrow
