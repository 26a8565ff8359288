#include "data/vocabulary.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <limits>
#include <map>
#include <random>
#include <vector>

#include "kernels/core/check.h"
#include "tests/data/criteo_lines.h"

namespace hotrow::test {
namespace {

TEST(Vocabulary, RowsFollowTheFirstOccurrence) {
  VocabularyCounter counter(2, 2);
  for (uint32_t value : {7u, 0u, 9u, 0u, 5u, 9u, 9u}) counter.add(0, value);
  const Vocabulary vocabulary = counter.finish();
  EXPECT_EQ(vocabulary.num_columns(), 2);
  EXPECT_EQ(vocabulary.rows(0), 3);
  EXPECT_EQ(vocabulary.id(0, 0), 1);  // first seen before 9, though 9 is more frequent
  EXPECT_EQ(vocabulary.id(0, 9), 2);
  for (uint32_t rare : {7u, 5u, 1234u}) EXPECT_EQ(vocabulary.id(0, rare), 0);
  EXPECT_EQ(vocabulary.rows(1), 1);  // nothing was seen there
  EXPECT_EQ(vocabulary.id(1, 0), 0);
}

// Skewed values, among them the extremes, against a std::map.
TEST(Vocabulary, MatchesAMap) {
  for (int64_t frequency : {1, 2, 5, 100000}) {
    std::mt19937 random(static_cast<uint32_t>(frequency));
    VocabularyCounter counter(3, frequency);
    std::array<std::map<uint32_t, int64_t>, 3> counts;
    std::array<std::vector<uint32_t>, 3> order;
    for (int i = 0; i < 40000; ++i) {
      const size_t column = i % 3;
      const double skew = std::pow(random() / 4294967296.0, 3);
      auto value = static_cast<uint32_t>(skew * 20000) * (column == 0 ? 1u : 2654435761u);
      if (i % 1000 < 3) value = std::numeric_limits<uint32_t>::max();
      if (++counts[column][value] == 1) order[column].push_back(value);
      counter.add(static_cast<int64_t>(column), value);
    }
    const Vocabulary vocabulary = counter.finish();
    for (size_t column = 0; column < 3; ++column) {
      int64_t rows = 1;
      for (uint32_t value : order[column]) {
        const bool kept = counts[column][value] >= frequency;
        ASSERT_EQ(vocabulary.id(static_cast<int64_t>(column), value), kept ? rows : 0);
        rows += kept;
      }
      EXPECT_EQ(vocabulary.rows(static_cast<int64_t>(column)), rows);
      EXPECT_EQ(vocabulary.id(static_cast<int64_t>(column), 123456789), 0);  // never seen
    }
  }
}

// The mix is SplitMix64: its published first output for the seed 0 is e220a8397b1dcdaf.
TEST(Vocabulary, HashIsSplitMix64) {
  const int64_t size = int64_t{1} << 62;
  const Vocabulary vocabulary = Vocabulary::hashed(size, 1);
  EXPECT_EQ(vocabulary.rows(0), size);
  EXPECT_EQ(vocabulary.id(0, 0), 0xe220a8397b1dcdaf % size);
}

// Runs of neighbours, the worst case of weak hashes, spread evenly and differently in each column.
TEST(Vocabulary, HashSpreads) {
  constexpr int64_t kRows = 997;
  constexpr int kPerRow = 100;
  const Vocabulary vocabulary = Vocabulary::hashed(kRows, 2);
  std::vector<int> hits(kRows);
  int64_t same = 0;
  for (uint32_t value = 0; value < kRows * kPerRow; ++value) {
    const int64_t id = vocabulary.id(1, value);
    ASSERT_TRUE(id >= 0 && id < kRows);
    ++hits[static_cast<size_t>(id)];
    same += id == vocabulary.id(0, value);
  }
  double chi_square = 0;
  for (int n : hits) chi_square += (n - kPerRow) * (n - kPerRow) / static_cast<double>(kPerRow);
  EXPECT_NEAR(chi_square, kRows - 1, 5 * std::sqrt(2.0 * kRows));  // mean and 5 deviations
  EXPECT_NEAR(static_cast<double>(same), kPerRow, 5 * std::sqrt(1.0 * kPerRow));
  EXPECT_EQ(Vocabulary::hashed(1, 1).id(0, 99), 0);
}

TEST(Vocabulary, RefusesSizesOutOfRange) {
  const auto error = [](auto&& call) { return error_text<InvalidArgument>(call); };
  EXPECT_EQ(error([] { Vocabulary::hashed(0, 1); }),
            "[vocabulary] hash size: got 0, expected at least 1");
  EXPECT_EQ(error([] { Vocabulary::hashed(1, -1); }),
            "[vocabulary] columns: got -1, expected none below 0");
  EXPECT_EQ(error([] { VocabularyCounter(-1, 1); }),
            "[vocabulary] columns: got -1, expected none below 0");
  for (int64_t frequency : {int64_t{0}, int64_t{1} << 32}) {
    EXPECT_EQ(
        error([&] { VocabularyCounter(1, frequency); }),
        fmt::format("[vocabulary] minimum frequency: got {}, expected 1 to 4294967295", frequency));
  }
}

}  // namespace
}  // namespace hotrow::test
