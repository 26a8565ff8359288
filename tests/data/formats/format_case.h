// A format that can be written, as the parameter of a test.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <ostream>
#include <string>
#include <vector>

namespace hotrow::test {

struct FormatCase {
  const char* format;
  const char* name;  // of what is written
  bool multi_hot = false;
};

inline std::ostream& operator<<(std::ostream& out, const FormatCase& c) { return out << c.format; }

inline std::string name_of_case(const ::testing::TestParamInfo<FormatCase>& info) {
  std::string name = info.param.format;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

// Of all regular files below `folder`, from there on, sorted.
inline std::vector<std::filesystem::path> files_below(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file()) files.push_back(entry.path().lexically_relative(folder));
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace hotrow::test
