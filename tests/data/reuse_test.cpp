#include "data/reuse.h"

#include <gtest/gtest.h>

#include "data/loader.h"
#include "tests/data/rows_maker.h"
#include "tests/support/expect_throws.h"

namespace hotrow {
namespace {

std::unique_ptr<Reader> loader(int64_t rows, bool knows_rows = true) {
  const Schema schema = test::mixed_schema();
  return std::make_unique<Loader>(
      std::make_unique<test::MemorySource>(
          schema, test::RowsMaker(5).mixed(schema, rows),
          test::MemorySource::Options{.run = 100, .can_seek = true, .knows_rows = knows_rows}),
      LoaderConfig{.batch_size = 4}, "made");
}

TEST(Reuse, GivesTheFirstBatchesAgainAndAgain) {
  const auto plain = loader(22);
  std::vector<Batch> first(2);
  plain->rewind();
  for (Batch& batch : first) ASSERT_TRUE(plain->next(batch));
  ReuseReader reuse(loader(22), 2);
  EXPECT_EQ(reuse.num_batches(), 6);
  EXPECT_EQ(reuse.batch_size(), 4);
  EXPECT_EQ(reuse.shape().num_dense, plain->shape().num_dense);
  for (int pass = 0; pass < 2; ++pass) {
    reuse.rewind();
    Batch batch;
    for (size_t k = 0; k < 6; ++k) {
      ASSERT_TRUE(reuse.next(batch));
      test::expect_same_batch(batch, first[k % 2]);
    }
    EXPECT_FALSE(reuse.next(batch));
  }
}

TEST(Reuse, TheEndsOfItsRange) {
  ReuseReader all(loader(6), 100);  // more than there are
  EXPECT_EQ(all.num_batches(), 2);
  ReuseReader stream(loader(22, false), 3);
  EXPECT_EQ(stream.num_batches(), 3);
  EXPECT_THROWS(InvalidArgument, "[--reuse-batches] got 0, expected at least 1",
                ReuseReader(loader(6), 0));
  EXPECT_THROWS(DataError, "[--reuse-batches] the data is empty", ReuseReader(loader(0), 1));
}

}  // namespace
}  // namespace hotrow
