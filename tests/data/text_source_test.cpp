#include "data/text_source.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <sstream>

#include "data/line_marks.h"
#include "data/raw_stream.h"
#include "data/text_values.h"
#include "kernels/core/check.h"
#include "tests/data/criteo_lines.h"
#include "tests/data/gzip_files.h"
#include "tests/support/expect_throws.h"

namespace hotrow::test {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

// Rows of all pieces, one after the other.
struct All {
  std::vector<float> labels;
  std::vector<double> dense;
  std::vector<std::vector<std::vector<uint64_t>>> keys;  // by row, by column
  std::vector<std::string> bad;
};

All read_all(RawSource& source) {
  All all;
  source.rewind();
  source.collect_bad_lines(true);
  TextPiece piece;
  RawRows rows;
  for (int64_t index = 0; source.next_piece(piece); ++index) {
    EXPECT_EQ(piece.index, index);
    source.parse(rows, piece);
    EXPECT_EQ(rows.source, source.files()[piece.file]);
    all.labels.insert(all.labels.end(), rows.labels.begin(), rows.labels.end());
    all.dense.insert(all.dense.end(), rows.dense.begin(), rows.dense.end());
    for (int64_t b = 0; b < rows.rows; ++b) {
      auto& row = all.keys.emplace_back();
      for (const RawFeature& f : rows.sparse) {
        row.emplace_back(f.keys.begin() + f.offsets[b], f.keys.begin() + f.offsets[b + 1]);
      }
    }
    for (const BadLine& line : rows.bad) all.bad.push_back(line.text);
  }
  return all;
}

void expect_dense(const std::vector<double>& got, const std::vector<double>& expected) {
  ASSERT_EQ(got.size(), expected.size());
  for (size_t i = 0; i < got.size(); ++i) {
    EXPECT_TRUE(got[i] == expected[i] || (std::isnan(got[i]) && std::isnan(expected[i])))
        << i << ": " << got[i] << " " << expected[i];
  }
}

class TextSourceTest : public FolderTest {
 protected:
  All read(const TextSchema& schema, std::string_view text) const {
    TextSource source(schema, {write("data.txt", text)});
    return read_all(source);
  }
  All read(const std::string& yaml, std::string_view text) const {
    return read(parse_text_schema(yaml, "schema.yaml"), text);
  }
  // The text of the one bad line.
  std::string bad(const TextSchema& schema, std::string_view text) const {
    const All all = read(schema, text);
    EXPECT_EQ(all.bad.size(), 1u);
    const std::string start = "[" + path("data.txt") + ":";
    if (all.bad.empty()) return "none";
    EXPECT_TRUE(all.bad[0].starts_with(start)) << all.bad[0];
    return all.bad[0].substr(start.size());
  }
  std::string bad(const std::string& yaml, std::string_view text) const {
    return bad(parse_text_schema(yaml, "schema.yaml"), text);
  }
};

// Field by field with std::getline and std::stol.
All worked_out_apart(const std::string& text) {
  All all;
  std::stringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::stringstream fields(line + "\t");
    auto& row = all.keys.emplace_back();
    std::string field;
    for (int i = 0; std::getline(fields, field, '\t'); ++i) {
      if (i == 0) {
        all.labels.push_back(std::stof(field));
      } else if (i <= 13) {
        all.dense.push_back(field.empty() ? kNan : std::stod(field));
      } else {
        row.push_back({field.empty() ? 0 : std::stoull(field, nullptr, 16)});
      }
    }
  }
  return all;
}

