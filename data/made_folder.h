// A folder for output that leaves no trace of its own when nothing was written.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace hotrow {

class MadeFolder {
 public:
  // Makes `path` and the folders above it that are not there. DataError, with those that it could
  // make gone again, where it cannot.
  explicit MadeFolder(const std::string& path);
  // Removes what it has made and is still empty.
  ~MadeFolder();
  MadeFolder(const MadeFolder&) = delete;
  MadeFolder& operator=(const MadeFolder&) = delete;

 private:
  void remove_empty();

  std::vector<std::filesystem::path> made_;  // the deepest first
};

}  // namespace hotrow
