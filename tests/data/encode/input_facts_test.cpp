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

using InputFacts = test::FolderTest;

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

TEST_F(InputFacts, OfSeveralFilesAreAList) {
  write("b", "x");
  write("a", "xy");
  const auto facts = describe_inputs({path("b"), path("a")});
  ASSERT_EQ(facts.size(), 2u);
  EXPECT_EQ(facts[0], describe_input(path("b")));
  EXPECT_EQ(facts[1]["bytes"], 2);
  EXPECT_THROWS(DataError, "none] cannot be read", describe_inputs({path("a"), path("none")}));
}

}  // namespace
}  // namespace hotrow
