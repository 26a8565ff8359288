#include "model/inference_benchmark.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "model/quantile.h"
#include "tests/model/trainer_fixture.h"
#include "tests/support/expect_throws.h"

namespace hotrow::test {
namespace {

constexpr InferenceBenchmark::Limits kShort{
    .warmup = 2, .fewest = 5, .seconds = 0, .too_many_seconds = 60};

TEST(TakeRows, GoesAroundAsOftenAsItTakes) {
  const Batch pool = random_batch(trainer_config(), 5, 3, 1);
  const Batch all = take_rows(pool, 0, 5);
  EXPECT_EQ(all.dense, pool.dense);
  EXPECT_EQ(all.labels, pool.labels);
  for (size_t t = 0; t < pool.sparse.size(); ++t) {
    EXPECT_EQ(all.sparse[t].ids, pool.sparse[t].ids);
    EXPECT_EQ(all.sparse[t].offsets, pool.sparse[t].offsets);
  }
  const Batch taken = take_rows(pool, 8, 9);  // rows 3 4 0 1 2 3 4 0 1
  ASSERT_EQ(taken.rows, 9);
  EXPECT_EQ(taken.first_line, pool.first_line + 3);
  for (int64_t i = 0; i < taken.rows; ++i) {
    const Batch one = take_rows(taken, i, 1), want = take_rows(pool, (8 + i) % 5, 1);
    EXPECT_EQ(one.dense, want.dense) << i;
    EXPECT_EQ(one.labels, want.labels) << i;
    for (size_t t = 0; t < pool.sparse.size(); ++t)
      EXPECT_EQ(one.sparse[t].ids, want.sparse[t].ids) << i;
  }
}

TEST(Quantile, LiesBetweenNeighbours) {
  EXPECT_EQ(quantile({3}, 0.99), 3);
  EXPECT_EQ(quantile({1, 2, 4}, 0), 1);
  EXPECT_EQ(quantile({1, 2, 4}, 0.5), 2);
  EXPECT_EQ(quantile({1, 2, 4}, 0.75), 3);
  EXPECT_EQ(quantile({1, 2, 4}, 1), 4);
}

class InferenceBenchmarkTest : public TrainerTest {
 protected:
  std::string run(FakeReader& reader, std::vector<int64_t> sizes) {
    Report report({.out = out_, .json_log = {}, .now = {}});
    InferenceBenchmark timed(model_, reader, sizes, {}, {});
    timed.run(report, stop_, kShort);
    return output();
  }
};

TEST_F(InferenceBenchmarkTest, ALineForEachSize) {
  FakeReader reader(3);  // 8 + 8 + 3 samples
  const std::string text = run(reader, {1, 20, 7});
  EXPECT_EQ(count(text, "\n"), 5) << text;
  EXPECT_NE(text.find("\n           1  "), std::string::npos) << text;
  EXPECT_NE(text.find("\n          20  "), std::string::npos) << text;
  EXPECT_EQ(count(text, "        5\n"), 3) << text;  // calls
  EXPECT_EQ(reader.passes, 1);
}

TEST_F(InferenceBenchmarkTest, ReadsNoMoreThanItTakes) {
  FakeReader reader(50);
  size_t read = 0;
  reader.on_next = [&](size_t) { ++read; };
  run(reader, {1, 3});
  EXPECT_EQ(read, 3u);  // 24 samples: 8 batches of 3
}

TEST_F(InferenceBenchmarkTest, NoSample) {
  FakeReader reader(0);
  EXPECT_THROWS(DataError, "[test] the test data is empty: got no sample", run(reader, {4}));
}

TEST_F(InferenceBenchmarkTest, BadDataAreRefused) {
  FakeReader reader(1);
  reader.batches[0].dense[4] = std::nanf("");
  EXPECT_THROWS(DataError, "clicks.tsv:2: dense value 1 is not a number", run(reader, {4}));
}

TEST_F(InferenceBenchmarkTest, EndsWhenToldTo) {
  FakeReader reader(3);
  reader.on_next = [&](size_t) { stop_ = true; };
  EXPECT_EQ(count(run(reader, {1, 2}), "\n"), 2);  // the head alone
}

}  // namespace
}  // namespace hotrow::test
