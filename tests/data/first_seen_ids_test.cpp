#include "data/first_seen_ids.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <vector>

namespace hotrow {
namespace {

TEST(FirstSeenIds, NumbersByFirstOccurrence) {
  FirstSeenIds ids;
  std::vector<int32_t> seen;
  uint32_t x = 1;
  for (int i = 0; i < 20000; ++i) {
    x = x * 1664525u + 1013904223u;
    const auto value = static_cast<int32_t>((x >> 8) % 5000 * 0x10001u - 7u);
    const auto at = std::find(seen.begin(), seen.end(), value);
    EXPECT_EQ(ids.id_of(value), at - seen.begin());
    if (at == seen.end()) seen.push_back(value);
  }
  EXPECT_GT(seen.size(), 4000u);
  EXPECT_EQ(ids.values(), seen);
}

}  // namespace
}  // namespace hotrow
