#include "tools/cli/progress_line.h"

#include <gtest/gtest.h>

#include <limits>
#include "model/report_text.h"

namespace hotrow::test {
namespace {

TEST(ProgressLine, Numbers) {
  EXPECT_EQ(with_commas(0), "0");
  EXPECT_EQ(with_commas(999), "999");
  EXPECT_EQ(with_commas(1000), "1,000");
  EXPECT_EQ(with_commas(-1234567), "-1,234,567");
  EXPECT_EQ(with_commas(-123), "-123");
  EXPECT_EQ(with_commas(std::numeric_limits<int64_t>::max()), "9,223,372,036,854,775,807");
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
