// The expected bits come from RandomDataset of facebookresearch/dlrm, run with NumPy: a digest of
// all of a pass (dense, then per table the offsets and the ids, then the targets of each batch),
// and the numpy.random.rand() that follows it, which tells that as many numbers were drawn.
#include "data/synthetic.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "kernels/core/check.h"
#include "tests/data/batch_digest.h"
#include "tests/support/error_text.h"

namespace hotrow {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Kind = IdDistribution::Kind;

SyntheticConfig config(int64_t num_dense, std::vector<int64_t> rows, int64_t data_size,
                       int64_t batch_size, int64_t ids) {
  SyntheticConfig c;
  c.num_dense = num_dense;
  c.table_rows = std::move(rows);
  c.data_size = data_size;
  c.batch_size = batch_size;
  c.max_ids_per_bag = ids;
  return c;
}

void expect_pass(const SyntheticConfig& c, const IdDistribution& d, uint64_t digest, double next) {
  NumpyRandom stream(99);  // the pass seeds it
  const auto reader = make_random_reader(c, d, stream);
  EXPECT_EQ(digest_of_pass(*reader), digest);
  EXPECT_EQ(stream.uniform(), next);
  EXPECT_EQ(digest_of_pass(*reader), digest) << "second pass";
}

TEST(RandomReader, UniformPasses) {
  SyntheticConfig c = config(4, {4, 3, 2}, 6, 2, 10);
  expect_pass(c, {}, 0x459017824ed1bbe1u, 0x1.397d08c38acd0p-3);
  c.seed = 727;
  expect_pass(c, {}, 0x320596148d5e1e59u, 0x1.979e99f2c71e7p-1);
  expect_pass(config(13, {1, 2, 1000, 17, 1000003}, 101, 7, 5), {}, 0xadd777e0f269f6aau,
              0x1.f7776f1d207cdp-1);
  expect_pass(config(1, {3}, 1, 1, 1), {}, 0x27273864b88700e8u, 0x1.705e3c9f6e7e1p-1);
  expect_pass(config(0, {5, 6}, 11, 3, 4), {}, 0x24eb7f4fc8893eaeu, 0x1.6249ee3a39a96p-1);
  expect_pass(config(2, {100, 50000}, 30, 8, 100), {}, 0xd8a79fe5097e0311u, 0x1.e934fb7d84761p-1);
}

TEST(RandomReader, FixedCountOfIds) {
  SyntheticConfig c = config(3, {100, 7, 1}, 50, 13, 40);
  c.fixed_ids_per_bag = true;
  expect_pass(c, {}, 0xa0bf9ff6e45b0e0fu, 0x1.8f6dbfad30fc0p-5);
}

TEST(RandomReader, RoundedTargets) {
  SyntheticConfig c = config(4, {4, 3, 2}, 64, 9, 10);
  c.round_targets = true;
  expect_pass(c, {}, 0xc0d01cb1ad84456bu, 0x1.0e0ecd36d5afbp-1);
}

TEST(RandomReader, GaussianPasses) {
  const SyntheticConfig c = config(4, {4, 3, 2}, 20, 3, 10);
  expect_pass(c, {.kind = Kind::kGaussian}, 0xf475aad47b17ed88u, 0x1.115980de5fc26p-1);
  expect_pass(c, {.kind = Kind::kGaussian, .max = 1.9}, 0xaf7d367a20bb479eu, 0x1.115980de5fc26p-1);
  expect_pass(config(5, {1000, 70, 61}, 40, 7, 33),
              {.kind = Kind::kGaussian, .min = 0.25, .max = 60.5, .mu = 21.5, .sigma = 17},
              0x37137a15cd34d5b3u, 0x1.c5431b3fd7dd4p-2);
  SyntheticConfig fixed = config(5, {1000, 70, 61}, 41, 7, 9);
  fixed.fixed_ids_per_bag = fixed.round_targets = true;
  expect_pass(fixed, {.kind = Kind::kGaussian, .min = 0, .max = 60, .mu = 30, .sigma = 8},
              0x7dbd9c5d9ef373c2u, 0x1.c43b3b44068fcp-1);
}

// Merged as doubles, cut to integers afterwards: bags repeat ids. Digits of the first bags of batch
// 0.
TEST(RandomReader, GaussianBagsRepeatIds) {
  NumpyRandom stream(1);
  const auto reader = make_random_reader(
      config(5, {1000, 70, 61}, 41, 7, 9),
      {.kind = Kind::kGaussian, .min = 0, .max = 60, .mu = 2, .sigma = 1}, stream);
  Batch batch;
  ASSERT_TRUE(reader->next(batch));
  EXPECT_THAT(batch.sparse[1].offsets, ElementsAre(0, 3, 11, 12, 16, 17, 23, 25));
  EXPECT_THAT(batch.sparse[1].ids, ElementsAre(2, 2, 3, 0, 1, 1, 1, 1, 1, 3, 3, 2, 0, 1, 2, 4, 1, 0,
                                               1, 1, 2, 3, 3, 0, 1));
}

// The printed data of the reference's first batch, seed 123.
TEST(RandomReader, FirstBatch) {
  NumpyRandom stream(1);
  const auto reader = make_random_reader(config(4, {4, 3, 2}, 5, 2, 10), {}, stream);
  EXPECT_EQ(reader->batch_size(), 2);
  EXPECT_EQ(reader->num_batches(), 3);
  EXPECT_EQ(reader->shape().num_dense, 4);
  ASSERT_EQ(reader->shape().categorical.size(), 3u);
  EXPECT_EQ(reader->shape().categorical[1].rows, 3);
  EXPECT_EQ(reader->shape().categorical[1].max_ids_per_bag, 3);
  Batch batch;
  ASSERT_TRUE(reader->next(batch));
  EXPECT_EQ(batch.rows, 2);
  EXPECT_EQ(batch.first_line, 1);
  EXPECT_FLOAT_EQ(batch.dense[0], 0.6964692f);
  EXPECT_FLOAT_EQ(batch.dense[7], 0.6848297f);
  EXPECT_THAT(batch.sparse[0].offsets, ElementsAre(0, 1, 3));
  EXPECT_THAT(batch.sparse[0].ids, ElementsAre(1, 0, 1));
  EXPECT_THAT(batch.sparse[1].ids, ElementsAre(0, 1));
  EXPECT_THAT(batch.sparse[2].ids, ElementsAre(1, 0));
  EXPECT_NEAR(batch.labels[0], 0.36179, 5e-6);
  EXPECT_NEAR(batch.labels[1], 0.22826, 5e-6);
  ASSERT_TRUE(reader->next(batch));
  ASSERT_TRUE(reader->next(batch));
  EXPECT_EQ(batch.rows, 1);
  EXPECT_EQ(batch.first_line, 5);
  EXPECT_FALSE(reader->next(batch));
  EXPECT_FALSE(reader->next(batch));
}

// A test pass in the midst of training re-seeds the stream that both share.
TEST(RandomReader, PassesShareTheStream) {
  NumpyRandom stream(1);
  const auto train = make_random_reader(config(4, {4, 3, 2}, 6, 2, 10), {}, stream);
  const auto test = make_random_reader(config(4, {4, 3, 2}, 6, 2, 10), {}, stream);
  Digest digest;
  Batch batch;
  for (int j = 0; j < 2; ++j) {
    train->next(batch);
    digest.add(batch);
  }
  test->rewind();
  while (test->next(batch)) {
  }
  ASSERT_TRUE(train->next(batch));
  digest.add(batch);
  EXPECT_EQ(digest.value(), 0x4d33c9083d57b829u);
}

TEST(RandomReader, RewindDrawsNothing) {
  NumpyRandom stream(5), untouched(5);
  const auto reader = make_random_reader(config(4, {4, 3, 2}, 6, 2, 10), {}, stream);
  reader->rewind();
  EXPECT_EQ(stream.next_u32(), untouched.next_u32());
}

// All inputs, then all targets; drawn by the constructor, so that a model made next takes the
// numbers after.
TEST(RandomReader, OrderOfTheReadme) {
  SyntheticConfig c = config(4, {4, 3, 2}, 5, 2, 10);
  c.order = DrawOrder::kReadme;
  NumpyRandom stream(1);
  const auto reader = make_random_reader(c, {}, stream);
  EXPECT_EQ(stream.uniform(), 0x1.2519140d964acp-1);
  EXPECT_EQ(digest_of_pass(*reader), 0x245bff0d48898c55u);
  EXPECT_EQ(digest_of_pass(*reader), 0x245bff0d48898c55u);

  c.data_size = 6;  // the printed digits of the README's sample
  const auto sample = make_random_reader(c, {}, stream);
  Batch batch;
  ASSERT_TRUE(sample->next(batch));
  EXPECT_NEAR(batch.dense[0], 0.69647, 5e-6);
  EXPECT_NEAR(batch.labels[0], 0.55679, 5e-6);
  EXPECT_NEAR(batch.labels[1], 0.15896, 5e-6);
  ASSERT_TRUE(sample->next(batch));
  EXPECT_NEAR(batch.dense[0], 0.36179, 5e-6);
  EXPECT_NEAR(batch.labels[0], 0.15307, 5e-6);
}

// A batch is reused: its first use must already reserve for the largest.
TEST(RandomReader, NothingGrowsAfterTheFirstBatch) {
  NumpyRandom stream(1);
  const auto reader = make_random_reader(config(13, {100, 7, 1000}, 5000, 50, 13), {}, stream);
  Batch batch;
  reader->next(batch);
  EXPECT_GE(batch.sparse[0].ids.capacity(), 50u * 13u);
  EXPECT_GE(batch.sparse[1].ids.capacity(), 50u * 7u);
  const int64_t* ids = batch.sparse[2].ids.data();
  const float* dense = batch.dense.data();
  while (reader->next(batch)) {
  }
  EXPECT_EQ(batch.sparse[2].ids.data(), ids);
  EXPECT_EQ(batch.dense.data(), dense);
}

TEST(RandomReader, GaussianIdOutsideItsTable) {
  const auto error = [](double min, double max) -> std::string {
    NumpyRandom stream(1);
    const auto reader =
        make_random_reader(config(1, {100, 3}, 40, 8, 10),
                           {.kind = Kind::kGaussian, .min = min, .max = max, .sigma = 3}, stream);
    Batch batch;
    try {
      while (reader->next(batch)) {
      }
    } catch (const DataError& e) {
      return e.what();
    }
    return "(nothing was thrown)";
  };
  EXPECT_EQ(error(0, 2), "(nothing was thrown)");
  EXPECT_THAT(error(0, 3), AllOf(HasSubstr("[random data] id of table 1, sample "),
                                 HasSubstr("got 3, expected 0 to 2 in a table of 3 rows"),
                                 HasSubstr("rand-data-max")));
  EXPECT_THAT(error(-1, 2), HasSubstr("id of table 0, sample "));
  EXPECT_THAT(error(-1, 2), HasSubstr("got -1, expected 0 to 99"));
}

template <class Change>
std::string refusal(Change change) {
  SyntheticConfig c = config(4, {4, 3}, 6, 2, 10);
  IdDistribution d;
  change(c, d);
  NumpyRandom stream(1);
  return test::error_text([&] { make_random_reader(c, d, stream); });
}

TEST(RandomReader, Refusals) {
  using C = SyntheticConfig;
  using D = IdDistribution;
  EXPECT_THAT(refusal([](C& c, D&) { c.data_size = 0; }),
              HasSubstr("[data-size] got 0, expected at least 1"));
  EXPECT_THAT(refusal([](C& c, D&) { c.batch_size = -3; }), HasSubstr("[mini-batch-size] got -3"));
  EXPECT_THAT(refusal([](C& c, D&) { c.num_dense = -1; }), HasSubstr("dense features: got -1"));
  EXPECT_THAT(refusal([](C& c, D&) { c.max_ids_per_bag = 0; }),
              HasSubstr("[num-indices-per-lookup] got 0"));
  EXPECT_THAT(refusal([](C& c, D&) { c.table_rows[1] = 0; }), HasSubstr("rows of table 1: got 0"));
  const auto gaussian = [](auto change) {
    return refusal([&](C&, D& d) {
      d.kind = Kind::kGaussian;
      change(d);
    });
  };
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_THAT(gaussian([](D& d) { d.min = 2; }),
              HasSubstr("[rand-data-min, rand-data-max] got 2 and 1"));
  EXPECT_THAT(gaussian([](D& d) { d.max = 1e300; }), HasSubstr("rand-data-max] got 0 and 1e+300"));
  EXPECT_THAT(gaussian([](D& d) { d.sigma = -0.5; }), HasSubstr("[rand-data-sigma] got -0.5"));
  EXPECT_THAT(gaussian([](D& d) { d.mu = kNan; }), HasSubstr("[rand-data-mu] got nan"));
}

}  // namespace
}  // namespace hotrow
