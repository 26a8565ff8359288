#include "data/block_shuffle.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

namespace hotrow {
namespace {

constexpr int64_t kBlock = BlockShuffle::kBlockRows;

// The rows in the order of a pass.
std::vector<int64_t> order_of(int64_t rows, uint32_t seed, int64_t pass) {
  BlockShuffle shuffle(rows, seed);
  shuffle.start(pass);
  std::vector<int64_t> order;
  while (std::ssize(order) < rows) {
    const int64_t window = shuffle.window_of(std::ssize(order));
    EXPECT_EQ(shuffle.places(window).begin, std::ssize(order));
    std::vector<int64_t> side_by_side;
    for (const Range& run : shuffle.runs(window))
      for (int64_t row = run.begin; row < run.end; ++row) side_by_side.push_back(row);
    const std::vector<int64_t> places = shuffle.order(window);
    EXPECT_EQ(places.size(), side_by_side.size());
    EXPECT_EQ(shuffle.places(window).size(), std::ssize(side_by_side));
    for (int64_t place : places) order.push_back(side_by_side[static_cast<size_t>(place)]);
    EXPECT_EQ(shuffle.window_of(std::ssize(order) - 1), window);
  }
  return order;
}

TEST(BlockShuffle, EveryRowOnceWhateverTheirNumber) {
  for (int64_t rows : {int64_t{1}, int64_t{2}, kBlock - 1, kBlock, kBlock + 1, 16 * kBlock,
                       16 * kBlock + 1, 40 * kBlock - 5, 40 * kBlock + 4095}) {
    for (uint32_t seed : {0u, 1u, 2u, 3u, 4u}) {
      std::vector<int64_t> order = order_of(rows, seed, 0);
      std::sort(order.begin(), order.end());
      std::vector<int64_t> all(static_cast<size_t>(rows));
      std::iota(all.begin(), all.end(), 0);
      ASSERT_EQ(order, all) << rows << " rows, seed " << seed;
    }
  }
}

TEST(BlockShuffle, SeedAndPassDecideAndNothingElse) {
  const int64_t rows = 20 * kBlock + 7;
  const auto order = order_of(rows, 3, 1);
  EXPECT_EQ(order, order_of(rows, 3, 1));
  EXPECT_NE(order, order_of(rows, 3, 2));
  EXPECT_NE(order, order_of(rows, 4, 1));
}

// Far from the file's order everywhere: the mean of each 1,000 rows in turn is that of all, within
// five deviations of what a random choice of 16 blocks has.
TEST(BlockShuffle, Mixes) {
  const int64_t rows = 64 * kBlock;
  const auto order = order_of(rows, 9, 0);
  const double deviation =
      static_cast<double>(rows) / std::sqrt(12.0 * BlockShuffle::kWindowBlocks);
  for (size_t begin = 0; begin + 1000 <= order.size(); begin += 1000) {
    const double mean = std::accumulate(order.begin() + static_cast<int64_t>(begin),
                                        order.begin() + static_cast<int64_t>(begin) + 1000, 0.0) /
                        1000;
    ASSERT_LT(std::abs(mean - static_cast<double>(rows) / 2), 5 * deviation);
  }
  int64_t neighbours = 0;
  for (size_t k = 1; k < order.size(); ++k) neighbours += order[k] == order[k - 1] + 1;
  EXPECT_LT(neighbours, 50);
}

// Recorded: a run that goes on after an update of the program must find its order again.
TEST(BlockShuffle, TheOrderNeverChanges) {
  const auto order = order_of(20 * kBlock + 7, 3, 1);
  uint64_t digest = 0xcbf29ce484222325u;
  for (int64_t row : order) digest = (digest ^ static_cast<uint64_t>(row)) * 0x100000001b3u;
  EXPECT_EQ(digest, 5039082807025490978u);
}

}  // namespace
}  // namespace hotrow
