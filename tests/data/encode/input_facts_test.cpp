#include "data/encode/input_facts.h"

#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "kernels/core/check.h"
#include "tests/support/expect_throws.h"
#include "tests/support/folder_test.h"

namespace hotrow {
namespace {

namespace fs = std::filesystem;

class InputFacts : public test::FolderTest {
 protected:
  // Names of the files, from the folder on.
  std::vector<std::string> names(const std::string& in, const std::string& out) const {
    std::vector<std::string> names;
    for (const auto& file : describe_data_set(path(in), path(out))) {
      names.push_back(
          fs::path(file["path"].get<std::string>()).lexically_relative(path()).string());
    }
    return names;
  }
};

TEST_F(InputFacts, ChangeWithTheFile) {
  write("a", "1234");
  const auto facts = describe_input(path("a"));
  EXPECT_EQ(facts["bytes"], 4);
  EXPECT_EQ(describe_input(path("./a")), facts);
  const auto time = fs::last_write_time(path("a"));
  fs::last_write_time(path("a"), time + std::chrono::seconds(1));
  EXPECT_NE(describe_input(path("a")), facts);
  write("a", "12345");
  fs::last_write_time(path("a"), time);
  EXPECT_NE(describe_input(path("a")), facts);
  EXPECT_THROWS(DataError, "none] cannot be read", describe_input(path("none")));
  EXPECT_THROWS(DataError, "expected a regular file", describe_input(path()));
}

TEST_F(InputFacts, OfADataSetAreThoseOfItsFiles) {
  fs::create_directories(path("set/train"));
  fs::create_directories(path("set/out.hotrow.convert"));
  for (const char* name : {"set/b", "set/train/a", "set/out.hotrow", "set/out.hotrow.convert/data",
                           "day_train.bin", "day_test.bin", "other"}) {
    write(name, "x");
  }
  using Names = std::vector<std::string>;
  EXPECT_EQ(names("set", "set/out.hotrow"), (Names{"set/b", "set/train/a"}));
  EXPECT_EQ(names("set/", "se").size(), 4u) << "a name that begins alike is another's";
  EXPECT_EQ(names("day", "out"), (Names{"day_test.bin", "day_train.bin"}));
  EXPECT_EQ(names("other", "other.hotrow"), (Names{"other"}));
  EXPECT_EQ(names("none", "out"), Names{});
}

}  // namespace
}  // namespace hotrow