// Several pieces, several files, gzip, CRLF and a last line without its end: the same rows.
TEST_F(TextSourceTest, CriteoLinesWorkedOutApart) {
  CriteoLines lines;
  const std::string a = lines.next(9000), b = lines.next(10);
  ASSERT_GT(a.size(), 2 * TextSource::kPieceBytes);
  std::string crlf;
  for (char c : a) crlf += c == '\n' ? "\r\n" : std::string(1, c);
  const All expected = worked_out_apart(a + b);
  const std::string b_cut = b.substr(0, b.size() - 1);
  for (const std::string& first : {a, crlf, gzip(a)}) {
    TextSource source(criteo_text_schema(), {write("a.tsv", first), write("b.tsv", b_cut)});
    EXPECT_TRUE(source.fraction() < 1);
    const All got = read_all(source);
    EXPECT_EQ(source.fraction(), 1);
    EXPECT_TRUE(got.bad.empty());
    EXPECT_EQ(got.labels, expected.labels);
    expect_dense(got.dense, expected.dense);
    EXPECT_EQ(got.keys, expected.keys);
    EXPECT_EQ(read_all(source).keys, expected.keys);  // again
  }
}

TEST_F(TextSourceTest, PiecesAreWholeLinesInOrder) {
  const std::string text = CriteoLines().next(12000);
  TextSource source(criteo_text_schema(), {write("a.tsv", text)});
  std::string joined;
  int64_t line = 1;
  TextPiece piece;
  while (source.next_piece(piece)) {
    EXPECT_EQ(piece.first_line, line);
    EXPECT_LE(piece.text.size(), TextSource::kPieceBytes);
    EXPECT_EQ(piece.text.back(), '\n');
    line += std::count(piece.text.begin(), piece.text.end(), '\n');
    joined.append(piece.text.begin(), piece.text.end());
  }
  EXPECT_EQ(joined, text);
}

TEST(TextLines, CountsNewlines) {
  for (size_t size : {0, 1, 7, 8, 9, 100, 2039, 2040, 2041, 5000}) {
    EXPECT_EQ(text::count_newlines(std::string(size, '\n')), static_cast<int64_t>(size));
    EXPECT_EQ(text::count_newlines(std::string(size, '\x0b')), 0);
  }
  const std::string text = CriteoLines().next(100);
  for (size_t size = 0; size < text.size(); size += 13) {
    const std::string_view part(text.data(), size);
    EXPECT_EQ(text::count_newlines(part), std::count(part.begin(), part.end(), '\n'));
  }
}

TEST_F(TextSourceTest, NumbersOfEveryLength) {
  const std::string yaml =
      "separator: tab\nlabel: 1\nnumerical: [{columns: 2, type: int}, 3]\n"
      "categorical: [{columns: 4, type: int}, {columns: 5, type: hex}]\n";
  const All all = read(yaml,
                       "0\t1\t2\t3\t4\n"  // where fewer than 8 bytes stand before a field
                       "1\t-99999999\t1e-3\t123456789012\tFfFfFfFf\n"
                       "0\t9007199254740992\t\t-5\t0\n"
                       "1\t\t-0.25\t\t\n"
                       "0\t00000012\t100000000000000000000\t-9223372036854775808\ta");
  EXPECT_TRUE(all.bad.empty());
  EXPECT_EQ(all.labels, (std::vector<float>{0, 1, 0, 1, 0}));
  expect_dense(all.dense, {1, 2, -99999999, 1e-3, 9007199254740992.0, kNan, kNan, -0.25, 12, 1e20});
  EXPECT_EQ(all.keys[1][0][0], 123456789012u);
  EXPECT_EQ(static_cast<int64_t>(all.keys[2][0][0]), -5);
  EXPECT_EQ(all.keys[3][0][0], 0u);
  EXPECT_EQ(static_cast<int64_t>(all.keys[4][0][0]), std::numeric_limits<int64_t>::min());
  EXPECT_EQ(all.keys[1][1][0], 0xffffffffu);
  EXPECT_EQ(all.keys[4][1][0], 10u);
}

