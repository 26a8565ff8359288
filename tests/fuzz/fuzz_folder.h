// A folder of a fuzzing process, for readers that want files; gone at its end.
#pragma once

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>

namespace hotrow::fuzz {

inline const std::string& folder() {
  struct Folder {
    std::string path = std::filesystem::temp_directory_path() / "hotrow_fuzz_XXXXXX";
    Folder() {
      if (mkdtemp(path.data()) == nullptr) std::abort();
    }
    ~Folder() { std::filesystem::remove_all(path); }
  };
  static const Folder made;
  return made.path;
}

}  // namespace hotrow::fuzz
