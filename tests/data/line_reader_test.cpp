#include "data/line_reader.h"

#include <fmt/ranges.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <string>
#include <vector>

#include "kernels/core/check.h"
#include "tests/data/criteo_lines.h"
#include "tests/data/gzip_files.h"

namespace hotrow::test {
namespace {

class LineReaderTest : public FolderTest {
 protected:
  std::string file_with(std::string_view text) const {
    write_text(path("lines"), text);
    return path("lines");
  }
  // The DataError of opening a file with this content and reading it to its end.
  std::string error_of(std::string_view text) const {
    return error_text<DataError>([&] { all_lines(LineReader(file_with(text))); });
  }
  static std::vector<std::string> all_lines(LineReader&& reader) {
    std::vector<std::string> lines;
    for (std::string_view line; reader.next(line);) {
      lines.emplace_back(line);
      EXPECT_EQ(reader.line_number(), static_cast<int64_t>(lines.size()));
    }
    return lines;
  }
};

void expect_has(const std::string& text, const std::string& part) {
  EXPECT_NE(text.find(part), std::string::npos) << text << "\nlacks\n" << part;
}

TEST_F(LineReaderTest, EndsOfLines) {
  const std::vector<std::string> expected = {"a", "", "b\rc", "d"};
  EXPECT_EQ(all_lines(LineReader(file_with("a\n\nb\rc\r\nd\n"))), expected);
  EXPECT_EQ(all_lines(LineReader(file_with("a\r\n\r\nb\rc\nd"))), expected);
  EXPECT_EQ(all_lines(LineReader(file_with("\n"))), std::vector<std::string>{""});
}

// Lines of many lengths in more bytes than the buffer holds, the longest allowed one among them.
TEST_F(LineReaderTest, ManyBuffersPlainAndGzip) {
  std::vector<std::string> expected;
  std::string text;
  for (size_t i = 0; i < 3000; ++i) {
    const size_t length = i == 1500 ? LineReader::kMaxLine - 1 : i * 7919 % 2003;
    expected.emplace_back(length, static_cast<char>('a' + i % 26));
    text += expected.back() + "\n";
  }
  ASSERT_GT(text.size(), 3 * LineReader::kMaxLine);
  EXPECT_EQ(all_lines(LineReader(file_with(text))), expected);
  EXPECT_EQ(all_lines(LineReader(file_with(gzip(text)))), expected);
  const std::string members = gzip(text.substr(0, 777)) + gzip(text.substr(777));
  EXPECT_EQ(all_lines(LineReader(file_with(members))), expected);
}

// The '\n' of the second line is the first byte of a refill.
TEST_F(LineReaderTest, LinesThatEndWhereTheBufferEnds) {
  const std::vector<std::string> expected = {std::string(LineReader::kMaxLine - 10, 'x'),
                                             std::string(9, 'y'),
                                             std::string(LineReader::kMaxLine - 1, 'z'), ""};
  EXPECT_EQ(all_lines(LineReader(file_with(fmt::format("{}\n", fmt::join(expected, "\n"))))),
            expected);
}

TEST_F(LineReaderTest, RewindAndFraction) {
  for (const std::string& content : {std::string("one\ntwo\n"), gzip("one\ntwo\n")}) {
    LineReader reader(file_with(content));
    std::string_view line;
    ASSERT_TRUE(reader.next(line));
    reader.rewind();
    EXPECT_EQ(reader.line_number(), 0);
    ASSERT_TRUE(reader.next(line));
    EXPECT_EQ(line, "one");
    ASSERT_TRUE(reader.next(line));
    EXPECT_FALSE(reader.next(line));
    EXPECT_EQ(reader.fraction(), 1.0);
    reader.rewind();
    ASSERT_TRUE(reader.next(line));
    EXPECT_EQ(line, "one");
  }
}

TEST_F(LineReaderTest, RefusesWhatIsNoTextFile) {
  const auto open = [](const std::string& file) {
    return error_text<DataError>([&] { LineReader reader(file); });
  };
  expect_has(open(path("absent")), "absent] no such file");
  expect_has(open(path("")), "not a regular file: got a folder, pipe or device");
  expect_has(error_of(""), "lines] the file is empty: got 0 bytes, expected lines of text");
  expect_has(error_of(gzip("")), "the file is empty");
  expect_has(error_of("PK\x03\x04 and more"), "not a text file: got a zip archive");
  expect_has(error_of("\xfd"
                      "7zXZ"),
             "got xz data");
  expect_has(error_of("\x28\xb5\x2f\xfd"
                      "data"),
             "got zstd data");
  expect_has(error_of("BZh91AY"), "got bzip2 data");
  expect_has(error_of(std::string_view("0\t1\0\n", 5)), "got a NUL byte at byte 4");
}

TEST_F(LineReaderTest, RefusesALineThatDoesNotFit) {
  const std::string text = "short\n" + std::string(LineReader::kMaxLine, 'x');
  expect_has(error_of(text), "lines:2:1] the line is too long: got 1048576 bytes or more");
}

// While it lives, this process can open no file.
class NoMoreFiles {
 public:
  NoMoreFiles() {
    EXPECT_EQ(getrlimit(RLIMIT_NOFILE, &old_), 0);
    const rlimit none{0, old_.rlim_max};
    EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  }
  ~NoMoreFiles() { EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &old_), 0); }

