#include "data/loader.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>
#include <utility>

#include "data/prefetch.h"
#include "tests/data/loader_maker.h"
#include "tests/support/expect_throws.h"

namespace hotrow::test {
namespace {

TEST(Loader, BatchesOfAnySizeInTheOrderOfTheFile) {
  for (int64_t size : {1, 10, 64, 103, 200}) {
    for (int64_t run : {1, 7, 1000}) {
      const auto reader = loader({.batch_size = size}, {.run = run});
      EXPECT_EQ(reader->batch_size(), size);
      EXPECT_EQ(reader->num_batches(), ceil_div(kRows, size));
      for (int pass = 0; pass < 2; ++pass) {
        const std::vector<Batch> batches = pass_of(*reader);
        ASSERT_EQ(std::ssize(batches), reader->num_batches());
        for (int64_t j = 0; j < std::ssize(batches); ++j) {
          const Batch& batch = batches[static_cast<size_t>(j)];
          expect_same_batch(batch,
                            batch_of(rows(), schema(), j * size, std::min(kRows, (j + 1) * size)));
          EXPECT_EQ(batch.first_line, j * size + 1);
          EXPECT_EQ(batch.source, "made");
        }
      }
    }
  }
}

TEST(Loader, AStreamHasTheSameBatches) {
  const auto whole = pass_of(*loader({.batch_size = 10}));
  const auto stream =
      loader({.batch_size = 10}, {.run = 3, .can_seek = false, .knows_rows = false});
  EXPECT_EQ(stream->num_batches(), Reader::kUnknown);
  for (int pass = 0; pass < 2; ++pass) EXPECT_EQ(samples_of(pass_of(*stream)), samples_of(whole));
}

TEST(Loader, TheShortLastBatchCanBeDropped) {
  for (bool known : {true, false}) {
    const auto reader = loader({.batch_size = 10, .drop_last = true}, {.knows_rows = known});
    const auto batches = pass_of(*reader);
    EXPECT_EQ(batches.size(), 10u);
    for (const Batch& batch : batches) EXPECT_EQ(batch.rows, 10);
    EXPECT_EQ(reader->num_batches(), known ? 10 : Reader::kUnknown);
  }
  EXPECT_EQ(pass_of(*loader({.batch_size = 104, .drop_last = true})).size(), 0u);
}

TEST(Loader, ShuffledRowsAreAllRowsInAnotherOrder) {
  const auto plain = samples_of(pass_of(*loader({.batch_size = 100}, {}, many_rows())));
  LoaderConfig config{.batch_size = 100, .shuffle = Shuffle::kBlocks, .seed = 4};
  auto shuffled = samples_of(pass_of(*loader(config, {.run = 1000}, many_rows())));
  EXPECT_NE(shuffled, plain);
  // The order is of the rows: neither the size of batches nor that of the source's runs matters.
  config.batch_size = 17;
  EXPECT_EQ(samples_of(pass_of(*loader(config, {.run = 4097}, many_rows()))), shuffled);
  config.seed = 5;
  EXPECT_NE(samples_of(pass_of(*loader(config, {}, many_rows()))), shuffled);
  auto sorted = plain;
  std::sort(sorted.begin(), sorted.end());
  std::sort(shuffled.begin(), shuffled.end());
  EXPECT_EQ(shuffled, sorted);
}

TEST(Loader, KeepsAWindowToShuffleAndNothingElse) {
  EXPECT_EQ(loader({.batch_size = 10})->max_bytes(), 0);
  const LoaderConfig shuffled{.batch_size = 10, .shuffle = Shuffle::kBlocks};
  EXPECT_EQ(loader(shuffled)->max_bytes(), max_batch_bytes(loader(shuffled)->shape(), kRows));
  const auto large = loader(shuffled, {}, many_rows());
  EXPECT_EQ(large->max_bytes(), max_batch_bytes(large->shape(), many_rows().rows));
  EXPECT_EQ(loader({.batch_size = 10, .shuffle = Shuffle::kBatches})->max_bytes(), 0);
  PrefetchReader ahead(loader(shuffled), 3);
  EXPECT_EQ(ahead.max_bytes(),
            max_batch_bytes(ahead.shape(), kRows) + 3 * max_batch_bytes(ahead.shape(), 10));
}

TEST(Loader, PassesOfAShuffleDiffer) {
  const auto reader = loader({.batch_size = 10, .shuffle = Shuffle::kBlocks});
  Batch first, second;
  reader->seek(0, 0);
  ASSERT_TRUE(reader->next(first));
  reader->seek(1, 0);
  ASSERT_TRUE(reader->next(second));
  EXPECT_NE(samples_of({first}), samples_of({second}));
  reader->rewind();  // is pass 0
  ASSERT_TRUE(reader->next(second));
  EXPECT_EQ(samples_of({first}), samples_of({second}));
}

// Batch k * pause_every of a pass is not begun before it is asked for, wherever the pass was begun.
TEST(Loader, ReadAheadItPausesWhereThePassWants) {
  struct Counting : Loader {
    Counting(std::atomic<int64_t>& begun)
        : Loader(std::make_unique<MemorySource>(schema(), rows(), MemorySource::Options{}),
                 {.batch_size = 10}, "made"),
          begun_(begun) {}
    bool next(Batch& batch) override {
      ++begun_;
      return Loader::next(batch);
    }
    std::atomic<int64_t>& begun_;
  };
  std::atomic<int64_t> begun{0};
  PrefetchReader ahead(std::make_unique<Counting>(begun), 8, 3);
  ahead.seek(0, 2);
  Batch batch;
  ASSERT_TRUE(ahead.next(batch));
  EXPECT_EQ(batch.first_line, 21);
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_EQ(begun, 1);  // batch 3 has not been asked for
  ASSERT_TRUE(ahead.next(batch));
  EXPECT_EQ(batch.first_line, 31);
}

TEST(Loader, IdsModuloARange) {
  const auto plain = pass_of(*loader({.batch_size = 50})),
             ranged = pass_of(*loader({.batch_size = 50, .max_ind_range = 100}));
  EXPECT_EQ(loader({.batch_size = 50, .max_ind_range = 100})->shape().categorical[3].rows, 100);
  for (size_t j = 0; j < plain.size(); ++j) {
    for (size_t t = 0; t < plain[j].sparse.size(); ++t) {
      std::vector<int64_t> ids = plain[j].sparse[t].ids;
      for (int64_t& id : ids) id %= 100;
      EXPECT_EQ(ranged[j].sparse[t].ids, ids);
    }
  }
}

TEST(Loader, SaysWhatCannotBe) {
  EXPECT_THROWS(InvalidArgument, "[made] batch size: got 0, expected at least 1",
                loader({.batch_size = 0}));
  EXPECT_THROWS(InvalidArgument, "[made] batch size: got 2, expected at least 3",
                loader({.batch_size = 2, .ranks = 3}));
  EXPECT_THROWS(InvalidArgument, "[made] rank: got 3 of 3",
                loader({.batch_size = 5, .rank = 3, .ranks = 3}));
  EXPECT_THROWS(InvalidArgument, "[made] --shuffle: got blocks, expected none",
                loader({.shuffle = Shuffle::kBlocks}, {.can_seek = false}));
  EXPECT_THROWS(InvalidArgument,
                "[made] --shuffle-batch-order: got it, expected none: this format can only be read",
                loader({.shuffle = Shuffle::kBatches}, {.can_seek = false}));
  EXPECT_THROWS(InvalidArgument, "[made] --shuffle-batch-order: got it",
                loader({.shuffle = Shuffle::kBatches}, {.knows_rows = false}));
  EXPECT_THROWS(InvalidArgument, "[made] ranks: got 2, expected 1",
                loader({.batch_size = 2, .ranks = 2}, {.knows_rows = false}));
  const auto reader = loader({.batch_size = 10});
  Batch batch;
  EXPECT_THROWS(InvalidArgument, "[loader] next: got no pass", reader->next(batch));
  EXPECT_THROWS(InvalidArgument, "[loader] seek: got batch 12 of pass 0, expected from 0 to 11",
                reader->seek(0, 12));
  EXPECT_THROWS(InvalidArgument, "[loader] seek: got batch 0 of pass -1", reader->seek(-1, 0));
  const auto stream = loader({.batch_size = 10}, {.can_seek = false, .knows_rows = false});
  EXPECT_THROWS(InvalidArgument, "[loader] seek: got row 200 of a file that ends before",
                stream->seek(0, 20));
  EXPECT_THROWS(InvalidArgument, "[loader] seek: got batch 9223372036854775807 of pass 0",
                stream->seek(0, std::numeric_limits<int64_t>::max()));
}

// Says that it has more rows than it gives.
class ShortSource : public MemorySource {
 public:
  using MemorySource::MemorySource;
  int64_t num_rows() const override { return kRows + 5; }
};

TEST(Loader, AFileThatHasFewerRowsThanItSaidIsAnError) {
  for (Shuffle shuffle : {Shuffle::kNone, Shuffle::kBlocks}) {
    Loader reader(std::make_unique<ShortSource>(schema(), rows(), MemorySource::Options{}),
                  {.batch_size = 200, .shuffle = shuffle}, "made");
    Batch batch;
    reader.rewind();
    EXPECT_THROWS(DataError, "expected", reader.next(batch));
  }
}

TEST(Loader, ABadIdIsNamedWithItsRowInTheFile) {
  Rows bad = rows();
  const auto place = static_cast<size_t>(bad.sparse[0].offsets[77]);
  bad.sparse[0].ids[place] = 3;
  for (Shuffle shuffle : {Shuffle::kNone, Shuffle::kBlocks}) {
    const auto reader = loader({.batch_size = 10, .shuffle = shuffle}, {.run = 4}, bad);
    EXPECT_THROWS(DataError, "[made] column tiny, row 77: got id 3, expected from 0 to 2",
                  pass_of(*reader));
  }
}

// A reader without an idea of passes skips by reading.
TEST(Reader, SeeksByReading) {
  struct Counting : Reader {
    const BatchShape& shape() const override { return shape_; }
    int64_t batch_size() const override { return 1; }
    int64_t num_batches() const override { return 4; }
    void rewind() override { at_ = 0; }
    bool next(Batch& batch) override {
      batch.first_line = at_;
      return at_++ < 4;
    }
    BatchShape shape_;
    int64_t at_ = 100;
  } reader;
  Batch batch;
  reader.seek(5, 3);
  ASSERT_TRUE(reader.next(batch));
  EXPECT_EQ(batch.first_line, 3);
  EXPECT_FALSE(reader.next(batch));
  EXPECT_THROWS(InvalidArgument, "[reader] seek: got batch 5 of a pass of 4", reader.seek(0, 5));
  EXPECT_THROWS(InvalidArgument, "[reader] seek: got batch -1 of pass 0", reader.seek(0, -1));
}

}  // namespace
}  // namespace hotrow::test
