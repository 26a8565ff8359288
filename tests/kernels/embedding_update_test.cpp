#include "kernels/embedding_update.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "kernels/core/check.h"
#include "kernels/core/parallel.h"
#include "tests/kernels/embedding_test_data.h"
#include "tests/reference/embedding_update_ref.h"
#include "tests/support/bounds.h"
#include "tests/support/update_kinds.h"

namespace hotrow {
namespace {

using test::BatchShape;
using test::table_rule;
using test::TestTable;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

template <class Id>
class EmbeddingUpdate : public ::testing::Test {
 protected:
  void TearDown() override { set_num_threads(1); }
};
using Ids = ::testing::Types<int32_t, int64_t>;
TYPED_TEST_SUITE(EmbeddingUpdate, Ids);

// Runs the update with scratch of exactly the size asked for, misaligned and full of ones.
template <class Id>
void run(std::vector<TestTable<Id>>& tables, ConstMatrix dout, int64_t first_column,
         Pooling pooling, const UpdateRule& rule) {
  std::vector<TableUpdate<Id>> updates;
  std::vector<int64_t> num_ids;
  for (auto& table : tables) {
    updates.push_back(table.update());
    num_ids.push_back(table.num_ids());
  }
  const size_t bytes = embedding_update_scratch_bytes(num_ids);
  std::vector<std::byte> scratch(bytes + 1, std::byte{0xff});
  embedding_update<Id>(updates, dout, first_column, pooling, rule, std::span(scratch).subspan(1),
                       CpuStream{});
}

// A random case: tables, and a gradient whose first column is not theirs.
template <class Id>
struct Case {
  std::vector<TestTable<Id>> tables;
  std::vector<float> dout;
  UpdateRule rule;
  Pooling pooling;