 private:
  rlimit old_{};
};

TEST_F(LineReaderTest, NamesTheReasonWhenAFileCannotBeOpened) {
  const std::string file = file_with("text\n");
  // A sanitizer opens files to look at a type that it meets for the first time.
  expect_has(error_text<DataError>([&] { LineReader reader(path("none")); }), "no such file");
  const std::string text = error_text<DataError>([&] {
    const NoMoreFiles limit;
    LineReader reader(file);
  });
  expect_has(text, "lines] cannot be opened: got 'Too many open files'");
}

// Whatever is cut off, the end of the pass is an error, and no line comes that was not there.
TEST_F(LineReaderTest, GzipCutShortAnywhere) {
  const std::string text = CriteoLines().next(3);
  const std::string whole = gzip(text);
  for (size_t size = 3; size < whole.size(); ++size) {
    const std::string error = error_text<DataError>([&] {
      LineReader reader(file_with(whole.substr(0, size)));
      for (std::string_view line; reader.next(line);) {
        EXPECT_NE(text.find(std::string(line) + "\n"), std::string::npos);
      }
    });
    expect_has(error, "the gzip data is cut short");
  }
}

TEST_F(LineReaderTest, DamagedGzip) {
  std::string bytes = gzip("one\ntwo\n");
  bytes[bytes.size() - 6] ^= 1;  // in the checksum
  LineReader reader(file_with(bytes));
  std::string_view line;
  expect_has(error_text<DataError>([&] { reader.next(line); }),
             "lines:1:1] the file cannot be read on: got 'incorrect data check', expected");
  reader.rewind();  // the next pass meets the damage where this one did
  expect_has(error_text<DataError>([&] { reader.next(line); }), "lines:1:1] the file cannot be");
}

TEST_F(LineReaderTest, ReportsProgressAndStopsWhereItThrows) {
  std::string text;
  for (int i = 0; i < 300'000; ++i) text += "0123456789\n";  // three buffers and a part
  std::vector<double> seen;
  LineReader reader(file_with(text), [&](double fraction) { seen.push_back(fraction); });
  EXPECT_TRUE(seen.empty());
  std::string_view line;
  while (reader.next(line)) continue;
  ASSERT_EQ(seen.size(), 3);
  EXPECT_TRUE(0 < seen[0] && seen[0] < seen[1] && seen[1] < seen[2] && seen[2] <= 1);

  LineReader stopped(file_with(text), [](double) { throw DataError("stop"); });
  EXPECT_EQ(error_text<DataError>([&] {
              while (stopped.next(line)) continue;
            }),
            "stop");
}

}  // namespace
}  // namespace hotrow::test
