#include "data/binary_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include "kernels/core/check.h"

namespace hotrow {

// Without O_NONBLOCK a pipe would be waited for until somebody writes to it.
BinaryInput::BinaryInput(std::string path) : path_(std::move(path)) {
  descriptor_ = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  require<DataError>(descriptor_ >= 0, "[{}] cannot be read: got '{}', expected a file", path_,
                     std::strerror(errno));
  struct stat facts {};
  const bool regular = ::fstat(descriptor_, &facts) == 0 && S_ISREG(facts.st_mode);
  if (!regular) ::close(std::exchange(descriptor_, -1));
  require<DataError>(regular,
                     "[{}] cannot be read: got a folder, pipe or device, expected a file (it is "
                     "read at several places)",
                     path_);
  size_ = facts.st_size;
}

BinaryInput::BinaryInput(BinaryInput&& other) noexcept
    : path_(std::move(other.path_)),
      descriptor_(std::exchange(other.descriptor_, -1)),
      size_(other.size_) {}

BinaryInput::~BinaryInput() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void BinaryInput::read(int64_t offset, std::span<std::byte> to) const {
  for (size_t done = 0; done < to.size();) {
    const auto at = offset + static_cast<int64_t>(done);
    const ssize_t got = ::pread(descriptor_, to.data() + done, to.size() - done, at);
    if (got < 0 && errno == EINTR) continue;
    require<DataError>(got >= 0, "[{}] cannot be read: got '{}' at byte {}, expected {} bytes",
                       path_, std::strerror(errno), at, size_);
    require<DataError>(got > 0,
                       "[{}] the file is cut short: got its end at byte {}, expected {} bytes (it "
                       "shrank since it was opened)",
                       path_, at, size_);
    done += static_cast<size_t>(got);
  }
}

BinaryOutput::BinaryOutput(std::string path) : file_(std::move(path)) {
  stream_.reset(std::fopen(file_.partial().c_str(), "wb"));
  file_.check(stream_ != nullptr);
}

BinaryOutput::BinaryOutput(std::string path, std::string partial, int64_t kept)
    : file_(std::move(path), std::move(partial)) {
  stream_.reset(std::fopen(file_.partial().c_str(), kept > 0 ? "r+b" : "wb"));
  file_.check(stream_ != nullptr);
  file_.check(kept == 0 || ::ftruncate(fileno(stream_.get()), kept) == 0);
}

void BinaryOutput::write(std::span<const std::byte> bytes) {
  file_.check(bytes.empty() ||
              std::fwrite(bytes.data(), 1, bytes.size(), stream_.get()) == bytes.size());
}

void BinaryOutput::rewrite_start(std::string_view text) {
  file_.check(std::fseek(stream_.get(), 0, SEEK_SET) == 0);
  write(text);
}

void BinaryOutput::go_to_end() { file_.check(std::fseek(stream_.get(), 0, SEEK_END) == 0); }

void BinaryOutput::flush() { file_.check(std::fflush(stream_.get()) == 0); }

void BinaryOutput::close() { file_.check(std::fclose(stream_.release()) == 0); }

std::string read_small_file(const std::string& path, int64_t most) {
  const BinaryInput file(path);
  require<DataError>(file.size() > 0, "[{}] the file is empty: got 0 bytes, expected text", path);
  require<DataError>(file.size() <= most,
                     "[{}] the file is too large: got {} bytes, expected at most {}", path,
                     file.size(), most);
  std::string text(static_cast<size_t>(file.size()), '\0');
  file.read(0, std::as_writable_bytes(std::span(text)));
  return text;
}

void make_folder(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  require<DataError>(std::filesystem::is_directory(path, error),
                     "[{}] cannot be used as the output folder: got '{}', expected a folder", path,
                     error ? error.message() : "a file");
}

}  // namespace hotrow
