// The expected numbers were printed by NumPy 2.4.6 (numpy.random.seed and the functions named
// beside them).
#include "engine/rng.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <numeric>
#include <vector>

#include "kernels/core/check.h"

namespace hotrow {
namespace {

TEST(NumpyRandom, UniformIsRand) {
  NumpyRandom rng(123);
  for (double want :
       {0x1.64979beda10f5p-1, 0x1.2501b5b6d822ap-2, 0x1.d0977eb0ddd44p-3, 0x1.1a45edee068f0p-1}) {
    EXPECT_EQ(rng.uniform(), want);
  }
}

TEST(NumpyRandom, UniformCrossesTheBlockOfTheGenerator) {
  NumpyRandom rng(0);
  for (int i = 0; i < 700; ++i) rng.uniform();
  EXPECT_EQ(rng.uniform(), 0x1.7e2c52d113bcap-2);
  EXPECT_EQ(rng.uniform(), 0x1.c86cd34eb0338p-3);
  EXPECT_EQ(rng.uniform(), 0x1.49dbed13163c8p-4);
}

TEST(NumpyRandom, LargestSeed) {
  NumpyRandom rng(4294967295u);
  EXPECT_EQ(rng.uniform(), 0x1.8fe69a3924820p-4);
  EXPECT_EQ(rng.uniform(), 0x1.d323d824032b1p-1);
}

TEST(NumpyRandom, RawWordsAreRandintOverAllOfUint32) {
  NumpyRandom rng(11);
  for (uint32_t want : {774252441u, 293375679u, 83645520u, 2854952027u, 1989508433u}) {
    EXPECT_EQ(rng.next_u32(), want);
  }
}

TEST(NumpyRandom, UniformOfBounds) {
  NumpyRandom rng(123);
  EXPECT_EQ(rng.uniform(-0.5, 0.25), 0x1.6e369e4719700p-6);
  EXPECT_EQ(rng.uniform(-0.5, 0.25), -0x1.243eb7b6dde60p-2);
  EXPECT_EQ(rng.uniform(-0.5, 0.25), -0x1.51c7307dacd06p-2);
}

TEST(NumpyRandom, NormalUsesItsStoredValue) {
  NumpyRandom rng(123);
  for (double want : {-0x1.abd7c6416ce1cp+0, 0x1.3f5207fbe419ap+1, 0x1.10e28ec53581cp+0,
                      -0x1.419c87c66a773p+1, -0x1.507c959ea61dep-1}) {
    EXPECT_EQ(rng.normal(0.5, 2.0), want);
  }
}

// rand(1000000).sum() is pairwise in NumPy: only near; the normals after it must be exact.
TEST(NumpyRandom, LongStream) {
  NumpyRandom rng(3);
  double sum = 0;
  for (int i = 0; i < 1'000'000; ++i) sum += rng.uniform();
  EXPECT_NEAR(sum, 0x1.e8b18cbbed4f4p+18, 1e-5);
  std::vector<double> normal(100'000);
  for (double& value : normal) value = rng.normal(0, 1);
  EXPECT_EQ(normal[0], -0x1.871f43aa5308dp-2);
  EXPECT_EQ(normal[1], -0x1.051cbbb3d6be9p+1);
  EXPECT_EQ(normal[99'998], 0x1.1c7f77be567a1p-3);
  EXPECT_EQ(normal[99'999], 0x1.2c73b7f06209cp-1);
  EXPECT_EQ(rng.uniform(), 0x1.fcd534064eca9p-1);
}

TEST(NumpyRandom, Permutations) {
  struct Case {
    uint32_t seed;
    std::vector<int64_t> want;
    double next;  // the rand(1) that follows: as many draws were taken as NumPy takes
  };
  const Case cases[] = {
      {5, {}, 0x1.c6a45b0e2048cp-3},
      {5, {0}, 0x1.c6a45b0e2048cp-3},
      {5, {0, 1}, 0x1.c4091b7ba13f0p-5},
      {5, {5, 1, 7, 2, 9, 12, 10, 4, 8, 0, 11, 6, 3}, 0x1.fb4ce18c039fep-1},
      {99, {10, 11, 0, 7, 6, 15, 16, 12, 5, 4, 2, 13, 14, 8, 9, 3, 1}, 0x1.863300e28893ep-2},
  };
  for (const Case& c : cases) {
    NumpyRandom rng(c.seed);
    EXPECT_EQ(rng.permutation(static_cast<int64_t>(c.want.size())), c.want);
    EXPECT_EQ(rng.uniform(), c.next);
  }
}

TEST(NumpyRandom, LargePermutation) {
  constexpr int64_t kItems = 100'003;
  NumpyRandom rng(7);
  const std::vector<int64_t> items = rng.permutation(kItems);
  ASSERT_EQ(static_cast<int64_t>(items.size()), kItems);
  EXPECT_EQ(std::vector<int64_t>(items.begin(), items.begin() + 5),
            (std::vector<int64_t>{1310, 25378, 65590, 82519, 42273}));
  int64_t checksum = 0;
  for (int64_t i = 0; i < kItems; ++i) checksum += items[i] * i % 1'000'003;
  EXPECT_EQ(checksum, 49'921'017'220);
  EXPECT_EQ(rng.uniform(), 0x1.d623de69a83a2p-1);
}

// randint(0, 2**40 + 12345, dtype=int64): beyond 32 bits a draw takes two words, the high one
// first.
TEST(NumpyRandom, WideInterval) {
  NumpyRandom rng(21);
  for (uint64_t want : {206313683312u, 519483162019u, 810450334306u, 871217742664u}) {
    EXPECT_EQ(rng.interval((uint64_t{1} << 40) + 12344), want);
  }
}

TEST(NumpyRandom, IntervalOfOneValueDrawsNothing) {
  NumpyRandom rng(123);
  EXPECT_EQ(rng.interval(0), 0u);
  EXPECT_EQ(rng.uniform(), 0x1.64979beda10f5p-1);
}

// rand, normal, rand x2, normal(1, 3) x2, permutation(5), normal x2; then seed, normal.
TEST(NumpyRandom, Interleaved) {
  NumpyRandom rng(42);
  EXPECT_EQ(rng.uniform(), 0x1.7f8771e5f51ecp-2);
  EXPECT_EQ(rng.normal(0, 1), -0x1.1ca42ce8158a6p+0);
  EXPECT_EQ(rng.uniform(), 0x1.3f7a0e1997f4cp-3);
  EXPECT_EQ(rng.uniform(), 0x1.dbd229d645570p-5);
  EXPECT_EQ(rng.normal(1, 3), 0x1.f4eab88197708p+0);
  EXPECT_EQ(rng.normal(1, 3), 0x1.d64dc018b3135p+0);
  EXPECT_EQ(rng.permutation(5), (std::vector<int64_t>{4, 3, 0, 1, 2}));
  EXPECT_EQ(rng.normal(0, 1), 0x1.02b121345a26fp+0);
  EXPECT_EQ(rng.normal(0, 1), 0x1.dd610964eb51ap-3);
  rng.seed(42);  // forgets the stored value
  EXPECT_EQ(rng.normal(0, 1), 0x1.fca2a28a9307cp-2);
}

TEST(NumpyRandom, NegativePermutationIsRefused) {
  NumpyRandom rng(1);
  EXPECT_THROW(rng.permutation(-1), InvalidArgument);
}

}  // namespace
}  // namespace hotrow
