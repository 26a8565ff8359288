// The expected bits come from facebookresearch/dlrm on the distribution files below; see
// synthetic_test.cpp.
#include "data/trace.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "kernels/core/check.h"
#include "tests/data/batch_digest.h"
#include "tests/support/folder_test.h"

namespace hotrow {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class TraceTest : public test::FolderTest {
 protected:
  TraceTest() {
    std::filesystem::create_directory(path("j"));  // the "j" of the folder must stay a "j"
    write("j/emb_0.log",
          "7, 2, 11, 3, 5, 19, 0, 13, 17, 23\n0, 1, 2, 4, 7, 9\n0.3, 0.45, 0.6, 0.75, 0.9, 1.0\n");
    write("j/emb_1.log", "9, 4, 1, 3, 8\n0, 1, 2\n0.25, 0.5, 1.0\n");
    write("j/emb_2.log", "2\r\n0,1\r\n0.5 , 1");
  }
  SyntheticConfig config(std::vector<int64_t> rows, int64_t ids) const {
    SyntheticConfig c;
    c.num_dense = 4;
    c.table_rows = std::move(rows);
    c.data_size = 60;
    c.batch_size = 7;
    c.max_ids_per_bag = ids;
    return c;
  }
  void expect_pass(const SyntheticConfig& c, bool padding, uint64_t digest, double next) const {
    NumpyRandom stream(1);
    const auto reader = make_trace_reader(c, {path("j/emb_j.log"), padding, nullptr}, stream);
    EXPECT_EQ(digest_of_pass(*reader), digest);
    EXPECT_EQ(stream.uniform(), next);
  }
};

TEST_F(TraceTest, Passes) {
  expect_pass(config({24, 10, 3}, 10), false, 0xe34c1538ec036109u, 0x1.504bb2d913200p-3);
  expect_pass(config({24, 10, 3}, 10), true, 0xd18868bc492b6eb0u, 0x1.504bb2d913200p-3);
  expect_pass(config({6, 2, 2}, 12), true, 0x80dd0321d94fcbf6u, 0x1.59cf34f33825fp-1);
  SyntheticConfig fixed = config({24, 10, 3}, 25);
  fixed.fixed_ids_per_bag = true;
  expect_pass(fixed, false, 0x12284f4fddbeef36u, 0x1.9d5cd47fc6840p-4);
}

TEST_F(TraceTest, FirstBatchAndModulo) {
  SyntheticConfig c = config({6, 2, 2}, 12);
  c.data_size = 4;
  c.batch_size = 2;
  std::vector<std::string> warnings;
  NumpyRandom stream(1);
  const auto reader = make_trace_reader(
      c, {path("j/emb_j.log"), false, [&](std::string_view text) { warnings.emplace_back(text); }},
      stream);
  Batch batch;
  ASSERT_TRUE(reader->next(batch));
  EXPECT_THAT(batch.sparse[0].offsets, ElementsAre(0, 2, 4));
  EXPECT_THAT(batch.sparse[0].ids, ElementsAre(2, 1, 2, 1));
  EXPECT_THAT(batch.sparse[1].offsets, ElementsAre(0, 1, 2));
  EXPECT_THAT(batch.sparse[1].ids, ElementsAre(1, 1));
  EXPECT_THAT(batch.sparse[2].offsets, ElementsAre(0, 1, 2));
  EXPECT_THAT(batch.sparse[2].ids, ElementsAre(0, 0));
  ASSERT_TRUE(reader->next(batch));
  ASSERT_EQ(warnings.size(), 3u);  // one a table
  EXPECT_THAT(warnings[0], HasSubstr("WARNING: the trace of table 0 has id "));
  EXPECT_THAT(warnings[2], HasSubstr("table 2 has id 2, but the table has 2 rows"));
}

TEST_F(TraceTest, OneFileForAllTables) {
  NumpyRandom stream(1);
  const auto reader =
      make_trace_reader(config({24, 24}, 3), {path("j/emb_0.log"), false, nullptr}, stream);
  Batch batch;
  ASSERT_TRUE(reader->next(batch));
  EXPECT_EQ(batch.rows, 7);
}

TEST_F(TraceTest, DistributionFile) {
  const TraceDistribution trace = read_trace_distribution(path("j/emb_2.log"));
  EXPECT_THAT(trace.ids, ElementsAre(2));
  EXPECT_THAT(trace.distances, ElementsAre(0, 1));
  EXPECT_THAT(trace.probabilities, ElementsAre(0.5, 1.0));
}

TEST_F(TraceTest, BadFiles) {
  const auto error = [&](const std::string& text) -> std::string {
    write("x.log", text);
    try {
      read_trace_distribution(path("x.log"));
    } catch (const DataError& e) {
      return e.what();
    }
    return "(nothing was thrown)";
  };
  EXPECT_THAT(error(""), HasSubstr("x.log] the file is empty"));
  EXPECT_THAT(error("1, 2\n"),
              HasSubstr("cut short: got 1 lines, expected line 2 with the stack distances"));
  EXPECT_THAT(error("1, 2\n0, 1\n"), HasSubstr("got 2 lines, expected line 3"));
  EXPECT_THAT(error("1, x, 2\n0\n1\n"),
              HasSubstr("x.log:1:4] bad trace distribution: got \"x\", expected the unique ids"));
  EXPECT_THAT(error("1, 2 3\n0\n1\n"), HasSubstr("x.log:1:4]"));
  EXPECT_THAT(error("1,\n0\n1\n"), HasSubstr("x.log:1:3] bad trace distribution: got \"\""));
  EXPECT_THAT(error("1, 2\n\n1\n"), HasSubstr("x.log:2:1]"));
  EXPECT_THAT(error("1, -2\n0\n1\n"), HasSubstr("x.log:1:4] bad trace distribution: got -2"));
  EXPECT_THAT(error("1, 99999999999999999999\n0\n1\n"), HasSubstr("x.log:1:4]"));
  EXPECT_THAT(error("1, 2\n1, 2\n0.5, 1\n"),
              HasSubstr("x.log:2:1] bad trace distribution: got 1, expected distances ascending "
                        "from 0 to at most 2"));
  EXPECT_THAT(error("1, 2\n0, 2, 2\n0.5, 0.6, 1\n"), HasSubstr("x.log:2:7]"));
  EXPECT_THAT(error("1, 2\n0, 3\n0.5, 1\n"), HasSubstr("x.log:2:4] bad trace distribution: got 3"));
  EXPECT_THAT(error("1, 2\n0, 1, 2\n0.5, 0.4, 1\n"),
              HasSubstr("x.log:3:6] bad trace distribution: got 0.4"));
  EXPECT_THAT(error("1, 2\n0, 1\n0.5, nan\n"), HasSubstr("x.log:3:6]"));
  EXPECT_THAT(error("1, 2\n0, 1\n0.5, 1.5\n"),
              HasSubstr("x.log:3:6] bad trace distribution: got 1.5"));
  EXPECT_THAT(error("1, 2\n0, 1\n0.5, 0.9\n"), HasSubstr("expected 1 as the last probability"));
  EXPECT_THAT(error("1, 2\n0, 1\n1\n"),
              HasSubstr("got 1 probabilities, expected one for each of the 2 distances"));
  EXPECT_THROW(read_trace_distribution(path("absent.log")), DataError);
  NumpyRandom stream(1);
  EXPECT_THROW(
      make_trace_reader(config({4, 4, 4, 4}, 2), {path("j/emb_j.log"), false, nullptr}, stream),
      DataError);
}

// The distribution files that the reference ships.
TEST(TraceShared, ShippedFiles) {
  const char* shared = std::getenv("HOTROW_SHARED");
  if (shared == nullptr) GTEST_SKIP() << "HOTROW_SHARED is not set";
  const TraceDistribution trace =
      read_trace_distribution(std::string(shared) + "/data/trace/dist_emb_1.log");
  EXPECT_THAT(trace.ids, ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_THAT(trace.distances, ElementsAre(0, 1, 3, 4, 5));
  EXPECT_THAT(trace.probabilities, ElementsAre(0.55, 0.64, 0.82, 0.91, 1.0));
}

}  // namespace
}  // namespace hotrow
