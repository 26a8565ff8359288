// In which order a Loader gives the samples: shuffled, taken up again, parted among ranks.
#include <gtest/gtest.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "data/prefetch.h"
#include "data/reuse.h"
#include "tests/data/loader_maker.h"

namespace hotrow::test {
namespace {

constexpr Shuffle kOrders[] = {Shuffle::kNone, Shuffle::kBlocks, Shuffle::kBatches};

TEST(LoaderOrder, BatchesStayWhole) {
  const LoaderConfig config{.batch_size = 10, .shuffle = Shuffle::kBatches, .seed = 7};
  const auto reader = loader(config, {.run = 4});
  EXPECT_EQ(reader->num_batches(), 11);
  std::vector<int64_t> before;
  for (int64_t pass : {0, 1, 5}) {
    std::vector<int64_t> order;
    for (const Batch& batch : pass_of(*reader, pass)) {
      const int64_t begin = batch.first_line - 1;
      expect_same_batch(batch, batch_of(rows(), schema(), begin, std::min(begin + 10, kRows)));
      order.push_back(begin / 10);
    }
    ASSERT_EQ(order.size(), 11u);
    EXPECT_EQ(order.back(), 10) << "the short one comes last";
    EXPECT_NE(order, before) << "another order each pass";
    before = order;
    std::sort(order.begin(), order.end());
    for (int64_t k = 0; k < 11; ++k) EXPECT_EQ(order[static_cast<size_t>(k)], k);
  }
}

TEST(LoaderOrder, TheOrderOfBatchesIsThatOfTheSeed) {
  LoaderConfig config{.batch_size = 10, .shuffle = Shuffle::kBatches, .seed = 7};
  const auto first = samples_of(pass_of(*loader(config)));
  EXPECT_EQ(samples_of(pass_of(*loader(config, {.run = 3}))), first);
  EXPECT_NE(samples_of(pass_of(*loader({.batch_size = 10}))), first);
  config.seed = 8;
  EXPECT_NE(samples_of(pass_of(*loader(config))), first);
  // numpy.random.RandomState(7).permutation(10)
  std::vector<int64_t> order;
  config.seed = 7;
  for (const Batch& batch : pass_of(*loader(config))) order.push_back(batch.first_line / 10);
  EXPECT_EQ(order, (std::vector<int64_t>{8, 5, 0, 2, 1, 9, 7, 3, 6, 4, 10}));
}

TEST(LoaderOrder, FewerSamplesThanABatch) {
  const LoaderConfig config{.batch_size = 200, .shuffle = Shuffle::kBatches};
  const auto batches = pass_of(*loader(config), 3);
  ASSERT_EQ(batches.size(), 1u);
  expect_same_batch(batches[0], batch_of(rows(), schema(), 0, kRows));
}

// Whatever the order, the last batch and the rank: seek() goes where a whole pass would be.
TEST(LoaderOrder, GoesOnFromAnyBatchOfAnyPass) {
  for (Shuffle shuffle : kOrders) {
    for (bool drop_last : {false, true}) {
      for (int64_t ranks : {1, 3}) {
        for (bool can_seek : {true, false}) {
          if (!can_seek && shuffle != Shuffle::kNone) continue;
          const LoaderConfig config{.batch_size = 10,
                                    .drop_last = drop_last,
                                    .shuffle = shuffle,
                                    .seed = 7,
                                    .rank = ranks - 1,
                                    .ranks = ranks};
          const auto whole = loader(config, {.can_seek = can_seek}),
                     resumed = loader(config, {.can_seek = can_seek});
          for (int64_t pass : {0, 1, 3}) {
            const std::vector<Batch> all = pass_of(*whole, pass);
            ASSERT_EQ(std::ssize(all), drop_last ? 10 : 11);
            for (int64_t from : {5, 0, 10, 1}) {
              const std::vector<Batch> rest = pass_of(*resumed, pass, from);
              ASSERT_EQ(std::ssize(rest), std::ssize(all) - from);
              for (size_t j = 0; j < rest.size(); ++j) {
                const Batch& expected = all[static_cast<size_t>(from) + j];
                expect_same_batch(rest[j], expected);
                EXPECT_EQ(rest[j].first_line, expected.first_line);
              }
            }
          }
        }
      }
    }
  }
}

TEST(LoaderOrder, ReadAheadItSeeksTheSame) {
  for (Shuffle shuffle : kOrders) {
    const LoaderConfig config{.batch_size = 9, .shuffle = shuffle, .seed = 2};
    const auto plain = loader(config, {}, many_rows());
    PrefetchReader ahead(loader(config, {}, many_rows()), 4);
    for (const auto& [pass, from] : {std::pair{0, 3}, std::pair{2, 0}, std::pair{1, 600}}) {
      plain->seek(pass, from);
      ahead.seek(pass, from);
      Batch expected, got;
      for (int k = 0; k < 20; ++k) {
        ASSERT_TRUE(plain->next(expected));
        ASSERT_TRUE(ahead.next(got));
        expect_same_batch(got, expected);
      }
    }
  }
}

// Each global batch is the ranks' parts one after the other, whose sizes differ by one at the most.
TEST(LoaderOrder, RanksShareEachBatch) {
  for (Shuffle shuffle : kOrders) {
    for (bool drop_last : {false, true}) {
      for (int64_t ranks : {1, 2, 3, 7}) {
        const LoaderConfig whole{.batch_size = 10, .drop_last = drop_last, .shuffle = shuffle};
        const auto expected = pass_of(*loader(whole), 1);
        std::vector<std::vector<Batch>> parts;
        for (int64_t p = 0; p < ranks; ++p) {
          LoaderConfig config = whole;
          config.rank = p, config.ranks = ranks;
          const auto reader = loader(config, {.run = 6});
          EXPECT_TRUE(reader->batch_size() == 10 / ranks || reader->batch_size() == 10 / ranks + 1);
          EXPECT_EQ(reader->num_batches(), std::ssize(expected));
          parts.push_back(pass_of(*reader, 1));
          ASSERT_EQ(parts.back().size(), expected.size());
          for (size_t j = 0; j < expected.size(); ++j) {
            if (expected[j].rows == 10) {
              EXPECT_EQ(parts.back()[j].rows, reader->batch_size());
            }
            EXPECT_LE(parts.back()[j].rows, reader->batch_size());
          }
        }
        for (size_t j = 0; j < expected.size(); ++j) {
          std::vector<Batch> batch;
          for (const auto& part : parts) batch.push_back(part[j]);
          EXPECT_EQ(samples_of(batch), samples_of({expected[j]}));
        }
      }
    }
  }
}

// What is left out is short of a batch: the end of the pass, which a shuffle of samples draws anew
// in each.
TEST(LoaderOrder, TheShortLastBatchCanBeDroppedFromAnyOrder) {
  for (Shuffle shuffle : kOrders) {
    LoaderConfig config{.batch_size = 10, .drop_last = false, .shuffle = shuffle, .seed = 3};
    const auto keeps = loader(config);
    config.drop_last = true;
    const auto drops = loader(config);
    EXPECT_EQ(drops->num_batches(), 10);
    for (int64_t pass : {0, 1}) {
      auto kept = samples_of(pass_of(*keeps, pass));
      EXPECT_EQ(kept.size(), 103u);
      kept.resize(100);
      EXPECT_EQ(samples_of(pass_of(*drops, pass)), kept);
    }
  }
}

TEST(LoaderOrder, AReusedBatchIsAPartOfThatOfAllRanks) {
  for (Shuffle shuffle : kOrders) {
    const LoaderConfig whole{.batch_size = 10, .shuffle = shuffle, .seed = 5};
    ReuseReader all(loader(whole), 2);
    const auto expected = pass_of(all);
    ASSERT_EQ(expected.size(), 11u);
    std::vector<std::vector<Batch>> parts;
    for (int64_t p : {0, 1, 2}) {
      LoaderConfig config = whole;
      config.rank = p, config.ranks = 3;
      ReuseReader part(loader(config), 2);
      parts.push_back(pass_of(part, 0, 0));
      ASSERT_EQ(parts.back().size(), expected.size());
      const auto rest = pass_of(part, 4, 3);  // of any pass, which are all alike
      ASSERT_EQ(rest.size(), expected.size() - 3);
      for (size_t j = 0; j < rest.size(); ++j) expect_same_batch(rest[j], parts.back()[j + 3]);
    }
    for (size_t j = 0; j < expected.size(); ++j) {
      EXPECT_EQ(samples_of({parts[0][j], parts[1][j], parts[2][j]}), samples_of({expected[j]}));
    }
  }
}

}  // namespace
}  // namespace hotrow::test
