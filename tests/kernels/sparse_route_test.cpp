#include "kernels/sparse_route.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <random>
#include <vector>

#include "kernels/core/check.h"
#include "kernels/core/parallel.h"
#include "tests/kernels/random_ids.h"
#include "tests/reference/sparse_route_ref.h"

namespace hotrow {
namespace {

using test::random_ids;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

template <class Id>
class SparseRoute : public ::testing::Test {
 protected:
  void TearDown() override { set_num_threads(1); }
};
using Ids = ::testing::Types<int32_t, int64_t>;
TYPED_TEST_SUITE(SparseRoute, Ids);

TYPED_TEST(SparseRoute, FindsTheFirstBadId) {
  constexpr int64_t kRows = 1000, kIds = 100003;  // four tasks
  constexpr auto kMin = std::numeric_limits<TypeParam>::min();
  constexpr auto kMax = std::numeric_limits<TypeParam>::max();
  std::vector<int32_t> out(kIds);
  for (int threads : {1, 3}) {
    set_num_threads(threads);
    std::vector<TypeParam> ids = random_ids<TypeParam>(kIds, kRows, 1);
    ids[5] = kRows - 1;
    EXPECT_EQ(copy_ids(out.data(), ids.data(), kIds, kRows, CpuStream{}), -1);
    // From the back to the front, so that each is the first when it is set.
    for (int64_t at : {kIds - 1, int64_t{70000}, int64_t{32768}, int64_t{17}, int64_t{0}}) {
      for (TypeParam bad : {TypeParam{kRows}, TypeParam{-1}, kMin, kMax}) {
        ids[static_cast<size_t>(at)] = bad;
        EXPECT_EQ(copy_ids(out.data(), ids.data(), kIds, kRows, CpuStream{}), at) << bad;
        EXPECT_EQ(reference::first_bad_id_ref(ids, kRows), at);
      }
    }
  }
}

TYPED_TEST(SparseRoute, EdgesOfTables) {
  const TypeParam id = 0, last = std::numeric_limits<TypeParam>::max();
  int64_t out;
  EXPECT_EQ(copy_ids(&out, &id, 1, 0, CpuStream{}), 0);  // a table without rows has no good id
  EXPECT_EQ(copy_ids(&out, &id, 0, 0, CpuStream{}), -1);
  EXPECT_EQ(copy_ids(&out, &id, 1, 1, CpuStream{}), -1);
  EXPECT_EQ(copy_ids(&out, &last, 1, int64_t{last}, CpuStream{}), 0);
  EXPECT_EQ(copy_ids(&out, &last, 1, std::numeric_limits<int64_t>::max(), CpuStream{}),
            sizeof(TypeParam) == 4 ? -1 : 0);
}

TYPED_TEST(SparseRoute, ChecksOffsets) {
  using Offsets = std::vector<TypeParam>;
  const auto check = [](const Offsets& offsets, int64_t num_ids) {
    std::vector<int32_t> narrow(offsets.size());
    std::vector<int64_t> wide(offsets.size());
    const int64_t bags = std::ssize(offsets) - 1;
    const int64_t got = copy_offsets(narrow.data(), offsets.data(), bags, num_ids, CpuStream{});
    EXPECT_EQ(got, reference::first_bad_offset_ref(offsets, num_ids));
    EXPECT_EQ(copy_offsets(wide.data(), offsets.data(), bags, num_ids, CpuStream{}), got);
    if (got < 0) {
      EXPECT_EQ(std::vector<int32_t>(offsets.begin(), offsets.end()), narrow);
      EXPECT_EQ(std::vector<int64_t>(offsets.begin(), offsets.end()), wide);
    }
    return got;
  };
  EXPECT_EQ(check({0}, 0), -1);
  EXPECT_EQ(check({0}, 1), 0);
  EXPECT_EQ(check({1, 2}, 2), 0);
  EXPECT_EQ(check({0, 2, 2, 5}, 5), -1);
  EXPECT_EQ(check({0, 2, 1, 5}, 5), 2);
  EXPECT_EQ(check({0, 6, 6, 5}, 5), 1);
  EXPECT_EQ(check({0, 2, 2, 4}, 5), 3);
  EXPECT_EQ(check({0, 2, 2, 6}, 5), 3);
  EXPECT_EQ(check({0, 2, 6, 7}, 5), 2);
  EXPECT_EQ(check({0, -1, 2, 5}, 5), 1);
  EXPECT_EQ(check({0, std::numeric_limits<TypeParam>::min(), 2, 5}, 5), 1);
  EXPECT_EQ(check({0, std::numeric_limits<TypeParam>::max(), 2, 5}, 5), 1);
}

TYPED_TEST(SparseRoute, FindsTheFirstBadOffset) {
  constexpr int64_t kBags = 100003;  // four tasks
  std::vector<int32_t> out(kBags + 1);
  for (int threads : {1, 3}) {
    set_num_threads(threads);
    auto offsets = random_ids<TypeParam>(kBags + 1, 1 << 20, 5);
    std::sort(offsets.begin(), offsets.end());
    offsets[0] = 0;
    const int64_t ids = offsets[kBags];
    const auto check = [&] { return copy_offsets(out.data(), offsets.data(), kBags, ids, {}); };
    EXPECT_EQ(check(), -1);
    EXPECT_TRUE(std::equal(out.begin(), out.end(), offsets.begin()));
    // 25000 and 25001: the last of a task, and the first of the next.
    for (int64_t at : {int64_t{90000}, int64_t{25001}, int64_t{25000}, int64_t{1}}) {
      offsets[static_cast<size_t>(at)] = -1;
      EXPECT_EQ(check(), at);
      EXPECT_EQ(reference::first_bad_offset_ref(offsets, ids), at);
    }
  }
}

TYPED_TEST(SparseRoute, CopiesToBothWidths) {
  for (int64_t n : {0, 1, 31, 70001}) {
    const auto ids = random_ids<TypeParam>(n, 1 << 30, 2);
    std::vector<int32_t> narrow(ids.size());
    std::vector<int64_t> wide(ids.size());
    EXPECT_EQ(copy_ids(narrow.data(), ids.data(), n, 1 << 30, CpuStream{}), -1);
    EXPECT_EQ(copy_ids(wide.data(), ids.data(), n, 1 << 30, CpuStream{}), -1);
    EXPECT_EQ(std::vector<int32_t>(ids.begin(), ids.end()), narrow);
    EXPECT_EQ(std::vector<int64_t>(ids.begin(), ids.end()), wide);
  }
}

TEST(SparseRouteWide, AnIdThatWouldWrapIsFound) {
  const int64_t id = (int64_t{1} << 32) + 5;  // 5 in 32 bits
  int32_t out;
  EXPECT_EQ(copy_ids(&out, &id, 1, 10, CpuStream{}), 0);
}

TEST(SparseRouteWide, RejectsATableThatNeedsWiderIds) {
  const int64_t id = 0;
  int32_t out = 1;
  const int64_t most = int64_t{1} << 31;
  EXPECT_EQ(copy_ids(&out, &id, 1, most, CpuStream{}), -1);
  EXPECT_EQ(out, 0);
  EXPECT_THAT([&] { copy_ids(&out, &id, 1, most + 1, CpuStream{}); },
              ThrowsMessage<InvalidArgument>(HasSubstr(
                  "[copy_ids] 32 bits are too few: got numbers up to 2147483648, expected")));
}

TEST(SparseRouteWide, RejectsIdsThatNeedWiderOffsets) {
  const int64_t offsets[] = {0, int64_t{1} << 31};
  int32_t out[2];
  EXPECT_THAT([&] { copy_offsets(out, offsets, 1, offsets[1], CpuStream{}); },
              ThrowsMessage<InvalidArgument>(
                  HasSubstr("[copy_offsets] 32 bits are too few: got numbers up to 2147483648")));
}

TYPED_TEST(SparseRoute, SplitsIntoQuotientAndRemainder) {
  for (TypeParam collisions : {1, 2, 4, 7, 60000}) {
    for (int threads : {1, 8}) {
      set_num_threads(threads);
      const auto ids = random_ids<TypeParam>(40001, 1 << 20, 4);
      std::vector<TypeParam> quotient(ids.size()), remainder(ids.size());
      quotient_remainder(quotient.data(), remainder.data(), ids.data(), 40001, collisions,
                         CpuStream{});
      for (size_t i = 0; i < ids.size(); ++i) {
        ASSERT_EQ(quotient[i], ids[i] / collisions);
        ASSERT_EQ(remainder[i], ids[i] % collisions);
      }
    }
  }
}

TYPED_TEST(SparseRoute, RejectsNoCollisions) {
  TypeParam id = 0;
  EXPECT_THAT([&] { quotient_remainder(&id, &id, &id, 0, TypeParam{0}, CpuStream{}); },
              ThrowsMessage<InvalidArgument>(
                  HasSubstr("[quotient_remainder] bad collisions: got 0, expected at least 1")));
}

}  // namespace
}  // namespace hotrow
