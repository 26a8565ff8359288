// A file without a name, for what memory shall not hold: it is gone when it is closed, and when the
// process ends in any way.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace hotrow {

class SpillFile {
 public:
  // Lies in `folder`; if that is empty, in the system's temporary folder, which TMPDIR names.
  // DataError if it cannot be made.
  explicit SpillFile(const std::string& folder = {});
  ~SpillFile();
  SpillFile(SpillFile&& other) noexcept;
  SpillFile& operator=(SpillFile&&) = delete;

  // DataError with the folder and the reason, also for a full disk and a read past what was
  // written.
  void write(int64_t offset, std::span<const std::byte> bytes);
  void read(int64_t offset, std::span<std::byte> bytes) const;

 private:
  // DataError with the reason in errno unless `ok`.
  void check(bool ok, const char* what) const;

  std::string folder_;
  const char* hint_ = "";  // for error texts: what else the folder can be
  int file_;
};

}  // namespace hotrow
