#include "kernels/embedding_bag.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "kernels/core/check.h"
#include "kernels/core/parallel.h"
#include "tests/kernels/embedding_test_data.h"
#include "tests/reference/embedding_bag_ref.h"
#include "tests/support/bounds.h"

namespace hotrow {
namespace {

using test::BatchShape;
using test::TestTable;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

constexpr int64_t kDims[] = {1, 2, 3, 5, 8, 13, 16, 31, 32, 48, 64, 100, 128, 200, 256, 300, 512};
constexpr float kUntouched = 12345;

template <class Id>
class EmbeddingBag : public ::testing::Test {
 protected:
  void TearDown() override { set_num_threads(1); }
};
using Ids = ::testing::Types<int32_t, int64_t>;
TYPED_TEST_SUITE(EmbeddingBag, Ids);

template <class Id>
std::vector<TestTable<Id>> make_tables(int count, BatchShape shape) {
  std::vector<TestTable<Id>> tables;
  for (int t = 0; t < count; ++t) {
    shape.rows = shape.rows * 2 + t;
    shape.weighted = !shape.weighted;
    tables.emplace_back(shape, 17u * static_cast<uint32_t>(t + 1));
  }
  return tables;
}

// Bags in columns [3, 3 + T D) of a matrix that is wider.
template <class Id>
std::vector<float> forward(const std::vector<TestTable<Id>>& tables, Pooling pooling) {
  const BatchShape& shape = tables[0].shape;
  const int64_t width = 3 + shape.dim * std::ssize(tables) + 2;
  std::vector<float> out(static_cast<size_t>(shape.batch * width), kUntouched);
  std::vector<TableLookup<Id>> lookups;
  for (const auto& table : tables) lookups.push_back(table.lookup());
  embedding_bag_forward<Id>({out.data(), {shape.batch, width}}, lookups, 3, pooling, CpuStream{});
  return out;
}

template <class Id>
std::vector<float> weight_grad(const TestTable<Id>& table, const std::vector<float>& dout,
                               Pooling pooling) {
  std::vector<float> dweights(static_cast<size_t>(table.num_ids()), kUntouched);
  embedding_bag_weight_grad(dweights.data(),
                            {dout.data(), {table.shape.batch, table.shape.dim + 3}}, 2,
                            table.lookup(), pooling, CpuStream{});
  return dweights;
}

TYPED_TEST(EmbeddingBag, ForwardIsWithinTheBound) {
  for (int64_t dim : kDims) {
    for (int64_t batch : {0, 1, 7, 33}) {
      for (Pooling pooling : {Pooling::kSum, Pooling::kMean}) {
        SCOPED_TRACE(fmt::format("D={} B={} mean={}", dim, batch, pooling == Pooling::kMean));
        const auto tables =
            make_tables<TypeParam>(3, {.batch = batch, .rows = 5, .dim = dim, .max_bag = 9});
        const auto out = forward(tables, pooling);
        const int64_t stride = 3 + 3 * dim + 2;
        for (int t = 0; t < 3; ++t) {
          const auto want = reference::embedding_bag_exact(tables[t].lookup(), batch, pooling);
          EXPECT_TRUE(test::within_bound(test::columns(out, stride, 3 + t * dim, dim), want, 9));
        }
        for (float x : test::columns(out, stride, 0, 3)) EXPECT_EQ(x, kUntouched);
        for (float x : test::columns(out, stride, stride - 2, 2)) EXPECT_EQ(x, kUntouched);
      }
    }
  }
}

TYPED_TEST(EmbeddingBag, ForwardFollowsTheDocumentedOrderOnEveryVectorWidth) {
  for (int64_t dim : kDims) {
    for (Pooling pooling : {Pooling::kSum, Pooling::kMean}) {
      const auto tables =
          make_tables<TypeParam>(2, {.batch = 9, .rows = 20, .dim = dim, .max_bag = 40});
      test::for_each_fma_instruction_set([&] {
        const auto out = forward(tables, pooling);
        for (int t = 0; t < 2; ++t) {
          EXPECT_EQ(test::columns(out, 2 * dim + 5, 3 + t * dim, dim),
                    reference::embedding_bag_in_order(tables[t].lookup(), 9, pooling))
              << "D=" << dim;
        }
      });
    }
  }
}

TYPED_TEST(EmbeddingBag, ForwardBitsDoNotDependOnThreads) {
  // 5 tables of about 1 MB of rows read: tens of tasks, some over the border between two tables.
  const auto tables =
      make_tables<TypeParam>(5, {.batch = 331, .rows = 100, .dim = 32, .max_bag = 50});
  const auto want = forward(tables, Pooling::kMean);
  for (int threads : {2, 3, 8}) {
    set_num_threads(threads);
    EXPECT_EQ(forward(tables, Pooling::kMean), want) << threads;
  }
}

TYPED_TEST(EmbeddingBag, ATableWithoutRowsHasEmptyBags) {
  const std::vector<TestTable<TypeParam>> tables = {{{.batch = 3, .rows = 0, .dim = 4}, 1}};
  const auto out = forward(tables, Pooling::kMean);
  EXPECT_EQ(test::columns(out, 9, 3, 4), std::vector<float>(12, 0.0f));
}

TYPED_TEST(EmbeddingBag, WithoutOffsetsEveryBagHoldsOneId) {
  TestTable<TypeParam> table({.batch = 50, .rows = 20, .dim = 9, .max_bag = 0}, 1);
  for (int64_t b = 0; b < 50; ++b) {
    table.ids.push_back(static_cast<TypeParam>(b * 7 % 20));
    table.offsets[static_cast<size_t>(b) + 1] = static_cast<TypeParam>(b + 1);
  }
  const auto want = forward<TypeParam>({table}, Pooling::kMean);
  const auto dout = test::test_floats(50 * 12, 2);
  const auto want_grad = weight_grad(table, dout, Pooling::kMean);
  table.offsets.clear();
  EXPECT_EQ(forward<TypeParam>({table}, Pooling::kMean), want);
  EXPECT_EQ(weight_grad(table, dout, Pooling::kMean), want_grad);
}

TYPED_TEST(EmbeddingBag, NoTablesIsNoWork) {
  float out = kUntouched;
  embedding_bag_forward<TypeParam>({&out, {1, 1}}, {}, 0, Pooling::kSum, CpuStream{});
  EXPECT_EQ(out, kUntouched);
}

// torch 2.14: EmbeddingBag(4, 3, mode, include_last_offset=True), weight = arange(12) / 8 - 0.5,
// ids [1,3,1,1,0], offsets [0,2,2,5]; "sum" with per_sample_weights [.5,-1,2,.25,1.5].
TYPED_TEST(EmbeddingBag, ForwardEqualsTorch) {
  TestTable<TypeParam> table({.batch = 3, .rows = 4, .dim = 3, .weighted = true}, 1);
  for (int i = 0; i < 12; ++i) table.rows[i] = static_cast<float>(i) * 0.125f - 0.5f;
  table.ids = {1, 3, 1, 1, 0};
  table.offsets = {0, 2, 2, 5};
  table.weights = {.5f, -1.0f, 2.0f, .25f, 1.5f};
  EXPECT_EQ(
      test::columns(forward<TypeParam>({table}, Pooling::kSum), 8, 3, 3),
      (std::vector<float>{-0.6875f, -0.75f, -0.8125f, 0, 0, 0, -1.03125f, -0.5625f, -0.09375f}));
  table.shape.weighted = false;
  EXPECT_EQ(test::columns(forward<TypeParam>({table}, Pooling::kMean), 8, 3, 3),
            (std::vector<float>{0.25f, 0.375f, 0.5f, 0, 0, 0, -0.25f, -0.125f, 0}));
}

TYPED_TEST(EmbeddingBag, WeightGradIsWithinTheBoundAndInOrder) {
  for (int64_t dim : kDims) {
    for (Pooling pooling : {Pooling::kSum, Pooling::kMean}) {
      const TestTable<TypeParam> table({.batch = 13, .rows = 9, .dim = dim, .weighted = true}, 5);
      const auto dout = test::test_floats(13 * (dim + 3), 6);
      const ConstMatrix view{dout.data(), {13, dim + 3}};
      const auto got = weight_grad(table, dout, pooling);
      const auto want =
          reference::embedding_bag_weight_grad_exact(view, 2, table.lookup(), pooling);
      EXPECT_TRUE(test::within_bound(got, want, dim)) << "D=" << dim;
      test::for_each_fma_instruction_set([&] {
        std::vector<float> in_order;
        for (int64_t b = 0; b < 13; ++b) {
          const int64_t count = table.offsets[b + 1] - table.offsets[b];
          const float scale = pooling == Pooling::kMean ? 1.0f / static_cast<float>(count) : 1.0f;
          for (int64_t j = table.offsets[b]; j < table.offsets[b + 1]; ++j) {
            const float* row = table.rows.data() + table.ids[j] * dim;
            in_order.push_back(scale * reference::dot_in_order(view.row(b) + 2, row, dim));
          }
        }
        EXPECT_EQ(weight_grad(table, dout, pooling), in_order) << "D=" << dim;
      });
    }
  }
}

TYPED_TEST(EmbeddingBag, WeightGradBitsDoNotDependOnThreads) {
  const TestTable<TypeParam> table({.batch = 700, .rows = 50, .dim = 64, .max_bag = 20}, 3);
  const auto dout = test::test_floats(700 * 67, 4);
  const auto want = weight_grad(table, dout, Pooling::kSum);
  for (int threads : {2, 3, 8}) {
    set_num_threads(threads);
    EXPECT_EQ(weight_grad(table, dout, Pooling::kSum), want) << threads;
  }
}

TYPED_TEST(EmbeddingBag, RejectsShapesThatDoNotFit) {
  const TestTable<TypeParam> four({.batch = 2, .rows = 5, .dim = 4}, 1);
  const TestTable<TypeParam> five({.batch = 2, .rows = 5, .dim = 5}, 1);
  std::vector<float> out(40);
  const auto run = [&](int64_t width, int64_t first, std::vector<TableLookup<TypeParam>> tables) {
    embedding_bag_forward<TypeParam>({out.data(), {2, width}}, tables, first, Pooling::kSum,
                                     CpuStream{});
  };
  const auto message = [](const char* text) {
    return ThrowsMessage<InvalidArgument>(HasSubstr(text));
  };
  EXPECT_THAT(
      [&] {
        run(8, 0, {four.lookup(), five.lookup()});
      },
      message("[embedding_bag_forward] tables of different width: got 5, expected 4"));
  EXPECT_THAT(
      [&] {
        run(10, 3, {four.lookup(), four.lookup()});
      },
      message("got columns 3 to 11, expected within 0 to 10"));
  EXPECT_THAT([&] { run(10, -1, {four.lookup()}); }, message("got columns -1 to 3"));
  EXPECT_THAT(
      [&] {
        embedding_bag_weight_grad({}, ConstMatrix{out.data(), {2, 4}}, 1, four.lookup(),
                                  Pooling::kSum, CpuStream{});
      },
      message("[embedding_bag_weight_grad] bags do not fit into the matrix: got columns 1 to 5"));
}

}  // namespace
}  // namespace hotrow
