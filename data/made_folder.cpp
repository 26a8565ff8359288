#include "data/made_folder.h"

#include <system_error>

#include "data/binary_file.h"

namespace hotrow {

namespace fs = std::filesystem;

MadeFolder::MadeFolder(const std::string& path) {
  std::error_code ignored;
  for (fs::path at = fs::absolute(path).lexically_normal(); at.has_relative_path();
       at = at.parent_path()) {
    if (fs::exists(at, ignored)) break;
    made_.push_back(at);
  }
  try {
    make_folder(path);
  } catch (...) {
    remove_empty();
    throw;
  }
}

MadeFolder::~MadeFolder() { remove_empty(); }

void MadeFolder::remove_empty() {
  std::error_code not_empty;
  for (const fs::path& folder : made_) {
    if (fs::is_directory(folder, not_empty)) fs::remove(folder, not_empty);
  }
}

}  // namespace hotrow