TEST_F(TextSourceTest, QuotesAndHeader) {
  const std::string yaml =
      "header: true\nlabel: {column: \"a \\\"label\\\"\", equals: \"yes, sir\"}\n"
      "numerical: [price]\ncategorical: [title]\n";
  const All all = read(yaml,
                       "\xef\xbb\xbf\"title\",price,\"a \"\"label\"\"\"\r\n"
                       "\"one, two\",\"1.5\",\"yes, sir\"\r\n"
                       "plain,,no\r\n"
                       "\"say \"\"so\"\"\",2,\"\"\n"
                       "\"\",3,no\n");
  EXPECT_TRUE(all.bad.empty());
  EXPECT_EQ(all.labels, (std::vector<float>{1, 0, 0, 0}));
  expect_dense(all.dense, {1.5, kNan, 2, 3});
  using text::key_of_text;
  EXPECT_EQ(all.keys[0][0][0], key_of_text("one, two"));
  EXPECT_EQ(all.keys[1][0][0], key_of_text("plain"));
  EXPECT_EQ(all.keys[2][0][0], key_of_text("say \"so\""));
  EXPECT_EQ(all.keys[3][0][0], 0u);
}

TEST_F(TextSourceTest, ListsAndMissingWords) {
  const std::string yaml =
      "columns: [y, tags, c, x, skip]\nmissing: [\"NULL\"]\nlabel: {column: y, at_least: 4}\n"
      "numerical: [x]\ncategorical: [{columns: tags, type: int, list: \"|\", max_values: 3}, c]\n";
  const All all = read(yaml, "4,1|2|1,NULL,NULL,\n3.9,,b,1,\n5,NULL,NULL,2,\n0,7|NULL,b,,\"x\n");
  EXPECT_TRUE(all.bad.empty());
  EXPECT_EQ(all.labels, (std::vector<float>{1, 0, 1, 0}));
  expect_dense(all.dense, {kNan, 1, 2, kNan});
  using Lists = std::vector<std::vector<uint64_t>>;
  EXPECT_EQ(all.keys[0], (Lists{{1, 2, 1}, {0}}));
  EXPECT_EQ(all.keys[1], (Lists{{}, {text::key_of_text("b")}}));
  EXPECT_EQ(all.keys[2], (Lists{{}, {0}}));
  EXPECT_EQ(all.keys[3][0], (std::vector<uint64_t>{7, 0}));
}

// A word for a missing value that could be a value.
TEST_F(TextSourceTest, AMissingWordThatLooksLikeAValue) {
  const All all =
      read("separator: tab\nmissing: [\"-1\"]\nlabel: 1\nnumerical: [{columns: 2, type: int}]\n",
           "0\t-1\n0\t-12\n0\t1\n0\t-1\n");
  expect_dense(all.dense, {kNan, -12, 1, kNan});
}

TEST_F(TextSourceTest, CriteoListsTakeNothingForZero) {
  const All all = read(criteo_text_schema(1, 2, 3), "0\t\ta|b|a\t\n1\t5\tff\t1|2\n");
  using Lists = std::vector<std::vector<uint64_t>>;
  EXPECT_EQ(all.keys[0], (Lists{{10, 11, 10}, {0}}));
  EXPECT_EQ(all.keys[1], (Lists{{255}, {1, 2}}));
}

TEST_F(TextSourceTest, BadLinesOfCriteo) {
  const TextSchema two = criteo_text_schema(2, 2, 4);
  const std::string good = "0\t1\t2\ta\tb\n";
  EXPECT_EQ(bad(two, good + "1\t2\t3\ta\n"), "2:8] wrong number of fields: got 4, expected 5");
  EXPECT_EQ(bad(two, good + "1\t2\t3\ta\tb\tc\td\n" + good),
            "2:11] wrong number of fields: got 7, expected 5");
  EXPECT_EQ(bad(two, good + "\n"), "2:1] wrong number of fields: got 1, expected 5");
  EXPECT_EQ(bad(two, good + "01\t\t\t\t\n"), "2:1] label: got '01', expected 0 or 1");
  EXPECT_EQ(bad(two, good + "/\t\t\t\t\n"), "2:1] label: got '/', expected 0 or 1");
  EXPECT_EQ(bad(two, good + "\t\t\t\t\n"), "2:1] label: got '', expected 0 or 1");
  for (const char* word : {"12x", "-", "1.5", " 3", "+4", "2147483648", "-2147483649", "--1"}) {
    EXPECT_EQ(bad(two, good + "1\t" + word + "\t\t\t\n"),
              fmt::format("2:3] I1: got '{}', expected a 32-bit integer or nothing", word));
  }
  for (const char* word : {"05db916g", "005db9164", "-1", "@", "`"}) {
    EXPECT_EQ(bad(criteo_text_schema(2, 2), good + "1\t12\t\t1\t" + word + "\n"),
              fmt::format("2:9] C2: got '{}', expected up to 8 hexadecimal digits", word));
  }
  EXPECT_EQ(bad(two, good + "1\t2\t3\ta|b|c|d|e\tf\n"),
            "2:15] C1: got more than 4 values, expected at most that many (max_values of the "
            "schema, or --max-ids-per-field, raises the limit)");
  for (const char* word : {"a||b", "a|", "|a"}) {
    EXPECT_NE(bad(two, good + "1\t2\t3\t" + word + "\tf\n").find("C1: got nothing beside a '|'"),
              std::string::npos);
  }
  EXPECT_EQ(bad(two, good + "1\t2\t3\ta|xy\t\n"),
            "2:9] C1: got 'xy', expected up to 8 hexadecimal digits");
}

