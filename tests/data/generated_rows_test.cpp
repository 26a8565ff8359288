#include "data/generated_rows.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <numeric>

#include "kernels/core/check.h"
#include "tests/support/expect_throws.h"
#include "tests/support/folder_test.h"
#include "tests/support/mutate.h"

namespace hotrow::test {
namespace {

using ::testing::HasSubstr;
using Ids = GenerateConfig::Ids;

Schema shape(std::vector<int64_t> tables) {
  Schema schema = criteo_schema(3, static_cast<int64_t>(tables.size()));
  schema.numerical[1].type = ColumnType::kFloat32;
  schema.numerical[2].type = ColumnType::kInt8;
  for (size_t t = 0; t < tables.size(); ++t) schema.categorical[t].cardinality = tables[t];
  return schema;
}

// All samples in one block, read in pieces of `piece`.
Rows generated(const Schema& schema, const GenerateConfig& config, int64_t piece = 1 << 20) {
  const auto source = generate_rows(schema, config);
  Rows all, rows;
  all.start(schema);
  while (source->next(rows, piece)) {
    EXPECT_EQ(rows.first_row, all.rows);
    all.rows += rows.rows;
    all.labels.insert(all.labels.end(), rows.labels.begin(), rows.labels.end());
    all.dense.insert(all.dense.end(), rows.dense.begin(), rows.dense.end());
    for (size_t t = 0; t < rows.sparse.size(); ++t) {
      SparseFeature& to = all.sparse[t];
      for (size_t b = 1; b < rows.sparse[t].offsets.size(); ++b) {
        to.offsets.push_back(static_cast<int64_t>(to.ids.size()) + rows.sparse[t].offsets[b]);
      }
      to.ids.insert(to.ids.end(), rows.sparse[t].ids.begin(), rows.sparse[t].ids.end());
    }
  }
  EXPECT_EQ(source->num_rows(), all.rows);
  EXPECT_FALSE(source->next(rows, 1));
  return all;
}

// How often ids occur, the most frequent first.
std::vector<int64_t> counts_of(const std::vector<int64_t>& ids) {
  std::map<int64_t, int64_t> counts;
  for (int64_t id : ids) ++counts[id];
  std::vector<int64_t> sorted;
  for (const auto& [id, count] : counts) sorted.push_back(count);
  std::sort(sorted.begin(), sorted.end(), std::greater<>());
  return sorted;
}

uint64_t digest(const Rows& rows) {
  uint64_t hash = 1469598103934665603u;
  const auto add = [&](const auto& values) {
    for (const auto& value : values) {
      uint64_t bits;
      std::memcpy(&bits, &value, sizeof(bits));
      hash = (hash ^ bits) * 1099511628211u;
    }
  };
  add(rows.labels);
  add(rows.dense);
  for (const SparseFeature& feature : rows.sparse) {
    add(feature.offsets);
    add(feature.ids);
  }
  return hash;
}

TEST(GeneratedRows, TheSameForTheSameSeedInAnyPieces) {
  Schema schema = shape({1, 7, 100000});
  schema.categorical[1].hotness = 4;
  schema.categorical[1].fixed_hotness = false;
  GenerateConfig config;
  config.rows = 5000;
  config.seed = 17;
  const uint64_t first = digest(generated(schema, config));
  EXPECT_EQ(first, 14119378656031403250u);  // recorded: every machine makes this
  EXPECT_EQ(digest(generated(schema, config, 37)), first);
  const auto source = generate_rows(schema, config);
  Rows once, again;
  source->next(once, 100);
  source->seek(0);
  source->next(again, 100);
  EXPECT_EQ(digest(once), digest(again));
  config.part = 1;
  EXPECT_NE(digest(generated(schema, config)), first);
  config = {.rows = 5000, .seed = 18};
  EXPECT_NE(digest(generated(schema, config)), first);
}

TEST(GeneratedRows, ShapesAndRanges) {
  Schema schema = shape({1, 50, 3000});
  schema.categorical[1].hotness = 5;
  schema.categorical[2].hotness = 6;
  schema.categorical[2].fixed_hotness = false;
  const Rows rows = generated(schema, {.rows = 6000, .seed = 3});
  for (size_t t = 0; t < 3; ++t) {
    for (int64_t id : rows.sparse[t].ids) {
      ASSERT_TRUE(id >= 0 && id < schema.categorical[t].cardinality);
    }
  }
  std::map<int64_t, int64_t> sizes;
  for (size_t b = 0; b < 6000; ++b) {
    ASSERT_EQ(rows.sparse[1].offsets[b + 1] - rows.sparse[1].offsets[b], 5);
    ++sizes[rows.sparse[2].offsets[b + 1] - rows.sparse[2].offsets[b]];
  }
  ASSERT_EQ(sizes.size(), 6u);
  for (const auto& [size, count] : sizes) {
    EXPECT_TRUE(size >= 1 && size <= 6);
    EXPECT_NEAR(static_cast<double>(count), 1000, 160);  // five deviations
  }
  double largest = 0, fraction = 0;
  for (size_t b = 0; b < 6000; ++b) {
    const double count = rows.dense[3 * b], real = rows.dense[3 * b + 1],
                 small = rows.dense[3 * b + 2];
    ASSERT_TRUE(count >= 0 && count <= 4094 && count == std::floor(count));
    ASSERT_TRUE(real >= 0 && real < 1 && small >= 0 && small <= 62);
    largest = std::max(largest, count);
    fraction += real / 6000;
  }
  EXPECT_GT(largest, 3000);
  EXPECT_NEAR(fraction, 0.5, 0.02);
}

// A table's label effect is learnable: the rate of labels differs between its popular ids.
TEST(GeneratedRows, LabelsFollowTheIds) {
  const Rows rows =
      generated(shape({2, 2, 2, 2}), {.rows = 20000, .seed = 5, .ids = Ids::kUniform});
  const double rate =
      std::accumulate(rows.labels.begin(), rows.labels.end(), 0.0) / static_cast<double>(rows.rows);
  EXPECT_NEAR(rate, 0.28, 0.06);
  std::map<std::vector<int64_t>, std::pair<double, double>> groups;
  for (size_t b = 0; b < 20000; ++b) {
    std::vector<int64_t> key;
    for (const SparseFeature& feature : rows.sparse) key.push_back(feature.ids[b]);
    groups[key].first += rows.labels[b];
    groups[key].second += 1;
  }
  double low = 1, high = 0;
  for (const auto& [key, sums] : groups) {
    low = std::min(low, sums.first / sums.second);
    high = std::max(high, sums.first / sums.second);
  }
  EXPECT_LT(low + 0.2, high);
}

TEST(GeneratedRows, UniformAndZipfPopularity) {
  const auto uniform = counts_of(
      generated(shape({100}), {.rows = 50000, .seed = 1, .ids = Ids::kUniform}).sparse[0].ids);
  ASSERT_EQ(uniform.size(), 100u);
  EXPECT_LT(uniform.front(), 620);  // 500 each, deviation 22
  EXPECT_GT(uniform.back(), 380);

  GenerateConfig config{.rows = 100000, .seed = 1, .ids = Ids::kZipf, .zipf = 1.0};
  const auto zipf = counts_of(generated(shape({1023}), config).sparse[0].ids);
  // Ten octaves of equal weight: the first row alone, the next two together, ...
  EXPECT_NEAR(static_cast<double>(zipf[0]), 10000, 500);
  EXPECT_NEAR(static_cast<double>(zipf[1] + zipf[2]), 10000, 500);
  EXPECT_NEAR(static_cast<double>(std::accumulate(zipf.begin() + 511, zipf.end(), int64_t{0})),
              10000, 2500);  // sorting by count mixes neighbouring octaves
  config.zipf = 0;
  EXPECT_LT(counts_of(generated(shape({1023}), config).sparse[0].ids)[0], 170);  // 98 each
}

constexpr const char* kLocality =
    "x_t10_bs100_0.pt\nAvg # of indices: 8000\nAvg # of unique cols: 2000\nHistogram of col "
    "sizes:\n"
    "(0, 1]: 0.600\n(1, 2]: 0.400\n(2+: 0.000\n[0, 1]\nRatio of index distribution at different "
    "column sizes:\n(0, 1]: 0.150\n(1, 2]: 0.250\n(2+: 0.600\n";

TEST(Locality, Reads) {
  const Locality locality = parse_locality(kLocality, "l");
  EXPECT_EQ(locality.mean_pooling, 8);
  ASSERT_EQ(locality.classes.size(), 3u);
  EXPECT_NEAR(locality.classes[0].accesses, 0.6, 1e-12);
  // 0.6 of 8000 accesses, 3 a row, of 2000 rows: 0.8; with the others' 1.0 all is 1.8.
  EXPECT_NEAR(locality.classes[0].rows, 0.8 / 1.8, 1e-12);
  EXPECT_NEAR(locality.classes[2].rows, 0.6 / 1.8, 1e-12);
}

TEST(Locality, RowsAreAsPopularAsItSays) {
  GenerateConfig config{.rows = 60000, .seed = 2, .ids = Ids::kLocality};
  config.locality.classes = {{0.01, 0.5}, {0.09, 0.3}, {0.9, 0.2}};
  const auto counts = counts_of(generated(shape({1000}), config).sparse[0].ids);
  const auto sum = [&](int64_t from, int64_t to) {
    return static_cast<double>(
        std::accumulate(counts.begin() + from, counts.begin() + to, int64_t{0}));
  };
  EXPECT_NEAR(sum(0, 10) / 60000, 0.5, 0.02);
  EXPECT_NEAR(sum(10, 100) / 60000, 0.3, 0.02);
  // Tables smaller than the classes are filled from the most popular on.
  for (int64_t rows : {1, 2, 3}) {
    const Rows few = generated(shape({rows}), config);
    EXPECT_EQ(std::ssize(counts_of(few.sparse[0].ids)), rows);
  }
}

TEST(Locality, BadText) {
  const auto bad = [](const std::string& from, const std::string& to, const std::string& words) {
    std::string whole = kLocality;
    whole.replace(whole.find(from), from.size(), to);
    EXPECT_THROWS(DataError, words, parse_locality(whole, "l"));
  };
  bad("_bs", "_b", "[l] no locality statistics: got 0 blocks");
  bad("indices: 8000", "indices: many", "[l:2] bad locality statistics: expected a number");
  bad("(1, 2]: 0.400", "(1, 2] 0.400", "[l:6] bad locality statistics");
  bad("(1, 2]: 0.400", "(1, 2]: -0.4", "[l:6]");
  bad("(1, 2]: 0.400", "(1, 2]: nan", "[l:6]");
  bad("(1, 2]: 0.400", "(1, 2]: 0.300", "got sums of 0.900 of the rows and 1.000");
  EXPECT_THROWS(DataError, "no locality statistics", parse_locality("", "l"));
  for (uint32_t seed = 0; seed < 2000; ++seed) {
    try {
      const Locality locality = parse_locality(Mutator(seed)(kLocality), "l");
      for (const PopularityClass& one : locality.classes) {
        ASSERT_TRUE(one.rows >= 0 && one.rows <= 1 && one.accesses > 0 && one.accesses <= 1.0001);
      }
    } catch (const DataError&) {
    }
  }
}

class GeneratedTraceTest : public FolderTest {};

TEST_F(GeneratedTraceTest, ByTrace) {
  write("dist_0.log", "7, 2, 11, 3, 5\n0, 1, 2, 4\n0.1, 0.5, 0.8, 1.0\n");
  GenerateConfig config{
      .rows = 4000, .seed = 2, .ids = Ids::kTrace, .trace_file = path("dist_j.log")};
  const Rows rows = generated(shape({9}), config);
  EXPECT_EQ(std::ssize(counts_of(rows.sparse[0].ids)), 4);  // 11 % 9 is 2
  int64_t repeats = 0;
  for (size_t i = 1; i < 4000; ++i) repeats += rows.sparse[0].ids[i] == rows.sparse[0].ids[i - 1];
  EXPECT_GT(repeats, 1400);  // stack distance 1 has probability 0.4
  EXPECT_THROWS(DataError, "dist_1.log] cannot be read", generate_rows(shape({9, 9}), config));
}

TEST(GeneratedRows, BadSettings) {
  const auto bad = [](const Schema& schema, const GenerateConfig& config, const char* words) {
    EXPECT_THROWS(InvalidArgument, words, generate_rows(schema, config));
  };
  bad(shape({5}), {.rows = 0}, "rows: got 0");
  bad(shape({5, 0}), {}, "column C2: got cardinality 0");
  bad(shape({5}), {.zipf = 4.5}, "zipf: got 4.5");
  bad(shape({5}), {.zipf = std::nan("")}, "zipf: got nan");
  bad(shape({5}), {.ids = Ids::kLocality}, "locality: got no classes");
  Schema schema = shape({5});
  schema.categorical[0].hotness = 0;
  bad(schema, {}, "column C1: got hotness 0");
  EXPECT_THROWS(InvalidArgument, "row to go to: got 3, expected 0",
                generate_rows(shape({5}), {})->seek(3));
}

TEST(Locality, ThePublishedFile) {
  const char* shared = std::getenv("HOTROW_SHARED");
  if (shared == nullptr) GTEST_SKIP() << "HOTROW_SHARED is not set";
  const Locality locality = read_locality(std::string(shared) + "/data/locality_2022.txt");
  EXPECT_NEAR(locality.mean_pooling, 13.6, 0.05);
  ASSERT_EQ(locality.classes.size(), 17u);
  EXPECT_NEAR(locality.classes[0].accesses, 0.075, 0.002);  // rows of more than 32,768 accesses
  EXPECT_LT(locality.classes[0].rows, 1e-4);
  EXPECT_NEAR(locality.classes[16].rows, 0.342, 0.01);
}

}  // namespace
}  // namespace hotrow::test