  Case(UpdateKind kind, Pooling pool, BatchShape shape, int count = 2)
      : rule(table_rule(kind)), pooling(pool) {
    for (int t = 0; t < count; ++t) {
      tables.emplace_back(shape, 7u * static_cast<uint32_t>(t + 1));
      tables.back().make_state(kind, 100u + static_cast<uint32_t>(t));
      shape.rows = shape.rows / 2 + 1;
    }
    dout = test::test_floats(shape.batch * width(), 42);
  }
  int64_t dim() const { return tables[0].shape.dim; }
  int64_t width() const { return 2 + dim() * std::ssize(tables); }
  int64_t column(size_t t) const { return 1 + dim() * static_cast<int64_t>(t); }
  ConstMatrix gradient() const { return {dout.data(), {tables[0].shape.batch, width()}}; }
  void update() { run(tables, gradient(), 1, pooling, rule); }
  // What the documented order makes of the tables.
  std::vector<TestTable<Id>> updated_in_order() const {
    std::vector<TestTable<Id>> after = tables;
    for (size_t t = 0; t < after.size(); ++t) {
      reference::embedding_update_in_order(after[t].update(), gradient(), column(t), pooling, rule);
    }
    return after;
  }
};

template <class Id>
void expect_same_bits(const std::vector<TestTable<Id>>& got,
                      const std::vector<TestTable<Id>>& want) {
  for (size_t t = 0; t < got.size(); ++t) {
    EXPECT_EQ(got[t].rows, want[t].rows) << "table " << t;
    EXPECT_EQ(got[t].state, want[t].state) << "table " << t;
  }
}

template <class Id>
void expect_in_order_everywhere(const Case<Id>& original) {
  const auto want = original.updated_in_order();
  test::for_each_fma_instruction_set([&] {
    for (int threads : {1, 2, 3, 8}) {
      set_num_threads(threads);
      Case<Id> run = original;
      run.update();
      expect_same_bits(run.tables, want);
    }
  });
}

TYPED_TEST(EmbeddingUpdate, IsWithinTheBound) {
  for (UpdateKind kind : test::kUpdateKinds) {
    for (int64_t dim : {1, 2, 13, 16, 31, 64, 100, 128, 300}) {
      for (const auto& [batch, rows] : {std::pair{0, 3}, {1, 1}, {7, 2}, {33, 101}}) {
        for (Pooling pooling : {Pooling::kSum, Pooling::kMean}) {
          SCOPED_TRACE(fmt::format("rule {} D={} B={} R={} mean={}", static_cast<int>(kind), dim,
                                   batch, rows, pooling == Pooling::kMean));
          Case<TypeParam> c(kind, pooling,
                            {.batch = batch, .rows = rows, .dim = dim, .weighted = dim % 2 == 0});
          std::vector<reference::ExactTable> want;
          for (size_t t = 0; t < c.tables.size(); ++t) {
            want.push_back(reference::embedding_update_exact(c.tables[t].update(), c.gradient(),
                                                             c.column(t), pooling, c.rule));
          }
          c.update();
          for (size_t t = 0; t < c.tables.size(); ++t) {
            const int64_t terms = c.tables[t].num_ids() + 12;  // the rule's own roundings
            EXPECT_TRUE(test::within_bound(c.tables[t].rows, want[t].rows, terms));
            EXPECT_TRUE(test::within_bound(c.tables[t].state, want[t].state, terms));
          }
        }
      }
    }
  }
}

TYPED_TEST(EmbeddingUpdate, FollowsTheDocumentedOrder) {
  for (UpdateKind kind : test::kUpdateKinds) {
    for (int64_t dim : {1, 13, 16, 32, 48, 64, 128, 200, 256, 300, 600}) {
      SCOPED_TRACE(fmt::format("rule {} D={}", static_cast<int>(kind), dim));
      const BatchShape shape{.batch = 40, .rows = 30, .dim = dim, .max_bag = 12};
      expect_in_order_everywhere(Case<TypeParam>(kind, Pooling::kSum, shape));
      expect_in_order_everywhere(Case<TypeParam>(kind, Pooling::kMean, shape));
    }
  }
}

TYPED_TEST(EmbeddingUpdate, SumsLongRunsInChunks) {
  for (int64_t run_length : {1, 3, 20, 24, 25, 63, 64, 65, 128, 129, 1000}) {
    SCOPED_TRACE(run_length);
    Case<TypeParam> c(UpdateKind::kRowwiseAdagrad, Pooling::kSum,
                      {.batch = run_length, .rows = 3, .dim = 20, .max_bag = 0}, 1);
    for (int64_t b = 0; b < run_length; ++b) {  // one-hot, all the last row
      c.tables[0].ids.push_back(2);
      c.tables[0].offsets[static_cast<size_t>(b) + 1] = static_cast<TypeParam>(b + 1);
    }
    expect_in_order_everywhere(c);
  }
}

// Tables with many ids are partitioned: several slices and buckets, and one row in many slices.
TYPED_TEST(EmbeddingUpdate, PartitionsLargeBatches) {
  for (int64_t rows : {1, 2, 3, 1000, 100000}) {
    for (bool weighted : {false, true}) {
      SCOPED_TRACE(fmt::format("R={} weighted={}", rows, weighted));
      const BatchShape shape{
          .batch = 1500, .rows = rows, .dim = 4, .max_bag = 60, .weighted = weighted};
      expect_in_order_everywhere(Case<TypeParam>(UpdateKind::kAdagrad, Pooling::kSum, shape, 3));
    }
  }
}

// One bag holds more ids than a slice should: there are fewer bags than slices.
TYPED_TEST(EmbeddingUpdate, PartitionsFewLongBags) {
  const BatchShape shape{.batch = 2, .rows = 5000, .dim = 3, .max_bag = 60000};
  expect_in_order_everywhere(Case<TypeParam>(UpdateKind::kSgd, Pooling::kMean, shape, 1));
}

TYPED_TEST(EmbeddingUpdate, LeavesOtherRowsAlone) {
  for (UpdateKind kind : test::kUpdateKinds) {
    Case<TypeParam> c(kind, Pooling::kSum, {.batch = 5, .rows = 200, .dim = 7});
    const auto before = c.tables;
    c.update();
    for (size_t t = 0; t < c.tables.size(); ++t) {
      const auto occurs = reference::occurrences(c.tables[t].bags(), 5, Pooling::kSum);
      ASSERT_FALSE(occurs.empty());
      for (size_t i = 0; i < c.tables[t].rows.size(); ++i) {
        const bool same = c.tables[t].rows[i] == before[t].rows[i];
        EXPECT_EQ(same, !occurs.contains(static_cast<int64_t>(i / 7))) << i;
      }
    }
  }
}

TYPED_TEST(EmbeddingUpdate, WithoutOffsetsEveryBagHoldsOneId) {
  for (int64_t batch : {50, 20000}) {  // one bucket, and many
    Case<TypeParam> c(UpdateKind::kAdagrad, Pooling::kMean,
                      {.batch = batch, .rows = 3000, .dim = 3, .max_bag = 0}, 1);
    for (int64_t b = 0; b < batch; ++b) {
      c.tables[0].ids.push_back(static_cast<TypeParam>(b * 7 % 2999));
      c.tables[0].offsets[static_cast<size_t>(b) + 1] = static_cast<TypeParam>(b + 1);
    }
    const auto want = c.updated_in_order();
    c.tables[0].offsets.clear();
    for (int threads : {1, 3}) {
      set_num_threads(threads);
      Case<TypeParam> run = c;
      run.update();
      expect_same_bits(run.tables, want);
    }
  }
}

TYPED_TEST(EmbeddingUpdate, NoTablesIsNoWork) {
  embedding_update<TypeParam>({}, {}, 0, Pooling::kSum, {}, {}, CpuStream{});
}

struct Recorded {
  std::vector<float> rows, state;
};

// torch 2.14: the table, ids and weights of EmbeddingBag.ForwardEqualsTorch with sparse=True; lr
// 0.1; two steps with d(loss)/d(out) = [[.5,-1,.25],[9,9,9],[.1,.2,-.3]] times 1, then 2.
template <class Id>
void expect_torch(UpdateKind kind, Pooling pooling, const Recorded& want) {
  TestTable<Id> table({.batch = 3, .rows = 4, .dim = 3, .weighted = pooling == Pooling::kSum}, 1);
  for (int i = 0; i < 12; ++i) table.rows[i] = static_cast<float>(i) * 0.125f - 0.5f;
  table.ids = {1, 3, 1, 1, 0};
  table.offsets = {0, 2, 2, 5};
  if (pooling == Pooling::kSum) table.weights = {.5f, -1.0f, 2.0f, .25f, 1.5f};
  table.state.assign(static_cast<size_t>(embedding_state_size(kind, 4, 3)), 0.0f);
  std::vector<TestTable<Id>> tables = {table};
  for (int step : {1, 2}) {
    std::vector<float> dout = {.5f, -1.0f, .25f, 9, 9, 9, .1f, .2f, -.3f};
    for (float& x : dout) x *= static_cast<float>(step);
    UpdateRule rule = table_rule(kind);
    rule.step = step;
    rule.eps = kind == UpdateKind::kAdam ? 1e-8 : 1e-10;
    run(tables, {dout.data(), {3, 3}}, 0, pooling, rule);
  }
  const auto close = [](const std::vector<float>& got, const std::vector<float>& recorded) {
    std::vector<test::Exact> exact;
    for (float x : recorded) exact.push_back({x, std::abs(double{x}) + 0.01});
    return test::within_bound(got, exact, 16);
  };
  EXPECT_TRUE(close(tables[0].rows, want.rows));
  EXPECT_TRUE(close(tables[0].state, want.state));
}

TYPED_TEST(EmbeddingUpdate, SgdEqualsTorch) {
  expect_torch<TypeParam>(
      UpdateKind::kSgd, Pooling::kSum,
      {{-0.545000017f, -0.465000004f, -0.114999995f, -0.267499983f, 0.0150000015f, 0.290000021f,
        0.25f, 0.375f, 0.5f, 0.775000036f, 0.449999988f, 0.949999988f},
       {}});
  expect_torch<TypeParam>(
      UpdateKind::kSgd, Pooling::kMean,
      {{-0.50999999f, -0.394999981f, -0.219999999f, -0.219999984f, 0.109999999f, 0.147499993f,
        0.25f, 0.375f, 0.5f, 0.550000012f, 0.900000036f, 0.837500036f},
       {}});
}

TYPED_TEST(EmbeddingUpdate, AdagradEqualsTorch) {
  expect_torch<TypeParam>(
      UpdateKind::kAdagrad, Pooling::kSum,
      {{-0.689442754f, -0.564442694f, -0.0605572797f, -0.314442724f, 0.189442724f, 0.314442724f,
        0.25f, 0.375f, 0.5f, 0.814442754f, 0.560557246f, 1.06444275f},
       {0.112500004f, 0.450000018f, 1.01250005f, 1.12812495f, 0.0124999965f, 1.51250005f, 0, 0, 0,
        1.25f, 5, 0.3125f}});
  expect_torch<TypeParam>(
      UpdateKind::kAdagrad, Pooling::kMean,
      {{-0.689442754f, -0.564442694f, -0.0605572872f, -0.314442724f, 0.189442724f, 0.314442724f,
        0.25f, 0.375f, 0.5f, 0.435557246f, 0.939442754f, 0.685557246f},
       {0.00555555616f, 0.0222222246f, 0.0500000082f, 0.501388848f, 0.672222257f, 0.0281250123f, 0,
        0, 0, 0.3125f, 1.25f, 0.078125f}});
}

TYPED_TEST(EmbeddingUpdate, AdamEqualsSparseAdamOfTorch) {
  expect_torch<TypeParam>(
      UpdateKind::kAdam, Pooling::kSum,
      {{-0.696517885f, -0.571518064f, -0.0534819216f, -0.321518093f, 0.196517289f, 0.321518123f,
        0.25f, 0.375f, 0.5f, 0.821518064f, 0.553481877f, 1.07151794f},
       {0.0435000062f,
        0.0870000124f,
        -0.130500004f,
        0.13775f,
        -0.0144999977f,
        -0.159500018f,
        0,
        0,
        0,
        -0.144999996f,
        0.289999992f,
        -0.0724999979f,
        0.000112477508f,
        0.000449910032f,
        0.00101229758f,
        0.00112789939f,
        1.24974968e-05f,
        0.00151219754f,
        0,
        0,
        0,
        0.00124975014f,
        0.00499900058f,
        0.000312437536f}});
  expect_torch<TypeParam>(
      UpdateKind::kAdam, Pooling::kMean,
      {{-0.696516871f, -0.571517527f, -0.0534822792f, -0.321518064f, 0.196518093f, 0.321517587f,
        0.25f, 0.375f, 0.5f, 0.428482026f, 0.946518064f, 0.678482175f},
       {0.00966666732f,
        0.0193333346f,
        -0.0290000029f,
        0.0918333381f,
        -0.106333338f,
        -0.021750005f,
        0,
        0,
        0,
        0.0724999979f,
        -0.144999996f,
        0.036249999f,
        5.55444512e-06f,
        2.22177805e-05f,
        4.99900125e-05f,
        0.000501288625f,
        0.000672087772f,
        2.81193898e-05f,
        0,
        0,
        0,
        0.000312437536f,
        0.00124975014f,
        7.8109384e-05f}});
}

TYPED_TEST(EmbeddingUpdate, ScratchGrowsWithTheIds) {
  size_t last = 0;
  for (int64_t ids : {0, 1, 100, 4095, 4096, 16384, 100000, 10000000}) {
    const size_t bytes = embedding_update_scratch_bytes(std::vector<int64_t>{ids});
    EXPECT_GE(bytes, last);
    last = bytes;
  }
}

TYPED_TEST(EmbeddingUpdate, RejectsWhatDoesNotFit) {
  float row[5] = {};
  std::vector<float> dout(40);
  std::vector<std::byte> scratch(4096);
  const TypeParam offsets[] = {0, 1}, ids[] = {0};
  using Table = TableUpdate<TypeParam>;
  const auto run = [&](std::vector<Table> tables, int64_t width, int64_t first, UpdateRule rule,
                       size_t bytes) {
    embedding_update<TypeParam>(tables, {dout.data(), {1, width}}, first, Pooling::kSum, rule,
                                std::span(scratch).first(bytes), CpuStream{});
  };
  const auto message = [](const char* text) {
    return ThrowsMessage<InvalidArgument>(HasSubstr(text));
  };
  const Table four{{row, {1, 4}}, nullptr, {offsets, ids}},
      five{{row, {1, 5}}, nullptr, {offsets, ids}};
  const Table huge{{row, {int64_t{1} << 32, 4}}, nullptr, {offsets, ids}};
  const UpdateRule sgd;
  EXPECT_THAT(
      [&] {
        run({four, five}, 10, 0, sgd, 4096);
      },
      message("[embedding_update] tables of different width: got 5, expected 4"));
  EXPECT_THAT([&] { run({four}, 10, 7, sgd, 4096); },
              message("got columns 7 to 11, expected within 0 to 10"));
  EXPECT_THAT([&] { run({four}, 10, -1, sgd, 4096); }, message("got columns -1 to 3"));
  EXPECT_THAT([&] { run({huge}, 10, 0, sgd, 4096); },
              message("table too large: got 4294967296 rows, expected at most 4294967295"));
  EXPECT_THAT([&] { run({four}, 10, 0, table_rule(UpdateKind::kAdam), 4096); },
              message("no optimizer state: got null, expected 8 floats"));
  EXPECT_THAT([&] { run({four}, 10, 0, {.learning_rate = -1}, 4096); },
              message("bad learning rate: got -1"));
  EXPECT_THAT([&] { run({four}, 10, 0, sgd, 100); }, message("scratch too small: got 100 bytes"));
  EXPECT_NO_THROW(run({four}, 10, 6, sgd, embedding_update_scratch_bytes(std::vector<int64_t>{1})));
}

TEST(EmbeddingUpdateWide, RejectsMoreIdsThan32BitsCount) {
  float row = 0;
  const int64_t offsets[] = {0, int64_t{1} << 32};
  const std::vector<TableUpdate<int64_t>> tables = {{{&row, {1, 1}}, nullptr, {offsets, nullptr}}};
  EXPECT_THAT(
      [&] {
        embedding_update<int64_t>(tables, {&row, {1, 1}}, 0, Pooling::kSum, {}, {}, CpuStream{});
      },
      ThrowsMessage<InvalidArgument>(HasSubstr("too many ids for one table: got 4294967296")));
}

}  // namespace
}  // namespace hotrow
