#include "data/criteo_line.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>

#include "kernels/core/check.h"
#include "tests/support/error_text.h"

namespace hotrow {
namespace {

CriteoLine line_of(std::string_view text) { return {"train.txt", 7, text}; }

std::string parse_error(std::string_view text, int64_t num_dense = 2, int64_t num_categorical = 2) {
  CriteoRow row(num_dense, num_categorical);
  return test::error_text<DataError>([&] { parse_criteo_line(row, line_of(text)); });
}

std::string hex_error(std::string_view value) {
  return test::error_text<DataError>([&] { parse_criteo_hex(value, line_of(value)); });
}

TEST(CriteoLine, ReadsEveryField) {
  CriteoRow row(3, 2);
  parse_criteo_line(row, line_of("1\t-3\t\t2147483647\t05db9164\tFFffFFff"));
  EXPECT_EQ(row.label, 1);
  EXPECT_EQ(row.dense, (std::vector<int32_t>{-3, 0, 2147483647}));
  EXPECT_EQ(row.dense_missing, (std::vector<uint8_t>{0, 1, 0}));
  EXPECT_EQ(row.categorical, (std::vector<std::string_view>{"05db9164", "FFffFFff"}));
  const CriteoLine line = line_of("");
  EXPECT_EQ(parse_criteo_hex(row.categorical[0], line), 0x05db9164u);
  EXPECT_EQ(parse_criteo_hex(row.categorical[1], line), std::numeric_limits<uint32_t>::max());
}

TEST(CriteoLine, AllMissingLineEndsAndReuse) {
  CriteoRow row;
  EXPECT_EQ(row.dense.size(), 13u);
  EXPECT_EQ(row.categorical.size(), 26u);
  std::string full = "1";
  for (int i = 0; i < 39; ++i) full += "\t12";
  parse_criteo_line(row, line_of(full));
  for (const char* end : {"", "\n", "\r\n"}) {
    const std::string text = "0" + std::string(39, '\t') + end;
    parse_criteo_line(row, line_of(text));
    EXPECT_EQ(row.label, 0);
    EXPECT_EQ(row.dense, std::vector<int32_t>(13, 0));
    EXPECT_EQ(row.dense_missing, std::vector<uint8_t>(13, 1));
    for (std::string_view field : row.categorical) EXPECT_EQ(field, "");
  }
  EXPECT_EQ(parse_criteo_hex(row.categorical[25], line_of("")), 0u);
}

TEST(CriteoLine, NoDenseOrNoCategorical) {
  CriteoRow row(0, 0);
  parse_criteo_line(row, line_of("1"));
  EXPECT_EQ(row.label, 1);
  EXPECT_THROW(CriteoRow(-1, 2), InvalidArgument);
}

TEST(CriteoLine, WrongNumberOfFields) {
  const std::string expected = ", expected 5 (a label, 2 integers, 2 categories)";
  EXPECT_EQ(parse_error("1\t2\t3\ta"),
            "[train.txt:7:8] wrong number of tab-separated fields: got 4" + expected);
  EXPECT_EQ(parse_error("1\n"),
            "[train.txt:7:2] wrong number of tab-separated fields: got 1" + expected);
  EXPECT_EQ(parse_error("1\t2\t3\ta\tb\tc\td"),
            "[train.txt:7:11] wrong number of tab-separated fields: got 7" + expected);
  EXPECT_EQ(parse_error("1\t2\t3\ta\tb\t"),
            "[train.txt:7:11] wrong number of tab-separated fields: got 6" + expected);
}

TEST(CriteoLine, WrongLabel) {
  EXPECT_EQ(parse_error("2\t\t\t\t"), "[train.txt:7:1] label: got '2', expected 0 or 1");
  EXPECT_EQ(parse_error("\t\t\t\t"), "[train.txt:7:1] label: got '', expected 0 or 1");
  EXPECT_EQ(parse_error("01\t\t\t\t"), "[train.txt:7:1] label: got '01', expected 0 or 1");
  EXPECT_EQ(parse_error("-1\t\t\t\t"), "[train.txt:7:1] label: got '-1', expected 0 or 1");
  EXPECT_EQ(parse_error(""), "[train.txt:7:1] label: got '', expected 0 or 1");
}

TEST(CriteoLine, WrongInteger) {
  const auto text = [](std::string_view column, std::string_view index, std::string_view got) {
    return fmt::format(
        "[train.txt:7:{}] integer field {}: got '{}', expected a 32-bit integer or nothing", column,
        index, got);
  };
  EXPECT_EQ(parse_error("0\t12x\t\t\t"), text("3", "1", "12x"));
  EXPECT_EQ(parse_error("0\t12\t1.5\t\t"), text("6", "2", "1.5"));
  EXPECT_EQ(parse_error("0\t\t nan\t\t"), text("4", "2", " nan"));
  EXPECT_EQ(parse_error("0\t-\t\t\t"), text("3", "1", "-"));
  EXPECT_EQ(parse_error("0\t2147483648\t\t\t"), text("3", "1", "2147483648"));
  EXPECT_EQ(parse_error("0\t-2147483649\t\t\t"), text("3", "1", "-2147483649"));
}

TEST(CriteoLine, WrongHex) {
  const auto text = [](std::string_view got) {
    return fmt::format(
        "[train.txt:7:1] categorical value: got {}, expected up to 8 hexadecimal digits", got);
  };
  EXPECT_EQ(hex_error("05db916g"), text("'05db916g'"));
  EXPECT_EQ(hex_error("005db9164"), text("'005db9164'"));
  EXPECT_EQ(hex_error("-1"), text("'-1'"));
  EXPECT_EQ(hex_error("@"), text("'@'"));  // next to 'A', and to '`' | 0x20
  EXPECT_EQ(hex_error("`"), text("'`'"));
  EXPECT_EQ(hex_error("a\x01\xff"), text("'a\\x01\\xff'"));
  EXPECT_EQ(hex_error(std::string(40, 'z')), text("'" + std::string(32, 'z') + "'..."));
}

TEST(CriteoLine, ColumnOfAFieldInsideTheLine) {
  const CriteoLine line = line_of("0\t5\t68fd1e64\tzz");
  CriteoRow row(1, 2);
  parse_criteo_line(row, line);
  EXPECT_EQ(criteo_position(line, row.categorical[0]), "train.txt:7:5");
  EXPECT_NE(test::error_text<DataError>([&] {
              parse_criteo_hex(row.categorical[1], line);
            }).find("[train.txt:7:14]"),
            std::string::npos);
}

}  // namespace
}  // namespace hotrow
