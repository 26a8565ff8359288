#include "data/line_reader.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
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

LineReader::LineReader(std::string file, FileProgress progress)
    : file_(std::move(file)), progress_(std::move(progress)), buffer_(kMaxLine) {
  check_path(file_);
  stream_.reset(gzopen(file_.c_str(), "rb"));
  require<DataError>(stream_ != nullptr,
                     "[{}] cannot be opened: got '{}', expected a readable file", file_,
                     std::strerror(errno));
  gzbuffer(stream_.get(), kInflateBuffer);
  stored_bytes_ = static_cast<double>(std::filesystem::file_size(file_));
  fill();
  check_content();
}

void LineReader::check_content() const {
  const std::string_view text(buffer_.data(), end_);
  require<DataError>(!text.empty() || !damage_.empty(),
                     "[{}] the file is empty: got 0 bytes, expected lines of text", file_);
  for (const Magic& magic : kForeign) {
    require<DataError>(!text.starts_with(magic.bytes),
                       "[{}] not a text file: got {}, expected plain text or gzip", file_,
                       magic.name);
  }
  const size_t nul = text.substr(0, kBytesChecked).find('\0');
  require<DataError>(nul == std::string_view::npos,
                     "[{}] not a text file: got a NUL byte at byte {}, expected plain text or gzip",
                     file_, nul + 1);
}

void LineReader::fill() {
  std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
  end_ -= begin_;
  begin_ = 0;
  const auto room = static_cast<unsigned>(buffer_.size() - end_);
  const int got = gzread(stream_.get(), buffer_.data() + end_, room);
  if (got > 0) end_ += static_cast<size_t>(got);
  at_end_ = got < static_cast<int>(room);
  if (!at_end_) return;
  int code = Z_OK;
  std::string_view text = gzerror(stream_.get(), &code);  // "path: reason"
  if (code == Z_BUF_ERROR) {
    damage_ =
        "the gzip data is cut short: got the end of the file, expected more (an incomplete copy?)";
  } else if (code != Z_OK && code != Z_STREAM_END) {
    if (text.starts_with(file_ + ": ")) text.remove_prefix(file_.size() + 2);
    damage_ = fmt::format("the file cannot be read on: got '{}', expected sound gzip or plain text",
                          code == Z_ERRNO ? std::strerror(errno) : text);
  }
}

bool LineReader::next(std::string_view& line) {
  size_t searched = begin_;
  const void* newline = nullptr;
  while (!(newline = std::memchr(buffer_.data() + searched, '\n', end_ - searched)) && !at_end_) {
    const size_t pending = end_ - begin_;
    require<DataError>(pending < kMaxLine,
                       "[{}:{}:1] the line is too long: got {} bytes or more, expected fewer",
                       file_, line_number_ + 1, kMaxLine);
    if (progress_) progress_(fraction());
    fill();
    searched = pending;
  }
  if (newline == nullptr) {
    require<DataError>(damage_.empty(), "[{}:{}:1] {}", file_, line_number_ + 1, damage_);
    if (begin_ == end_) return false;
  }
  const size_t stop =
      newline ? static_cast<size_t>(static_cast<const char*>(newline) - buffer_.data()) : end_;
  line = std::string_view(buffer_.data() + begin_, stop - begin_);
  if (line.ends_with('\r')) line.remove_suffix(1);
  begin_ = newline ? stop + 1 : end_;
  ++line_number_;
  return true;
}

void LineReader::rewind() {
  gzclearerr(stream_.get());  // a damaged file is read up to its damage again
  require<DataError>(gzrewind(stream_.get()) == 0,
                     "[{}] cannot be read again from its start: got '{}', expected a sound file",
                     file_, gzerror(stream_.get(), nullptr));
  begin_ = end_ = 0;
  damage_.clear();
  line_number_ = 0;
  fill();
}

double LineReader::fraction() const {
  return std::min(1.0, static_cast<double>(gzoffset(stream_.get())) / stored_bytes_);
}

}  // namespace hotrow
