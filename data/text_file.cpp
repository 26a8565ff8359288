#include "data/text_file.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <limits>
#include <string_view>
#include <system_error>
#include <utility>

#include "kernels/core/check.h"

namespace hotrow {
namespace {

constexpr unsigned kInflateBuffer = 128 << 10;
constexpr size_t kBytesChecked = 4096;

struct Magic {
  std::string_view bytes, name;
};
constexpr std::array<Magic, 4> kForeign = {{{"PK\x03\x04", "a zip archive"},
                                            {"\xfd"
                                             "7zXZ",
                                             "xz data"},
                                            {"\x28\xb5\x2f\xfd", "zstd data"},
                                            {"BZh", "bzip2 data"}}};

void check_path(const std::string& file) {
  std::error_code error;
  const auto status = std::filesystem::status(file, error);
  require<DataError>(std::filesystem::exists(status),
                     "[{}] no such file: got nothing at this path, expected a text or gzip file",
                     file);
  require<DataError>(
      std::filesystem::is_regular_file(status),
      "[{}] not a regular file: got a folder, pipe or device, expected a text or gzip "
      "file (it is read several times)",
      file);
}

}  // namespace

TextFile::TextFile(std::string path) : path_(std::move(path)) {
  check_path(path_);
  stream_.reset(gzopen(path_.c_str(), "rb"));
  require<DataError>(stream_ != nullptr,
                     "[{}] cannot be opened: got '{}', expected a readable file", path_,
                     std::strerror(errno));
  gzbuffer(stream_.get(), kInflateBuffer);
  stored_bytes_ = static_cast<double>(std::filesystem::file_size(path_));
  check_content();
}

void TextFile::check_content() {
  std::array<char, kBytesChecked> first;
  const std::string_view text(first.data(), read(first.data(), first.size()));
  require<DataError>(!text.empty() || !damage_.empty(),
                     "[{}] the file is empty: got 0 bytes, expected lines of text", path_);
  for (const Magic& magic : kForeign) {
    require<DataError>(!text.starts_with(magic.bytes),
                       "[{}] not a text file: got {}, expected plain text or gzip", path_,
                       magic.name);
  }
  const size_t nul = text.find('\0');
  require<DataError>(nul == std::string_view::npos,
                     "[{}] not a text file: got a NUL byte at byte {}, expected plain text or gzip",
                     path_, nul + 1);
  rewind();
}

size_t TextFile::read(char* to, size_t size) {
  size_t done = 0;
  while (done < size && !at_end_) {
    const auto room =
        static_cast<unsigned>(std::min<size_t>(size - done, std::numeric_limits<int>::max()));
    const int got = gzread(stream_.get(), to + done, room);
    if (got > 0) done += static_cast<size_t>(got);
    if (got < static_cast<int>(room)) note_end();
  }
  return done;
}

void TextFile::note_end() {
  at_end_ = true;
  int code = Z_OK;
  std::string_view text = gzerror(stream_.get(), &code);  // "path: reason"
  if (code == Z_BUF_ERROR) {
    damage_ =
        "the gzip data is cut short: got the end of the file, expected more (an incomplete copy?)";
  } else if (code != Z_OK && code != Z_STREAM_END) {
    if (text.starts_with(path_ + ": ")) text.remove_prefix(path_.size() + 2);
    damage_ = fmt::format("the file cannot be read on: got '{}', expected sound gzip or plain text",
                          code == Z_ERRNO ? std::strerror(errno) : text);
  }
}

void TextFile::rewind() {
  gzclearerr(stream_.get());  // a damaged file is read up to its damage again
  require<DataError>(gzrewind(stream_.get()) == 0,
                     "[{}] cannot be read again from its start: got '{}', expected a sound file",
                     path_, gzerror(stream_.get(), nullptr));
  at_end_ = false;
  damage_.clear();
}

double TextFile::fraction() const {
  return std::min(1.0, static_cast<double>(gzoffset(stream_.get())) / stored_bytes_);
}

}  // namespace hotrow
