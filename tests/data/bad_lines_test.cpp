#include "data/bad_lines.h"

#include <gtest/gtest.h>

#include "data/raw_stream.h"
#include "data/text_source.h"
#include "kernels/core/parallel.h"
#include "tests/support/error_text.h"
#include "tests/support/expect_throws.h"
#include "tests/support/folder_test.h"

namespace hotrow::test {
namespace {

using OnError = ErrorPolicy::OnError;

std::vector<BadLine> three() {
  return {{2, LineFault::kFields, "[f:2:1] a"},
          {5, LineFault::kLabel, "[f:5:1] b"},
          {9, LineFault::kFields, "[f:9:1] c"}};
}

TEST(BadLines, StopThrowsTheFirst) {
  BadLines bad;
  bad.add({});
  EXPECT_EQ(error_text<DataError>([&] { bad.add(three()); }), "[f:2:1] a");
}

TEST(BadLines, SkipCountsUpToItsBound) {
  BadLines bad({OnError::kSkip, 3});
  EXPECT_EQ(bad.report(), "");
  bad.add(three());
  bad.finish();
  EXPECT_EQ(bad.total(), 3);
  EXPECT_EQ(bad.count(LineFault::kFields), 2);
  EXPECT_EQ(bad.report(),
            "3 bad lines: 2 wrong number of fields, 1 label; [f:2:1] a; [f:5:1] b; [f:9:1] c");
  EXPECT_THROWS(DataError, "[f:2:1] a (one of more than 3 bad lines", bad.add(three()));
  EXPECT_THROWS(InvalidArgument, "got -1, expected 0 or more", BadLines({OnError::kSkip, -1}));
}

TEST(BadLines, CountFailsAtTheEnd) {
  BadLines bad({OnError::kCount, 0});
  bad.finish();
  for (int i = 0; i < 3; ++i) bad.add(three());
  EXPECT_THROWS(DataError, "9 bad lines: 6 wrong number of fields, 3 label; [f:2:1] a",
                bad.finish());
  EXPECT_TRUE(bad.report().ends_with("; ..."));
}

class RawStreamTest : public FolderTest {
 protected:
  // Three pieces of text, in which some lines are bad.
  std::string file() const {
    std::string text;
    for (int i = 1; i <= 300'000; ++i) {
      text += i == 250'001 || i % 70'000 == 0 ? "x\t1\tab\n"
                                              : fmt::format("{}\t{}\t{:x}\n", i % 2, i, i);
    }
    return write("lines.tsv", text);
  }
};

// What a pass gives, to compare: rows, sum over lines of key * line, and the report.
std::string pass(RawStream& stream) {
  int64_t rows = 0;
  uint64_t sum = 0;
  RawRows block;
  try {
    while (stream.next(block)) {
      rows += block.rows;
      for (int64_t b = 0; b < block.rows; ++b) {
        const auto key = block.sparse[0].keys[static_cast<size_t>(b)];
        EXPECT_EQ(static_cast<int64_t>(key), block.line_of(b));
        sum += key * static_cast<uint64_t>(b + block.first_line);
      }
    }
  } catch (const DataError& error) {
    return error.what();
  }
  return fmt::format("{} {} {}", rows, sum, stream.bad().report());
}

TEST_F(RawStreamTest, TheSameForAnyNumberOfThreads) {
  TextSource source(criteo_text_schema(1, 1), {file()});
  const std::string path = source.files()[0];
  for (const ErrorPolicy& policy :
       {ErrorPolicy{}, ErrorPolicy{OnError::kSkip, 100}, ErrorPolicy{OnError::kSkip, 4}}) {
    std::string expected;
    for (int threads : {1, 2, 3, 8}) {
      set_num_threads(threads);
      RawStream stream(source, policy, threads);
      for (int round = 0; round < 2; ++round) {
        stream.rewind();
        const std::string got = pass(stream);
        if (expected.empty()) expected = got;
        EXPECT_EQ(got, expected) << threads;
      }
    }
    set_num_threads(1);
    if (policy.on_error == OnError::kStop) {
      EXPECT_EQ(expected, "[" + path + ":70000:1] label: got 'x', expected 0 or 1");
    } else if (policy.max_errors == 4) {
      EXPECT_TRUE(expected.starts_with(
          "[" + path + ":70000:1] label: got 'x', expected 0 or 1 (one of more than 4"));
    } else {
      EXPECT_TRUE(expected.starts_with("299995 "));
      EXPECT_NE(expected.find("5 bad lines: 5 label"), std::string::npos);
    }
  }
  EXPECT_THROWS(InvalidArgument, "pieces ahead: got 0", RawStream(source, {}, 0));
}

TEST_F(RawStreamTest, GivesTheRowsBeforeABadLine) {
  TextSource source(criteo_text_schema(1, 1, 2),
                    {write("a.tsv", "0\t1\t2|3\n1\t2\t3\n2\t\t\n0\t1\t5\n")});
  RawStream stream(source, {}, 3);
  RawRows rows;
  ASSERT_TRUE(stream.next(rows));
  EXPECT_EQ(rows.rows, 2);
  EXPECT_EQ(rows.labels, (std::vector<float>{0, 1}));
  EXPECT_EQ(rows.dense, (std::vector<double>{1, 2}));
  EXPECT_EQ(rows.sparse[0].keys, (std::vector<uint64_t>{2, 3, 3}));
  EXPECT_EQ(rows.sparse[0].offsets, (std::vector<int64_t>{0, 2, 3}));
  for (int i = 0; i < 2; ++i) EXPECT_THROWS(DataError, "a.tsv:3:1] label", stream.next(rows));
}

TEST_F(RawStreamTest, GivesTheRowsBeforeAFileThatEndsBadly) {
  write("a.tsv", "0\t1\t2\n1\t2\t3\n");
  TextSource source(criteo_text_schema(1, 1), {path("a.tsv"), path("missing.tsv")});
  RawStream stream(source, {}, 4);
  RawRows rows;
  EXPECT_TRUE(stream.next(rows));
  EXPECT_EQ(rows.rows, 2);
  for (int i = 0; i < 2; ++i) {
    EXPECT_THROWS(DataError, "missing.tsv] no such file", stream.next(rows));
  }
}

}  // namespace
}  // namespace hotrow::test
