// The GPU's embedding update beside the CPU's, bit for bit.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <random>
#include <span>
#include <vector>

#include "kernels/core/check.h"
#include "kernels/embedding_update.h"
#include "tests/kernels/embedding_test_data.h"
#include "tests/kernels/embedding_update_cuda_harness.h"
#include "tests/reference/embedding_update_ref.h"
#include "tests/support/bounds.h"
#include "tests/support/cuda_on_host/cuda_on_host.h"
#include "tests/support/device_memory.h"
#include "tests/support/update_kinds.h"

namespace hotrow {
namespace {

using test::BatchShape;
using test::DeviceTables;
using test::DeviceUpdate;
using test::table_rule;
using test::TestTable;
using test::TypedRows;
using test::UpdateCase;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

template <class Id>
void expect_as_on_cpu(UpdateCase<Id> c, const UpdateSizes& sizes, uint64_t seeds = 1) {
  UpdateCase<Id> want = c;
  want.update_on_cpu();
  for (uint64_t seed = 1; seed <= seeds; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    cuda_on_host::set_schedule_seed(seed);
    const DeviceTables<Id> tables(c);
    DeviceUpdate<Id> update(c, sizes);
    update.prepare(tables);
    update.apply(tables, c);
    tables.expect_equal(want);
  }
}
template <class Id>
void expect_as_on_cpu(const UpdateCase<Id>& c) {
  expect_as_on_cpu(c, c.sizes());
}

// Tables of random bags, every third weighted.
template <class Id>
UpdateCase<Id> random_case(const UpdateRule& rule, BatchShape shape, int count = 4) {
  std::vector<TestTable<Id>> tables;
  for (int t = 0; t < count; ++t) {
    shape.weighted = t % 3 == 1;
    tables.emplace_back(shape, 7u * static_cast<uint32_t>(t + 1));
    shape.rows = shape.rows / 2 + 1;
  }
  return {rule, tables};
}

// One-hot bags in which row r occurs lengths[r] times.
template <class Id>
TestTable<Id> runs_of(const std::vector<int64_t>& lengths, int64_t dim) {
  const int64_t n = std::accumulate(lengths.begin(), lengths.end(), int64_t{0});
  TestTable<Id> table({.batch = n, .rows = std::ssize(lengths), .dim = dim, .max_bag = 0}, 3);
  for (size_t row = 0; row < lengths.size(); ++row) {
    table.ids.insert(table.ids.end(), static_cast<size_t>(lengths[row]), static_cast<Id>(row));
  }
  std::ranges::shuffle(table.ids, std::mt19937(9));
  std::iota(table.offsets.begin(), table.offsets.end(), Id{0});
  return table;
}

template <class Id>
class EmbeddingUpdateCuda : public ::testing::Test {};
using Ids = ::testing::Types<int32_t, int64_t>;
TYPED_TEST_SUITE(EmbeddingUpdateCuda, Ids);

TYPED_TEST(EmbeddingUpdateCuda, EqualsTheCpuForEveryRuleTypeAndWidth) {
  for (UpdateKind kind : test::kUpdateKinds) {
    for (int64_t dim : {1, 2, 4, 8, 13, 16, 20, 31, 32, 48, 64, 100, 128, 200, 256, 300, 512}) {
      SCOPED_TRACE(fmt::format("rule {} D={}", static_cast<int>(kind), dim));
      auto c = random_case<TypeParam>(table_rule(kind, (int64_t{5} << 32) + 7),
                                      {.batch = 23, .rows = 40, .dim = dim, .max_bag = 9});
      if (dim % 3 == 1) c.pooling = Pooling::kMean;
      expect_as_on_cpu(c);
    }
  }
}

TYPED_TEST(EmbeddingUpdateCuda, IsWithinTheBoundOfTheReference) {
  for (UpdateKind kind : test::kUpdateKinds) {
    auto c = random_case<TypeParam>(table_rule(kind), {.batch = 31, .rows = 12, .dim = 20}, 1);
    const DeviceTables<TypeParam> tables(c);
    TableUpdate<TypeParam> table = c.tables[0].batch.update();
    const auto want = reference::embedding_update_exact(table, c.gradient(c.dout.data()), 4,
                                                        Pooling::kSum, c.rule);
    DeviceUpdate<TypeParam> update(c, c.sizes());
    update.prepare(tables);
    update.apply(tables, c);
    const int64_t terms = c.tables[0].batch.num_ids() + 12;
    EXPECT_TRUE(test::within_bound(tables.values(0, c.tables[0].rows), want.rows, terms));
    EXPECT_TRUE(test::within_bound(tables.state(0), want.state, terms));
  }
}

TYPED_TEST(EmbeddingUpdateCuda, SumsLongRunsInChunks) {
  const std::vector<int64_t> lengths[] = {
      {1}, {64}, {65}, {128}, {129}, {4400}, {1, 70, 3, 200, 64, 65, 1, 129, 2200, 2, 66, 66, 127}};
  for (UpdateKind kind : test::kUpdateKinds) {
    for (const auto& runs : lengths) {
      for (int64_t dim : {3, 20, 128, 300}) {
        SCOPED_TRACE(fmt::format("rule {} first run {} of {} D={}", static_cast<int>(kind), runs[0],
                                 runs.size(), dim));
        if (dim == 300 && runs[0] > 1000) continue;
        expect_as_on_cpu(UpdateCase<TypeParam>(table_rule(kind), {runs_of<TypeParam>(runs, dim)}));
      }
    }
  }
}

TYPED_TEST(EmbeddingUpdateCuda, SchedulesDoNotMatter) {
  for (UpdateKind kind : test::kUpdateKinds) {
    const auto shape = BatchShape{.batch = 150, .rows = 30, .dim = 36, .max_bag = 20};
    auto c = random_case<TypeParam>(table_rule(kind), shape);
    expect_as_on_cpu(c, c.sizes(), 6);
  }
}

// More tables than lanes, some without rows, ids or offsets.
TYPED_TEST(EmbeddingUpdateCuda, TakesManyTables) {
  std::vector<TestTable<TypeParam>> tables;
  for (int64_t t = 0; t < 75; ++t) {
    const int64_t rows = t % 5 == 4 ? 0 : t + 1, max_bag = t % 7 == 6 ? 0 : 5;
    tables.emplace_back(BatchShape{.batch = 6, .rows = rows, .dim = 5, .max_bag = max_bag},
                        static_cast<uint32_t>(t));
    if (t % 11 != 0 || rows == 0) continue;
    tables.back().offsets.clear();
    tables.back().ids.assign(6, static_cast<TypeParam>(t));  // the last row
  }
  for (Pooling pooling : {Pooling::kSum, Pooling::kMean}) {
    UpdateCase<TypeParam> c(table_rule(UpdateKind::kAdagrad), tables);
    c.pooling = pooling;
    expect_as_on_cpu(c);
  }
}

TYPED_TEST(EmbeddingUpdateCuda, ServesBatchesBelowItsSizes) {
  const auto c = random_case<TypeParam>(table_rule(UpdateKind::kRowwiseAdagrad),
                                        {.batch = 40, .rows = 9, .dim = 16, .max_bag = 12});
  for (int64_t more : {1, 63, 64, 1000}) {
    UpdateSizes sizes = c.sizes();
    sizes.max_ids += more;
    expect_as_on_cpu(c, sizes);
  }
}

// Keys are as wide as the number of rows says, and that may be more than there are.
TYPED_TEST(EmbeddingUpdateCuda, NumbersMoreRowsThan32BitsCount) {
  const auto c = random_case<TypeParam>(table_rule(UpdateKind::kAdam),
                                        {.batch = 40, .rows = 300, .dim = 16, .max_bag = 12});
  for (int bits : {32, 33, 42}) {
    UpdateSizes sizes = c.sizes();
    sizes.total_rows = (int64_t{1} << bits) - 1;
    expect_as_on_cpu(c, sizes);
  }
}

TYPED_TEST(EmbeddingUpdateCuda, TakesGradientsOfAnyAlignment) {
  for (int64_t first_column : {0, 1, 3, 4}) {
    for (int64_t width : {72, 73, 76}) {
      auto c = random_case<TypeParam>(table_rule(UpdateKind::kRowwiseAdagrad),
                                      {.batch = 20, .rows = 15, .dim = 16, .max_bag = 8});
      c.first_column = first_column;
      c.set_width(width);
      expect_as_on_cpu(c);
    }
  }
}

// Two batches of the same tables, one step after the other.
template <class Id>
struct TwoBatches {
  UpdateCase<Id> first, second;

