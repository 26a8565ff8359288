#include "data/encode/key_table.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <vector>

namespace hotrow {
namespace {

struct Count {
  int64_t count = 0, first = 0;
};

// 20,000 draws of 5,000 keys, 0 among them.
std::vector<uint64_t> draws() {
  std::vector<uint64_t> keys;
  for (uint64_t i = 0; i < 20000; ++i) keys.push_back(mix64(i) % 5000 * 0x100000001);
  return keys;
}

TEST(KeyTable, RangesTogetherHoldEveryKeyOnceWithAllItsCounts) {
  const std::vector<uint64_t> keys = draws();
  std::map<uint64_t, Count> expected;
  for (size_t i = 0; i < keys.size(); ++i) {
    Count& count = expected[keys[i]];
    if (count.count++ == 0) count.first = static_cast<int64_t>(i);
  }
  int64_t ranges_before = 1 << 20;
  for (const int64_t budget : {1, 5000, 20000, 70000, 1 << 20}) {
    KeyTable<Count> table(budget, std::ssize(keys));
    std::map<uint64_t, Count> found;
    int64_t ranges = 0;
    for (; table.next_range(); ++ranges) {
      for (size_t i = 0; i < keys.size(); ++i) {
        const uint64_t hash = mix64(keys[i]);
        if (!table.covers(hash)) continue;
        Count* const count = table.find_or_add(keys[i], hash);
        if (count != nullptr && count->count++ == 0) count->first = static_cast<int64_t>(i);
      }
      int64_t last = -1;
      for (const auto& [key, count] : table.entries()) {
        EXPECT_TRUE(found.emplace(key, count).second) << key << " is in two ranges";
        EXPECT_GT(count.first, last);  // in order of first occurrence
        last = count.first;
        EXPECT_EQ(table.find(key, mix64(key))->count, count.count);
      }
      EXPECT_EQ(table.find(~uint64_t{0}, mix64(~uint64_t{0})), nullptr);
      EXPECT_LE(std::ssize(table.entries()) * 24, std::max<int64_t>(budget, 4096));
    }
    ASSERT_EQ(found.size(), expected.size()) << budget;
    for (const auto& [key, count] : expected) {
      ASSERT_EQ(found[key].count, count.count);
      ASSERT_EQ(found[key].first, count.first);
    }
    EXPECT_LE(ranges, ranges_before);
    ranges_before = ranges;
  }
  EXPECT_EQ(ranges_before, 1);
}

TEST(KeyTable, ASmallBudgetTakesManyRanges) {
  KeyTable<Count> table(1, 1 << 20);
  int64_t ranges = 0;
  double share = 0;
  for (; table.next_range(); ++ranges) {
    for (uint64_t key = 0; key < 10000; ++key) {
      if (table.covers(mix64(key))) table.find_or_add(key, mix64(key));
    }
    share += table.share();
    EXPECT_EQ(table.covers_all(), false);
  }
  EXPECT_GT(ranges, 50);
  EXPECT_NEAR(share, 1, 1e-9);
}

}  // namespace
}  // namespace hotrow
