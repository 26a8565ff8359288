// The CUDA kernels of kernels/sparse_route.h against the naive reference.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <random>
#include <vector>

#include "kernels/sparse_route.h"
#include "tests/reference/sparse_route_ref.h"
#include "tests/support/cuda_on_host/cuda_on_host.h"
#include "tests/support/device_memory.h"
#include "tests/support/error_text.h"

namespace hotrow {
namespace {

using test::DeviceVector;

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

template <class Id>
std::vector<Id> random_ids(int64_t n, int64_t rows, uint32_t seed) {
  std::mt19937_64 random(seed);
  std::uniform_int_distribution<int64_t> uniform(0, rows - 1);
  std::vector<Id> ids(static_cast<size_t>(n));
  for (Id& id : ids) id = static_cast<Id>(uniform(random));
  return ids;
}

template <class Out>
struct Routed {
  std::vector<Out> out;
  int64_t bad;
};

// `out` has room for one number too many, which must stay as it was.
template <class Out, class In, class Copy>
Routed<Out> routed(const std::vector<In>& in, const Copy& copy) {
  constexpr Out kUntouched = 77;
  const DeviceVector<In> from(in);
  DeviceVector<Out> out(std::vector<Out>(in.size() + 1, kUntouched));
  DeviceVector<int64_t> bad(std::vector<int64_t>{12345});
  copy(out.data(), bad.data(), from.data());
  Routed<Out> result{out.get(), bad.get()[0]};
  EXPECT_EQ(result.out.back(), kUntouched);
  result.out.pop_back();
  return result;
}

template <class Out, class In>
void check_ids(const std::vector<In>& ids, int64_t rows) {
  const auto got = routed<Out>(ids, [&](Out* out, int64_t* bad, const In* in) {
    copy_ids(out, bad, in, std::ssize(ids), rows, CudaStream{});
  });
  EXPECT_EQ(got.bad, reference::first_bad_id_ref(ids, rows));
  for (size_t i = 0; i < ids.size(); ++i) {
    const bool good = ids[i] >= 0 && ids[i] < rows;
    ASSERT_EQ(got.out[i], good ? static_cast<Out>(ids[i]) : 0) << i;
  }
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
  const auto got = routed<Out>(offsets, [&](Out* out, int64_t* bad, const In* in) {
    copy_offsets(out, bad, in, std::ssize(offsets) - 1, num_ids, CudaStream{});
  });
  EXPECT_EQ(got.bad, reference::first_bad_offset_ref(offsets, num_ids));
  for (size_t i = 0; i < offsets.size(); ++i) {
    EXPECT_EQ(int64_t{got.out[i]}, std::clamp<int64_t>(offsets[i], 0, num_ids)) << i;
  }
  return got.bad;
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

TEST(SparseRouteCudaWide, RefusesWhatTheCpuRefuses) {
  int32_t* const out = nullptr;
  const int64_t* const in = nullptr;
  const int64_t most = int64_t{1} << 31;
  EXPECT_EQ(test::error_text([&] { copy_ids(out, nullptr, in, 1, most + 1, CudaStream{}); }),
            test::error_text([&] { copy_ids(out, in, 1, most + 1, CpuStream{}); }));
  EXPECT_EQ(test::error_text([&] { copy_offsets(out, nullptr, in, 1, most, CudaStream{}); }),
            test::error_text([&] { copy_offsets(out, in, 1, most, CpuStream{}); }));
  EXPECT_EQ(test::error_text([&] { quotient_remainder(out, out, out, 1, 0, CudaStream{}); }),
            "[quotient_remainder] bad collisions: got 0, expected at least 1");
}

}  // namespace
}  // namespace hotrow
