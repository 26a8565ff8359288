#include "data/text_lines.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "data/short_fields.h"
#include "data/text_field.h"
#include "tests/support/instruction_sets.h"

namespace hotrow::text {
namespace {

// A line as (first byte, byte behind its last) of each field.
using Line = std::vector<std::pair<size_t, size_t>>;

// Said again as plainly as can be, without quotes.
std::vector<Line> cut_plainly(std::string_view text, char separator) {
  std::vector<Line> lines;
  for (size_t begin = 0; begin < text.size();) {
    const size_t newline = std::min(text.find('\n', begin), text.size());
    const size_t end = newline > begin && text[newline - 1] == '\r' ? newline - 1 : newline;
    Line& line = lines.emplace_back();
    size_t field = begin;
    for (size_t at = begin; at < end; ++at) {
      if (text[at] != separator) continue;
      line.emplace_back(field, at);
      field = at + 1;
    }
    line.emplace_back(field, end);
    begin = newline + 1;
  }
  return lines;
}

std::vector<Line> cut(std::string_view text, const LineShape& shape) {
  std::vector<Line> lines;
  LineBlock block(shape);
  for (size_t at = 0; at < text.size();) {
    at = block.take(text, at);
    EXPECT_TRUE(block.rows() == LineBlock::kMaxLines || at == text.size());
    for (size_t r = 0; r < block.rows(); ++r) {
      Line& line = lines.emplace_back();
      for (size_t f = 0; f < block.fields(r); ++f) {
        line.emplace_back(block.begin(r, f), block.end(r, f));
      }
      EXPECT_EQ(block.line_begin(r), line.front().first);
      EXPECT_EQ(block.line_end(r), line.back().second);
    }
  }
  return lines;
}

TEST(TextLines, AsCutPlainly) {
  test::for_each_instruction_set([] {
    std::mt19937 random(5);
    for (int i = 0; i < 2000; ++i) {
      // Long lines, short ones, and many that are empty; more than a block of them.
      std::string text(1 + random() % 700, 'x');
      const uint32_t kinds = i % 3 == 0 ? 3 : 3 + random() % 60;
      for (char& c : text) c = "\t\n\rxyz"[std::min<uint32_t>(random() % kinds, 5)];
      ASSERT_EQ(cut(text, {.num_columns = 4}), cut_plainly(text, '\t')) << text;
    }
    const std::string many(100000, '\t'), lines(100000, '\n');
    EXPECT_EQ(cut(many, {.num_columns = 2}), cut_plainly(many, '\t'));
    EXPECT_EQ(cut(lines, {.num_columns = 2}), cut_plainly(lines, '\t'));
  });
}

TEST(TextLines, QuotesAreHeeded) {
  const LineShape shape{.separator = ',', .quotes = true, .num_columns = 2};
  test::for_each_instruction_set([&] {
    std::string text;
    for (int i = 0; i < 50; ++i) text += std::string(static_cast<size_t>(i), 'a') + ",\"b,,b\"\n";
    const std::vector<Line> lines = cut(text, shape);
    ASSERT_EQ(lines.size(), 50u);
    for (size_t i = 0; i < 50; ++i) {
      ASSERT_EQ(lines[i].size(), 2u);
      EXPECT_EQ(text.substr(lines[i][1].first, lines[i][1].second - lines[i][1].first), "\"b,,b\"");
    }
    LineBlock block(shape);
    block.take(text + "c,d", 0);
    for (size_t r = 0; r < 51; ++r) EXPECT_EQ(block.quoted(r), r < 50);
  });
}

// Fields among good ones, in any lane, beside the loops for one field.
class ShortFieldsTest : public ::testing::Test {
 protected:
  static constexpr size_t kMost = ShortFields::kMost;

  void set(size_t i, const std::string& field) {
    text_[i] = "-9-9-9-9" + field + "\t";
    const char* const end = text_[i].data() + text_[i].size() - 1;
    fields_[i] = {end - field.size(), field.size()};
    std::memcpy(&short_.bytes[i], end - 8, 8);
    short_.sizes[i] = field.size();
  }

  // read(field, value) is the loop for one, read_all(count) that for many, same(i, value) compares.
  template <class Read, class ReadAll, class Same>
  void compare(const char* digits, const Read& read, const ReadAll& read_all, const Same& same) {
    std::mt19937 random(7);
    int good = 0;
    for (int round = 0; round < 20000; ++round) {
      const size_t count = 1 + random() % kMost;
      for (size_t i = 0; i < count; ++i) set(i, i % 3 == 0 ? "" : std::to_string(random() % 10000));
      std::string odd(random() % 9, '0');
      const size_t kinds = std::string_view(digits).size();
      for (char& c : odd) c = digits[random() % (random() % 9 == 0 ? kinds : kinds - 6)];
      set(random() % count, odd);
      bool all = true;
      std::array<int64_t, kMost> expected;
      for (size_t i = 0; i < count; ++i) all = read(fields_[i], expected[i]) && all;
      ASSERT_EQ(read_all(count), all) << odd;
      for (size_t i = 0; all && i < count; ++i) ASSERT_TRUE(same(i, expected[i])) << text_[i];
      good += all;
    }
    EXPECT_GT(good, 2000);
    EXPECT_LT(good, 19000);
  }

  std::array<std::string, kMost> text_;
  std::array<Field, kMost> fields_;
  ShortFields short_;
};

TEST_F(ShortFieldsTest, Hexadecimals) {
  test::for_each_instruction_set([this] {
    ShortFields::Words values;
    compare(
        "0123456789abcdefABCDEFgG/:@`", read_hex,
        [&](size_t count) { return read_hexadecimals(values, short_, count); },
        [&](size_t i, int64_t value) { return values[i] == static_cast<uint64_t>(value); });
  });
}

TEST_F(ShortFieldsTest, Decimals) {
  test::for_each_instruction_set([this] {
    std::array<double, kMost> values;
    const auto same = [&](size_t i, int64_t value) {
      if (fields_[i].size == 0) return std::isnan(values[i]);
      return values[i] == static_cast<double>(value) && std::signbit(values[i]) == (value < 0);
    };
    compare(
        "0123456789012345678901-/:; a", read_integer,
        [&](size_t count) { return read_decimals(values, short_, count); }, same);
    for (const auto& [field, value] : {std::pair("-0", 0), std::pair("-1234567", -1234567)}) {
      set(0, field);
      EXPECT_TRUE(read_decimals(values, short_, 1));
      EXPECT_TRUE(same(0, value)) << values[0];
    }
    set(0, "-");
    EXPECT_FALSE(read_decimals(values, short_, 1));
  });
}

}  // namespace
}  // namespace hotrow::text
