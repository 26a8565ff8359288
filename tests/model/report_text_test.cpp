#include "model/report_text.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

namespace hotrow {
namespace {

TEST(ReportText, Numbers) {
  EXPECT_EQ(with_commas(0), "0");
  EXPECT_EQ(with_commas(999), "999");
  EXPECT_EQ(with_commas(1000), "1,000");
  EXPECT_EQ(with_commas(-123), "-123");
  EXPECT_EQ(with_commas(-123456), "-123,456");
  EXPECT_EQ(with_commas(-1234567), "-1,234,567");
  EXPECT_EQ(with_commas(std::numeric_limits<int64_t>::max()), "9,223,372,036,854,775,807");
  EXPECT_EQ(with_commas(1234567), "1,234,567");
  EXPECT_EQ(human_bytes(1023), "1023 B");
  EXPECT_EQ(human_bytes(1024), "1.0 KiB");
  EXPECT_EQ(human_bytes((1 << 20) - 1), "1.0 MiB");
  EXPECT_EQ(human_bytes(int64_t{5} << 50), "5120.0 TiB");
  EXPECT_EQ(hours_minutes(0), "0:00");
  EXPECT_EQ(hours_minutes(59.6), "1:00");
  EXPECT_EQ(hours_minutes(3723.4), "1:02:03");
}

TEST(ReportText, PeakMemoryIsThatOfThisProcess) {
  const int64_t before = peak_memory_bytes();
  ASSERT_GT(before, 0);
  constexpr size_t kMore = size_t{64} << 20;
  std::vector<char> touched(kMore, 1);
  EXPECT_GE(peak_memory_bytes(), static_cast<int64_t>(kMore));
  EXPECT_EQ(touched[kMore - 1], 1);
}

TEST(ReportText, ATemporaryFileIsNoTerminal) {
  std::FILE* file = std::tmpfile();
  EXPECT_FALSE(is_terminal(file));
  std::fclose(file);
}

// Host and GPU work beside each other: one row for what the step takes.
TEST(ReportText, TimeTableOfAGpu) {
  const PhaseSeconds seconds{
      .data = 1, .forward = 0.5, .backward = 0.75, .update = 0.25, .on_gpu = true};
  EXPECT_EQ(time_table(seconds, 5),
            "  time               5.00 s\n"
            "    data wait        1.00 s   20.0 %\n"
            "    feed             0.00 s    0.0 %\n"
            "    GPU step         1.50 s   30.0 %\n"
            "    test             0.00 s    0.0 %\n"
            "    other            2.50 s   50.0 %\n");
}

}  // namespace
}  // namespace hotrow