  TwoBatches()
      : first(random_case<Id>(table_rule(UpdateKind::kAdam, 1),
                              {.batch = 50, .rows = 20, .dim = 12, .max_bag = 15})),
        second(first) {
    for (auto& table : second.tables) std::ranges::reverse(table.batch.ids);
    second.dout = test::test_floats(std::ssize(second.dout), 77);
    second.rule.step = 2;
    second.rule.learning_rate = 0.05;
  }
  UpdateCase<Id> updated_on_cpu() const {
    UpdateCase<Id> one = first, two = second;
    one.update_on_cpu();
    for (size_t t = 0; t < one.tables.size(); ++t) {
      two.tables[t].rows = one.tables[t].rows;
      two.tables[t].batch.state = one.tables[t].batch.state;
    }
    two.update_on_cpu();
    return two;
  }
};

// The second batch is sorted before the first is applied; learning rate and step are read late.
TYPED_TEST(EmbeddingUpdateCuda, PreparesABatchAhead) {
  TwoBatches<TypeParam> batches;
  auto& [first, second] = batches;
  const DeviceTables<TypeParam> tables(first), next(tables, second);
  DeviceUpdate<TypeParam> one(first, first.sizes()), two(first, first.sizes());
  one.prepare(tables);
  two.prepare(next);
  one.apply(tables, first);
  two.set_batch(second);
  two.apply(next, second);
  tables.expect_equal(batches.updated_on_cpu());
}

// Sorting on a stream of its own, with events for what must wait.
TYPED_TEST(EmbeddingUpdateCuda, PreparesABatchBesideTheStepBefore) {
  TwoBatches<TypeParam> batches;
  auto& [first, second] = batches;
  const auto want = batches.updated_on_cpu();
  const test::TestStream index, compute;
  for (uint64_t seed = 0; seed < 10; ++seed) {
    cuda_on_host::set_schedule_seed(seed);
    const DeviceTables<TypeParam> tables(first), next(tables, second);
    DeviceUpdate<TypeParam> one(first, first.sizes()), two(second, second.sizes());
    one.prepare(tables, index.stream());
    compute.wait_for(index);
    one.apply(tables, first, compute.stream());
    two.prepare(next, index.stream());
    compute.wait_for(index);
    two.apply(next, second, compute.stream());
    tables.expect_equal(want);
  }
}

TYPED_TEST(EmbeddingUpdateCuda, NanReachesTheRowsThatOccur) {
  for (TableType type : test::kTableTypes) {
    TestTable<TypeParam> table({.batch = 2, .rows = 3, .dim = 4, .max_bag = 0}, 1);
    table.offsets = {0, 1, 2};
    table.ids = {2, 0};
    UpdateCase<TypeParam> c(table_rule(UpdateKind::kSgd), {table});
    c.tables[0].rows = TypedRows(type, 3, 4, table.rows);
    c.dout[4] = std::nanf("");
    const DeviceTables<TypeParam> tables(c);
    DeviceUpdate<TypeParam> update(c, c.sizes());
    update.prepare(tables);
    update.apply(tables, c);
    const std::vector<float> after = tables.values(0, c.tables[0].rows);
    for (size_t i = 0; i < 12; ++i) EXPECT_EQ(std::isnan(after[i]), i == 8) << i;
  }
}

TYPED_TEST(EmbeddingUpdateCuda, NothingIsNoWork) {
  const UpdateSizes none{.batch = 3, .dim = 4};
  embedding_update_prepare<TypeParam>({}, none, {}, CudaStream{});
  embedding_update_apply<TypeParam>({}, {}, 0, Pooling::kSum, UpdateKind::kSgd, nullptr, none, {},
                                    CudaStream{});
  auto c = random_case<TypeParam>(table_rule(UpdateKind::kSgd), {.rows = 3, .max_bag = 0});
  expect_as_on_cpu(c);
}

TYPED_TEST(EmbeddingUpdateCuda, RejectsWhatDoesNotFit) {
  std::vector<std::byte> scratch(100);
  const std::vector<TableUpdate<TypeParam>> two(2);
  const UpdateSizes sizes{.batch = 1, .dim = 4, .max_ids = 2, .total_rows = 9};
  const auto prepare = [&](std::span<const TableUpdate<TypeParam>> tables, const UpdateSizes& s) {
    embedding_update_prepare<TypeParam>(tables, s, scratch, CudaStream{});
  };
  const auto apply = [&](int64_t first_column, int64_t width) {
    embedding_update_apply<TypeParam>(two, {nullptr, {1, width}}, first_column, Pooling::kSum,
                                      UpdateKind::kSgd, nullptr, sizes, scratch, CudaStream{});
  };
  const auto message = [](const char* text) {
    return ThrowsMessage<InvalidArgument>(HasSubstr(text));
  };
  EXPECT_THAT([&] { prepare(two, sizes); },
              message("[embedding_update_prepare] scratch too small: got 100 bytes, expected at"));
  EXPECT_THAT([&] { apply(0, 8); },
              message("[embedding_update_apply] scratch too small: got 100 bytes, expected at"));
  EXPECT_THAT([&] { apply(3, 10); }, message("got columns 3 to 11, expected within 0 to 10"));
  EXPECT_THAT([&] { apply(-1, 10); }, message("got columns -1 to 7, expected within 0 to 10"));
  UpdateSizes many = sizes;
  many.max_ids = int64_t{1} << 31;
  EXPECT_THAT([&] { prepare(two, many); },
              message("too many ids for one call: got 2147483648, expected at most 2147483647"));
  EXPECT_THAT([&] { embedding_update_scratch_bytes(2, many); },
              message("[embedding_update] too many ids for one call: got 2147483648, expected at"));
  UpdateSizes long_table = sizes;
  long_table.most_rows = int64_t{1} << 32;
  EXPECT_THAT([&] { embedding_update_scratch_bytes(2, long_table); },
              message("[embedding_update] table too large: got 4294967296 rows, expected at most "
                      "4294967295"));
  EXPECT_THAT(
      [&] {
        prepare({two.data(), size_t{1} << 23}, sizes);
      },
      message("too many tables: got 8388608, expected at most 8388607"));
}

}  // namespace
}  // namespace hotrow
