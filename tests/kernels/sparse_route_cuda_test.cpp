// The CUDA kernels of kernels/sparse_route.h against the naive reference.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <random>
#include <vector>

#include "kernels/sparse_route.h"
#include "tests/kernels/random_ids.h"
#include "tests/reference/sparse_route_ref.h"
#include "tests/support/cuda_on_host/cuda_on_host.h"
#include "tests/support/device_memory.h"
#include "tests/support/error_text.h"

namespace hotrow {
namespace {

using test::DeviceVector;
using test::random_ids;

// A block checks 1024 numbers, a thread four of them.
constexpr int64_t kSizes[] = {0, 1, 31, 33, 255, 257, 1023, 1024, 1025, 5001};

template <class In, class Out>
struct Widths {
  using From = In;
  using To = Out;
};
template <class Widths>
class SparseRouteCuda : public ::testing::Test {};
using AllWidths = ::testing::Types<Widths<int32_t, int32_t>, Widths<int32_t, int64_t>,
                                   Widths<int64_t, int32_t>, Widths<int64_t, int64_t>>;
TYPED_TEST_SUITE(SparseRouteCuda, AllWidths);

// Ids with the number of rows, or offsets with the number of ids.
template <class In>
struct List {
  std::vector<In> in;
  int64_t limit;
  bool offsets;

