// Against counts that share no code with the class: lists, sets and sorting.
#include "data/access_stats.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <list>
#include <map>
#include <random>
#include <set>

#include "data/stack_distance.h"
#include "kernels/core/check.h"
#include "tests/support/expect_throws.h"

namespace hotrow::test {
namespace {

using ::testing::ElementsAre;

// Place from the top of a list in which the last accessed stands first.
int64_t naive_distance(std::list<int64_t>& stack, int64_t id) {
  const auto found = std::find(stack.begin(), stack.end(), id);
  const int64_t distance =
      found == stack.end() ? 0 : 1 + static_cast<int64_t>(std::distance(stack.begin(), found));
  if (found != stack.end()) stack.erase(found);
  stack.push_front(id);
  return distance;
}

TEST(StackDistances, AsAListHasThem) {
  for (size_t rows : {1u, 2u, 7u, 300u, 2000u}) {
    std::mt19937 random(static_cast<uint32_t>(rows));
    StackDistances distances;
    std::list<int64_t> stack;
    for (int i = 0; i < 12000; ++i) {
      // Small numbers often, so that short and long distances both occur; renumbered many times.
      const double u = random() * 0x1p-32;
      const auto row = static_cast<int64_t>(u * u * u * static_cast<double>(rows));
      ASSERT_EQ(distances.access(static_cast<size_t>(row)), naive_distance(stack, row)) << i;
    }
  }
}

// Two tables, several ids a bag and none, ids that are far apart.
std::vector<Rows> random_blocks(const Schema& schema, std::vector<int64_t> sizes) {
  std::mt19937 random(5);
  std::vector<Rows> blocks;
  for (int64_t size : sizes) {
    Rows& rows = blocks.emplace_back();
    rows.start(schema);
    rows.rows = size;
    for (size_t t = 0; t < 2; ++t) {
      for (int64_t b = 0; b < size; ++b) {
        for (unsigned count = random() % (t == 0 ? 2 : 6); count > 0; --count) {
          const int64_t rank = static_cast<int64_t>(std::pow(1.5, random() % 16)) - 1;
          rows.sparse[t].ids.push_back(t == 0 ? rank : rank << 40);
        }
        rows.sparse[t].offsets.push_back(static_cast<int64_t>(rows.sparse[t].ids.size()));
      }
    }
  }
  return blocks;
}

struct Naive {
  std::map<int64_t, int64_t> counts;
  std::vector<int64_t> distances;  // of the first `most` accesses
  std::vector<size_t> unique;      // of each batch
  int64_t accesses = 0, empty = 0, longest = 0;
};

Naive naive(const std::vector<Rows>& blocks, size_t table, int64_t batch, size_t most) {
  Naive facts;
  std::list<int64_t> stack;
  std::set<int64_t> in_batch;
  int64_t row = 0;
  for (const Rows& rows : blocks) {
    const SparseFeature& feature = rows.sparse[table];
    for (size_t b = 0; b < static_cast<size_t>(rows.rows); ++b) {
      if (row++ % batch == 0) {
        if (row > 1) facts.unique.push_back(in_batch.size());
        in_batch.clear();
      }
      const int64_t size = feature.offsets[b + 1] - feature.offsets[b];
      facts.empty += size == 0;
      facts.longest = std::max(facts.longest, size);
      for (int64_t i = feature.offsets[b]; i < feature.offsets[b + 1]; ++i) {
        const int64_t id = feature.ids[static_cast<size_t>(i)];
        ++facts.counts[id];
        ++facts.accesses;
        in_batch.insert(id);
        if (facts.distances.size() < most) facts.distances.push_back(naive_distance(stack, id));
      }
    }
  }
  if (row % batch == 0) facts.unique.push_back(in_batch.size());
  return facts;
}

TEST(AccessStats, AsCountedByHand) {
  Schema schema;
  schema.categorical = {{.name = "x", .cardinality = 1000}, {.name = "y"}};
  AccessConfig config;
  config.batch_size = 100;
  config.shares = {0.001, 0.005, 0.2, 1};
  config.distance_accesses = 700;
  const auto blocks = random_blocks(schema, {1, 250, 99, 0, 430, 70});  // 850: a short last batch
  AccessStats stats(schema, config);
  for (const Rows& rows : blocks) stats.add(rows);
  const std::vector<TableAccesses> tables = stats.tables();
  ASSERT_EQ(tables.size(), 2u);
  for (size_t t = 0; t < 2; ++t) {
    const TableAccesses& got = tables[t];
    const Naive want = naive(blocks, t, 100, 700);
    EXPECT_EQ(got.accesses, want.accesses);
    EXPECT_EQ(got.unique_rows, static_cast<int64_t>(want.counts.size()));
    EXPECT_EQ(got.rows, t == 0 ? 1000 : got.unique_rows);
    EXPECT_EQ(got.bags, 850);
    EXPECT_EQ(got.empty_bags, want.empty);
    EXPECT_EQ(got.longest_bag, want.longest);
    EXPECT_EQ(got.pooling[0], want.empty);
    EXPECT_NEAR(got.mean_pooling(), static_cast<double>(want.accesses) / 850, 1e-12);
    double unique = 0;
    for (size_t u : want.unique) unique += static_cast<double>(u);
    ASSERT_EQ(want.unique.size(), 8u);
    EXPECT_NEAR(got.unique_per_batch, unique / 8, 1e-12);

    std::vector<int64_t> sorted;
    for (const auto& [id, count] : want.counts) sorted.push_back(count);
    std::sort(sorted.rbegin(), sorted.rend());
    const auto measured = static_cast<int64_t>(want.distances.size());
    EXPECT_EQ(got.measured, measured);
    EXPECT_EQ(got.measured, std::min<int64_t>(700, want.accesses));
    for (size_t i = 0; i < config.shares.size(); ++i) {
      const double held = std::ceil(config.shares[i] * static_cast<double>(got.rows));
      double hot = 0, lru = 0;
      for (size_t k = 0; k < sorted.size() && static_cast<double>(k) < held; ++k) {
        hot += static_cast<double>(sorted[k]);
      }
      for (int64_t d : want.distances) lru += d > 0 && static_cast<double>(d) <= held;
      EXPECT_NEAR(got.hottest[i], hot / static_cast<double>(want.accesses), 1e-12) << t << i;
      EXPECT_NEAR(got.lru[i], lru / static_cast<double>(measured), 1e-12) << t << i;
    }
    EXPECT_NEAR(got.hottest[3], 1, 1e-12);
    std::vector<int64_t> histogram(got.distances.size());
    for (int64_t d : want.distances) {
      size_t place = 0;
      for (; (int64_t{1} << place) <= d; ++place) {
      }
      ++histogram.at(place);
    }
    EXPECT_EQ(got.distances, histogram);
  }
}

TEST(AccessStats, CutsOfTheDataChangeNothing) {
  Schema schema;
  schema.categorical = {{.name = "x"}, {.name = "y"}};
  const auto whole = random_blocks(schema, {600});
  AccessStats one(schema, {}), many(schema, {});
  one.add(whole[0]);
  for (int64_t b = 0; b < 600; ++b) {
    Rows rows;
    rows.start(schema);
    rows.rows = 1;
    for (size_t t = 0; t < 2; ++t) {
      const SparseFeature& all = whole[0].sparse[t];
      const auto begin = all.ids.begin() + all.offsets[static_cast<size_t>(b)];
      const auto end = all.ids.begin() + all.offsets[static_cast<size_t>(b) + 1];
      rows.sparse[t] = {{0, end - begin}, {begin, end}};
    }
    many.add(rows);
  }
  for (size_t t = 0; t < 2; ++t) {
    EXPECT_EQ(one.tables()[t].distances, many.tables()[t].distances);
    EXPECT_EQ(one.tables()[t].hottest, many.tables()[t].hottest);
    // 600 samples are less than a batch: the short one counts.
    EXPECT_EQ(one.tables()[t].unique_per_batch, one.tables()[t].unique_rows);
    EXPECT_EQ(many.tables()[t].unique_per_batch, one.tables()[t].unique_rows);
  }
}

TEST(AccessStats, TablesTogether) {
  Schema schema;
  schema.categorical = {{.name = "x", .cardinality = 10}, {.name = "y", .cardinality = 30}};
  AccessConfig config;
  config.shares = {0.05};  // 2 of 40 rows
  AccessStats stats(schema, config);
  Rows rows;
  rows.start(schema);
  rows.rows = 4;
  rows.sparse[0] = {{0, 1, 2, 3, 4}, {7, 7, 7, 1}};
  rows.sparse[1] = {{0, 2, 4, 4, 5}, {5, 5, 5, 5, 2}};
  stats.add(rows);
  const TableAccesses all = stats.together();
  EXPECT_EQ(all.rows, 40);
  EXPECT_EQ(all.accesses, 9);
  EXPECT_EQ(all.unique_rows, 4);
  EXPECT_THAT(all.hottest, ElementsAre(7.0 / 9));  // row 5 of y four times, row 7 of x three times
  EXPECT_THAT(all.pooling, ElementsAre(1, 5, 2));
}

TEST(AccessStats, NoSamplesAndBadSettings) {
  Schema schema;
  schema.categorical = {{.name = "x", .cardinality = 10}};
  const AccessStats stats(schema, {});
  EXPECT_EQ(stats.tables()[0].hottest[0], 0);
  EXPECT_EQ(stats.tables()[0].lru[0], 0);
  EXPECT_EQ(stats.tables()[0].unique_per_batch, 0);
  EXPECT_EQ(stats.tables()[0].mean_pooling(), 0);
  AccessConfig config;
  config.batch_size = 0;
  EXPECT_THROWS(InvalidArgument, "batch: got 0 samples", AccessStats(schema, config));
  config = {};
  config.shares = {0.1, 1.5};
  EXPECT_THROWS(InvalidArgument, "share of rows: got 1.5", AccessStats(schema, config));
  config.shares = {std::nan("")};
  EXPECT_THROWS(InvalidArgument, "share of rows: got nan", AccessStats(schema, config));
}

}  // namespace
}  // namespace hotrow::test
