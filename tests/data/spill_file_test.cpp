#include "data/spill_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <span>
#include <vector>

#include "data/formats/segment_spill.h"
#include "kernels/core/check.h"
#include "tests/support/error_text.h"
#include "tests/support/folder_test.h"

namespace hotrow::test {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;

class SpillFileTest : public FolderTest {};

TEST_F(SpillFileTest, HoldsWhatIsWrittenAndLeavesNothing) {
  SpillFile file(path());
  const std::vector<int32_t> a = {1, 2, 3}, b = {4, 5};
  file.write(0, std::as_bytes(std::span(a)));
  file.write(100, std::as_bytes(std::span(b)));
  std::vector<int32_t> got(2);
  file.read(4, std::as_writable_bytes(std::span(got)));
  EXPECT_THAT(got, ElementsAre(2, 3));
  SpillFile moved(std::move(file));
  moved.read(100, std::as_writable_bytes(std::span(got)));
  EXPECT_THAT(got, ElementsAre(4, 5));
  EXPECT_EQ(files(), 0);  // it has no name at any time that another process could see for long
  EXPECT_THAT(
      error_text<DataError>([&] { moved.read(104, std::as_writable_bytes(std::span(got))); }),
      HasSubstr("a temporary file cannot be read"));
  EXPECT_THAT(error_text<DataError>([&] { SpillFile none(path("none")); }),
              EndsWith("expected a folder with room to write in"));
}

TEST_F(SpillFileTest, LiesWhereTmpdirSays) {
  const char* before = std::getenv("TMPDIR");
  const std::string kept = before == nullptr ? "" : before;
  setenv("TMPDIR", path("none").c_str(), 1);
  EXPECT_THAT(error_text<DataError>([] { SpillFile(); }),
              AllOf(HasSubstr("none] a temporary file cannot be made: got 'No such file or direc"),
                    HasSubstr("(the variable TMPDIR can name another)")));
  setenv("TMPDIR", path().c_str(), 1);
  SpillFile();
  if (before == nullptr) {
    unsetenv("TMPDIR");
  } else {
    setenv("TMPDIR", kept.c_str(), 1);
  }
}

TEST_F(SpillFileTest, SegmentsComeBackSampleAfterSample) {
  // Segments of 1, 2 and 1 words; more samples than a block has.
  SegmentSpill spill(path(), {1, 2, 1});
  constexpr int64_t kRows = 65536 + 3;
  for (uint32_t r = 0; r < kRows; ++r) {
    const std::vector<uint32_t> record = {r, 1000000 + r, 2000000 + r, 3000000 + r};
    spill.put(record);
  }
  EXPECT_EQ(spill.rows(), kRows);
  std::vector<uint32_t> words(6);
  spill.give(words, 1, 2 * 65535 - 1);
  EXPECT_THAT(words, ElementsAre(2065534, 1065535, 2065535, 1065536, 2065536, 1065537));
  words.resize(4);
  spill.give(words, 2, kRows - 4);
  EXPECT_THAT(words, ElementsAre(3065535, 3065536, 3065537, 3065538));
}

}  // namespace
}  // namespace hotrow::test
