// A text file that is written from its beginning, plain or gzip, and appears whole.
#pragma once

#include <zlib.h>

#include <cerrno>
#include <string>
#include <string_view>
#include <utility>

#include "data/pending_file.h"

namespace hotrow {

// write(), close(), publish(), in this order; without publish() no file appears. Each throws
// DataError with the path and the system's reason.
class LineFile {
 public:
  LineFile(std::string path, bool gzip) : file_(std::move(path)) {
    errno = 0;
    stream_ = gzopen(file_.partial().c_str(), gzip ? "wb1" : "wbT");
    file_.check(stream_ != nullptr);
  }
  LineFile(const LineFile&) = delete;
  LineFile& operator=(const LineFile&) = delete;
  ~LineFile() {
    if (stream_ != nullptr) gzclose_w(stream_);
  }

  const std::string& path() const { return file_.path(); }

  // At most 2^31 - 1 bytes.
  void write(std::string_view text) {
    errno = 0;
    file_.check(gzwrite(stream_, text.data(), static_cast<unsigned>(text.size())) ==
                static_cast<int>(text.size()));
  }
  void close() {
    errno = 0;
    file_.check(gzclose_w(std::exchange(stream_, nullptr)) == Z_OK);
  }
  void publish() { file_.publish(); }
  // For publish_all(), after close().
  const PendingFile& pending() const { return file_; }

 private:
  PendingFile file_;
  gzFile stream_ = nullptr;
};

}  // namespace hotrow
