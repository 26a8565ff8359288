// A file that gets its name only when it is complete.
//
//   PendingFile file("day_0.npz");
//   ... write to file.partial(), file.check(...) ...
//   file.publish();
#pragma once

#include <span>
#include <string>

namespace hotrow {

// DataError with the path and the reason in errno unless `ok`, the success of writing to `path`.
void check_written(bool ok, const std::string& path);

class PendingFile {
 public:
  // Writes nothing. Two processes, of one machine or of two that share a folder, may write the same
  // path at once: the later publish() wins. DataError where something else than a file is there: a
  // folder could not be replaced, and a device, a pipe or a link should not be.
  explicit PendingFile(std::string path);
  // Under a name of the caller's, in a folder of the same file system, where it stays if it is not
  // published.
  PendingFile(std::string path, std::string partial);
  // Removes what is still under a partial() of its own.
  ~PendingFile();
  PendingFile(const PendingFile&) = delete;
  PendingFile& operator=(const PendingFile&) = delete;

  // In the names of all that this process has not published, and of nothing else: what a killed
  // one has left can be told by it.
  static std::string process_suffix();

  const std::string& path() const { return path_; }
  // Where to write: where nothing else was said, beside path(), a name of this process alone.
  const std::string& partial() const { return partial_; }

  // check_written() of path().
  void check(bool ok) const { check_written(ok, path_); }
  // Renames; what stood there is replaced. The file must be closed. Throws as check() does.
  void publish() const;

 private:
  std::string path_, partial_;
  bool stays_ = false;
};

// publish() of the files of one data set, in order. Where there are several, what stood under their
// names is gone before the first one appears: killed in between, this leaves a part of one data
// set, and none of old and new files.
void publish_all(std::span<const PendingFile* const> files);

}  // namespace hotrow