  int64_t first_bad() const {
    return offsets ? reference::first_bad_offset_ref(in, limit)
                   : reference::first_bad_id_ref(in, limit);
  }
  int64_t copied(size_t i) const {
    if (offsets) return std::clamp<int64_t>(in[i], 0, limit);
    return in[i] >= 0 && in[i] < limit ? in[i] : 0;
  }
};

// Copies all lists in one call. Outputs have room for one number too many, which must stay as it
// was. Returns what was found bad.
template <class Out, class In>
std::vector<int64_t> copy_all(const std::vector<List<In>>& lists) {
  constexpr Out kUntouched = 77;
  std::vector<DeviceVector<In>> from;
  std::vector<DeviceVector<Out>> to;
  std::vector<RouteList<Out, In>> routes;
  int64_t max_n = 0;
  for (const List<In>& list : lists) {
    from.emplace_back(list.in);
    to.emplace_back(std::vector<Out>(list.in.size() + 1, kUntouched));
    routes.push_back(
        {to.back().data(), from.back().data(), std::ssize(list.in), list.limit, list.offsets});
    max_n = std::max(max_n, std::ssize(list.in));
  }
  const DeviceVector<RouteList<Out, In>> device_routes(routes);
  DeviceVector<int64_t> bad(std::vector<int64_t>(lists.size(), 12345));
  copy_lists<Out, In>({device_routes.data(), routes.size()}, bad.data(), max_n, CudaStream{});
  for (size_t l = 0; l < lists.size(); ++l) {
    const std::vector<Out> out = to[l].get();
    for (size_t i = 0; i < lists[l].in.size(); ++i) {
      EXPECT_EQ(int64_t{out[i]}, lists[l].copied(i)) << "list " << l << " at " << i;
    }
    EXPECT_EQ(out.back(), kUntouched);
  }
  return bad.get();
}

template <class Out, class In>
int64_t check(const List<In>& list) {
  const int64_t bad = copy_all<Out, In>({list})[0];
  EXPECT_EQ(bad, list.first_bad());
  return bad;
}

template <class Out, class In>
void check_ids(const std::vector<In>& ids, int64_t rows) {
  check<Out, In>({ids, rows, false});
}

TYPED_TEST(SparseRouteCuda, CopiesIdsAndFindsTheFirstBadOne) {
  using Id = typename TypeParam::From;
  using Out = typename TypeParam::To;
  using Limits = std::numeric_limits<Id>;
  std::mt19937 random(1);
  for (int64_t n : kSizes) {
    for (uint64_t seed : {1, 2, 3}) {
      cuda_on_host::set_schedule_seed(seed);
      auto ids = random_ids<Id>(n, 1000, static_cast<uint32_t>(n));
      if (n > 0) ids.back() = 999;
      check_ids<Out>(ids, 1000);
      for (int bad = 0; bad < 6 && n > 0; ++bad) {  // together, ever more of them
        const Id values[] = {1000, -1, Limits::min(), Limits::max()};
        ids[random() % ids.size()] = values[random() % 4];
        check_ids<Out>(ids, 1000);
      }
    }
  }
}

TYPED_TEST(SparseRouteCuda, EdgesOfTables) {
  using Id = typename TypeParam::From;
  using Out = typename TypeParam::To;
  check_ids<Out>(std::vector<Id>{0}, 0);  // a table without rows has no good id
  check_ids<Out>(std::vector<Id>{}, 0);
  check_ids<Out>(std::vector<Id>{0}, 1);
  check_ids<Out>(std::vector<Id>{0, 1, std::numeric_limits<int32_t>::max()}, int64_t{1} << 31);
  check_ids<Out>(std::vector<Id>(5000, -1), 5);  // many of one thread
}

template <class Out, class In>
int64_t check_offsets(const std::vector<In>& offsets, int64_t num_ids) {
  return check<Out, In>({offsets, num_ids, true});
}

TYPED_TEST(SparseRouteCuda, ChecksOffsets) {
  using Id = typename TypeParam::From;
  using Out = typename TypeParam::To;
  using Offsets = std::vector<Id>;
  EXPECT_EQ(check_offsets<Out>(Offsets{0}, 0), -1);
  EXPECT_EQ(check_offsets<Out>(Offsets{0}, 1), 0);
  EXPECT_EQ(check_offsets<Out>(Offsets{1, 2}, 2), 0);
  EXPECT_EQ(check_offsets<Out>(Offsets{-1, 2}, 2), 0);
  EXPECT_EQ(check_offsets<Out>(Offsets{0, 2, 2, 5}, 5), -1);
  EXPECT_EQ(check_offsets<Out>(Offsets{0, 2, 1, 5}, 5), 2);
  EXPECT_EQ(check_offsets<Out>(Offsets{0, 6, 6, 5}, 5), 1);
  EXPECT_EQ(check_offsets<Out>(Offsets{0, 2, 2, 4}, 5), 3);
  EXPECT_EQ(check_offsets<Out>(Offsets{0, 2, 6, 7}, 5), 2);
  EXPECT_EQ(check_offsets<Out>(Offsets{0, std::numeric_limits<Id>::min(), 2, 5}, 5), 1);
  EXPECT_EQ(check_offsets<Out>(Offsets{0, std::numeric_limits<Id>::max(), 2, 5}, 5), 1);
  Offsets falling(3000);
  for (size_t i = 1; i < falling.size(); ++i) falling[i] = static_cast<Id>(9000 - i);
  EXPECT_EQ(check_offsets<Out>(falling, 9000), 2);
  for (int64_t bags : kSizes) {
    auto offsets = random_ids<Id>(bags + 1, 100000, static_cast<uint32_t>(bags));
    std::sort(offsets.begin(), offsets.end());
    offsets[0] = 0;
    const int64_t ids = offsets.back();
    EXPECT_EQ(check_offsets<Out>(offsets, ids), -1);
    if (bags < 3) continue;
    for (int64_t at : {bags - 1, bags / 2, int64_t{1}}) {  // each is the first when it is set
      cuda_on_host::set_schedule_seed(static_cast<uint64_t>(at));
      offsets[static_cast<size_t>(at)] = -1;
      EXPECT_EQ(check_offsets<Out>(offsets, ids), at);
    }
  }
}

// Good and bad lists of all lengths beside each other: none has a say in what another one is.
TYPED_TEST(SparseRouteCuda, CopiesAllListsOfABatchAtOnce) {
  using Id = typename TypeParam::From;
  using Out = typename TypeParam::To;
  std::vector<List<Id>> lists;
  std::vector<int64_t> want;
  for (int64_t n : kSizes) {
    auto ids = random_ids<Id>(n, 500, static_cast<uint32_t>(n));
    auto offsets = random_ids<Id>(n + 1, 5000, static_cast<uint32_t>(n));
    std::sort(offsets.begin(), offsets.end());
    offsets[0] = 0;
    const int64_t num_ids = offsets.back();
    lists.push_back({ids, 500, false});
    lists.push_back({offsets, num_ids, true});
    lists.push_back({offsets, num_ids + 1, true});
    if (n > 0) ids[static_cast<size_t>(n / 2)] = 500;
    lists.push_back({ids, 500, false});
    want.insert(want.end(), {-1, -1, n, n > 0 ? n / 2 : -1});
  }
  for (uint64_t seed : {1, 2, 3}) {
    cuda_on_host::set_schedule_seed(seed);
    EXPECT_EQ((copy_all<Out, Id>(lists)), want);
  }
  EXPECT_EQ((copy_all<Out, Id>({})), std::vector<int64_t>());
}

TYPED_TEST(SparseRouteCuda, SplitsIntoQuotientAndRemainder) {
  using Id = typename TypeParam::From;
  for (int64_t n : kSizes) {
    for (Id collisions : {1, 2, 7, 60000}) {
      const auto ids = random_ids<Id>(n, 1 << 20, 4);
      const DeviceVector<Id> in(ids);
      DeviceVector<Id> quotient(std::vector<Id>(ids.size() + 1, -5)), remainder(quotient.get());
      quotient_remainder(quotient.data(), remainder.data(), in.data(), n, collisions, CudaStream{});
      const auto q = quotient.get(), r = remainder.get();
      for (size_t i = 0; i < ids.size(); ++i) {
        ASSERT_EQ(q[i], ids[i] / collisions);
        ASSERT_EQ(r[i], ids[i] % collisions);
      }
      EXPECT_EQ(q.back(), -5);
      EXPECT_EQ(r.back(), -5);
    }
  }
}

TEST(SparseRouteCudaWide, AnIdThatWouldWrapIsFound) {
  check_ids<int32_t>(std::vector<int64_t>{(int64_t{1} << 32) + 5}, 10);  // 5 in 32 bits
}

TEST(SparseRouteCudaWide, WhatDoesNotFitIsBad) {
  constexpr int64_t kMost = std::numeric_limits<int32_t>::max();
  const auto bad = [](const std::vector<int64_t>& in, bool offsets) {
    const DeviceVector<int64_t> from(in);
    DeviceVector<int32_t> to(in.size());
    const DeviceVector<RouteList<int32_t, int64_t>> list(std::vector<RouteList<int32_t, int64_t>>{
        {to.data(), from.data(), std::ssize(in), int64_t{1} << 40, offsets}});
    DeviceVector<int64_t> first(1);
    copy_lists<int32_t, int64_t>({list.data(), 1}, first.data(), std::ssize(in), CudaStream{});
    EXPECT_EQ(to.get().back(), offsets ? kMost : 0);
    return first.get()[0];
  };
  EXPECT_EQ(bad({5, kMost, kMost + 1}, false), 2);
  EXPECT_EQ(bad({0, kMost + 1, int64_t{1} << 40}, true), 1);
}

TEST(SparseRouteCudaWide, RefusesWhatTheCpuRefuses) {
  int32_t* const out = nullptr;
  EXPECT_EQ(test::error_text([&] { quotient_remainder(out, out, out, 1, 0, CudaStream{}); }),
            "[quotient_remainder] bad collisions: got 0, expected at least 1");
}

}  // namespace
}  // namespace hotrow