TEST_F(TextSourceTest, ThrowsTheFirstBadLineUnlessTheyAreCollected) {
  TextSource source(criteo_text_schema(1, 1), {write("a.tsv", "0\t1\t2\n3\n4\n")});
  TextPiece piece;
  RawRows rows;
  ASSERT_TRUE(source.next_piece(piece));
  EXPECT_THROWS(DataError, "a.tsv:2:2] wrong number of fields", source.parse(rows, piece));
}

TEST_F(TextSourceTest, BadLinesOfOthers) {
  const std::string yaml =
      "label: {column: 1, at_least: 4}\nnumerical: [2, {columns: 3, type: int}]\n"
      "categorical: [{columns: 4, type: int}, {columns: 5, type: hex, cardinality: 16}, 6]\n";
  const std::string good = "3,0.5,7,8,f,text\n";
  EXPECT_EQ(bad(yaml, good + "x,0.5,7,8,f,\n"), "2:1] column1: got 'x', expected a number");
  EXPECT_EQ(bad(yaml, good + "nan,0.5,7,8,f,\n"), "2:1] column1: got 'nan', expected a number");
  EXPECT_EQ(bad(yaml, good + "3,inf,7,8,f,\n"),
            "2:3] column2: got 'inf', expected a finite number or nothing");
  EXPECT_EQ(bad(yaml, good + "3,1,9007199254740993,8,f,\n"),
            "2:5] column3: got '9007199254740993', expected an integer of at most 2^53 or nothing");
  EXPECT_EQ(bad(yaml, good + "3,1,1,9223372036854775808,f,\n"),
            "2:7] column4: got '9223372036854775808', expected a 64-bit integer");
  EXPECT_EQ(bad(yaml, good + "3,1,1,8,10,\n"),
            "2:9] column5: got '10', expected an id of at least 0 and below the cardinality 16");
  EXPECT_EQ(bad(yaml, good + "3,1,1,8,f,\"open\n" + good),
            "2:16] quotes: got '', expected a quote that ends the field, on its line");
  EXPECT_EQ(
      bad(yaml, good + "3,1,1,8,f,\"a\"b\n"),
      "2:14] quotes: got 'b', expected the end of the field behind its quote, or a second quote");
  EXPECT_EQ(
      bad(yaml, good + "3,1,1,8,f,a\"b\n"),
      "2:12] quotes: got '\"b', expected quotes around the whole field, and two for one inside");
}

// Read by the loop over a column where there is room around a field, else by the careful one.
TEST_F(TextSourceTest, LabelsThatAreNumbers) {
  const std::string yaml = "label: {column: 2, type: float}\ncategorical: [1]\n";
  const std::string lines = "a,-2.5\nbbbbbbbbbb,4\nc,\"1e3\"\ncccccccccccc,3.4e38\nd,0";
  EXPECT_EQ(read(yaml, lines).labels, (std::vector<float>{-2.5f, 4, 1000, 3.4e38f, 0}));
  for (const char* wrong : {"", "x", "nan", "-inf", "1e39"}) {
    EXPECT_EQ(bad(yaml, fmt::format("aaaaaaaaaa,1\nbbbbbbbbbb,{}\ncccccccccc,1\n", wrong)),
              fmt::format("2:12] column2: got '{}', expected a number that float32 holds", wrong));
  }
}

