// Text to and from files, and a fixture with a folder of its own.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

namespace hotrow::test {

inline void write_text(const std::string& path, std::string_view text) {
  std::ofstream(path, std::ios::binary) << text;
}

inline std::string read_text(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// A folder for each test, removed at its end.
class FolderTest : public ::testing::Test {
 protected:
  FolderTest() {
    const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
    std::string name = std::string("hotrow_") + test->test_suite_name() + "_" + test->name();
    for (char& c : name) c = c == '/' ? '_' : c;  // of a parametrised test
    folder_ = std::filesystem::path(::testing::TempDir()) / (name + std::to_string(::getpid()));
    std::filesystem::create_directories(folder_);
  }
  ~FolderTest() override { std::filesystem::remove_all(folder_); }

  // Of the folder itself without a name.
  std::string path(std::string_view name = {}) const {
    return (name.empty() ? folder_ : folder_ / name).string();
  }
  // Gives the path.
  std::string write(std::string_view name, std::string_view text) const {
    write_text(path(name), text);
    return path(name);
  }
  std::string read(std::string_view name) const { return read_text(path(name)); }
  int files() const {
    return static_cast<int>(std::distance(std::filesystem::directory_iterator(folder_), {}));
  }

 private:
  std::filesystem::path folder_;
};

}  // namespace hotrow::test
