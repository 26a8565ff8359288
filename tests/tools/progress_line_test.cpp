#include "tools/cli/progress_line.h"

#include <gtest/gtest.h>

namespace hotrow::test {
namespace {

TEST(ProgressLine, Numbers) {
  EXPECT_EQ(short_number(950), "950");
  EXPECT_EQ(short_number(12345), "12.3 k");
  EXPECT_EQ(short_number(4.56e6), "4.56 M");
  EXPECT_EQ(short_number(7e12), "7e+03 G");
}

TEST(ProgressLine, SaysNothingWhereThereIsNoTerminal) {
  ::testing::internal::CaptureStderr();
  {
    ProgressLine line;
    line.show("converting", 0.5, 10, "rows");
    EXPECT_GE(line.seconds(), 0);
  }
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
}

}  // namespace
}  // namespace hotrow::test