// What is left around bad lines is what it would be without them.
TEST_F(TextSourceTest, BadLinesLeaveTheRestAlone) {
  CriteoLines lines;
  std::string good, mixed;
  int64_t count = 0;
  for (int i = 0; i < 6000; ++i) {
    const std::string line = lines.next();
    good += line;
    if (i % 11 == 3) mixed += "nonsense\n", ++count;
    if (i % 701 == 5) mixed += "2" + line.substr(1), ++count;
    if (i % 301 == 7) mixed += line.substr(0, line.size() - 1) + "|x\n", ++count;
    mixed += line;
  }
  for (int64_t max_values : {1, 5}) {
    const All expected = read(criteo_text_schema(13, 26, max_values), good);
    const All got = read(criteo_text_schema(13, 26, max_values), mixed);
    EXPECT_EQ(expected.labels.size(), 6000u);
    EXPECT_EQ(std::ssize(got.bad), count);
    EXPECT_EQ(got.labels, expected.labels);
    expect_dense(got.dense, expected.dense);
    EXPECT_EQ(got.keys, expected.keys);
  }
}

TEST_F(TextSourceTest, FilesThatCannotBeRead) {
  const TextSchema one = criteo_text_schema(1, 1);
  const auto drain = [&](const std::string& text) {
    TextSource source(one, {write("data.txt", text)});
    return read_all(source).labels.size();
  };
  EXPECT_THROWS(InvalidArgument, "[text] files: got none", TextSource(one, {}));
  const std::string endless(TextSource::kPieceBytes, 'x');
  EXPECT_THROWS(DataError, "data.txt:1:1] the line is too long: got 1048576 bytes",
                drain(endless + "y"));
  EXPECT_THROWS(DataError, "data.txt:2:1] the line is too long",
                drain("0\t1\t2\n" + endless + "y\n"));
  const std::string cut = gzip(CriteoLines().next(3));
  EXPECT_THROWS(DataError, "the gzip data is cut short", drain(cut.substr(0, cut.size() / 2)));
  EXPECT_EQ(drain("0\t1\t2"), 1u);
}

TEST_F(TextSourceTest, HeadersThatDoNotFit) {
  const auto open = [&](const std::string& yaml, const std::string& a, const std::string& b = "") {
    std::vector<std::string> files = {write("a.csv", a)};
    if (!b.empty()) files.push_back(write("b.csv", b));
    TextSource source(parse_text_schema(yaml, "s.yaml"), files);
    return read_all(source).labels.size();
  };
  const std::string yaml = "header: true\nlabel: y\ncategorical: [c]\n";
  EXPECT_EQ(open(yaml, "c,y\n1,1\n", "c,y\r\n2,0\n"), 2u);
  EXPECT_EQ(open(yaml, "c,y"), 0u);
  EXPECT_THROWS(DataError,
                "a.csv:1:1] no column 'y': got a header of c, z, expected it there (s.yaml:2:8)",
                open(yaml, "c,z\n"));
  EXPECT_THROWS(DataError, "a.csv:1:1] column 'c' is not one: got a header with two",
                open(yaml, "c,y,c\n"));
  EXPECT_THROWS(DataError, "b.csv:1:1] another header than that of",
                open(yaml, "c,y\n1,1\n", "y,c\n1,1\n"));
  EXPECT_THROWS(DataError, "a.csv:1:1] too few columns: got 2, expected at least 3 (s.yaml:2:15)",
                open("label: 1\ncategorical: [3]\n", "1,2\n"));
  EXPECT_THROWS(DataError, "[s.yaml:3:15] repeated column: got 'column2' again",
                open("header: true\nlabel: y\ncategorical: [2]\n", "c,y\n"));
}

}  // namespace
}  // namespace hotrow::test
