// The CUDA kernels of kernels/embedding_bag.h: the bits of the CPU's.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>
#include <vector>

#include "kernels/embedding_bag.h"
#include "tests/kernels/embedding_test_data.h"
#include "tests/reference/embedding_bag_ref.h"
#include "tests/support/bounds.h"
#include "tests/support/cuda_on_host/cuda_on_host.h"
#include "tests/support/device_memory.h"
#include "tests/support/error_text.h"
#include "tests/support/instruction_sets.h"

namespace hotrow {
namespace {

using test::BatchShape;
using test::bits_of;
using test::DeviceVector;
using test::TestTable;
using test::TypedRows;

constexpr int64_t kDims[] = {1, 2, 3, 4, 5, 8, 13, 16, 31, 32, 64, 100, 128, 200, 256, 300, 512};
constexpr TableType kTypes[] = {TableType::kFloat32, TableType::kSplitBf16, TableType::kBf16,
                                TableType::kFp16};
constexpr float kUntouched = 12345;

// A table on the host and, `shift` elements after an aligned address, on the device.
template <class Id>
class BothTable {
 public:
  BothTable(const TestTable<Id>& table, TableType type, size_t shift = 0)
      : table_(table),
        type_(type),
        shift_(shift),
        offsets_(table.offsets),
        ids_(table.ids),
        weights_(table.weights) {
    if (type == TableType::kFloat32) {
      floats_.emplace(shifted(table_.rows));
    } else {
      typed_.emplace(type, table_.shape.rows, table_.shape.dim, table_.rows);
      halves_.emplace(shifted(typed_->high));
    }
  }
  TableLookup<Id> host() const {
    return {typed_ ? ConstTableRows(typed_->rows()) : table_.lookup().rows, table_.bags()};
  }
  TableLookup<Id> device() const {
    const void* rows = typed_ ? static_cast<const void*>(halves_->data() + shift_)
                              : static_cast<const void*>(floats_->data() + shift_);
    return {{rows, {table_.shape.rows, table_.shape.dim}, type_},
            {table_.offsets.empty() ? nullptr : offsets_.data(), ids_.data(),
             table_.shape.weighted ? weights_.data() : nullptr}};
  }
  const TestTable<Id>& data() const { return table_; }

 private:
  template <class T>
  DeviceVector<T> shifted(const std::vector<T>& values) const {
    std::vector<T> all(shift_);
    all.insert(all.end(), values.begin(), values.end());
    return DeviceVector<T>(all);
  }
  TestTable<Id> table_;
  TableType type_;
  size_t shift_;
  DeviceVector<Id> offsets_, ids_;
  DeviceVector<float> weights_;
  std::optional<TypedRows> typed_;
  std::optional<DeviceVector<float>> floats_;
  std::optional<DeviceVector<uint16_t>> halves_;
};

// Bags in columns [first, first + T D) of a matrix with `more` columns behind them.
struct Place {
  int64_t first, more;
};

template <class Id>
using Tables = std::vector<BothTable<Id>>;

template <class Id>
std::vector<float> forward_on_host(const Tables<Id>& tables, Place place, Pooling pooling) {
  const BatchShape& shape = tables[0].data().shape;
  const int64_t width = place.first + shape.dim * std::ssize(tables) + place.more;
  std::vector<float> out(static_cast<size_t>(shape.batch * width + 1), kUntouched);
  std::vector<TableLookup<Id>> lookups;
  for (const auto& table : tables) lookups.push_back(table.host());
  embedding_bag_forward<Id>({out.data(), {shape.batch, width}}, lookups, place.first, pooling,
                            CpuStream{});
  return out;
}

template <class Id>
std::vector<float> forward_on_device(const Tables<Id>& tables, Place place, Pooling pooling) {
  const BatchShape& shape = tables[0].data().shape;
  const int64_t width = place.first + shape.dim * std::ssize(tables) + place.more;
  DeviceVector<float> out(
      std::vector<float>(static_cast<size_t>(shape.batch * width + 1), kUntouched));
  std::vector<TableLookup<Id>> lookups;
  for (const auto& table : tables) lookups.push_back(table.device());
  const DeviceVector<TableLookup<Id>> list(lookups);
  embedding_bag_forward<Id>({out.data(), {shape.batch, width}}, {list.data(), lookups.size()},
                            place.first, pooling, shape.dim, CudaStream{});
  return out.get();
}

template <class Id>
std::vector<float> weight_grad_on_host(const BothTable<Id>& table, const std::vector<float>& dout,
                                       Pooling pooling) {
  const BatchShape& shape = table.data().shape;
  std::vector<float> dweights(table.data().ids.size() + 1, kUntouched);
  embedding_bag_weight_grad<Id>(dweights.data(), {dout.data(), {shape.batch, shape.dim + 3}}, 2,
                                table.host(), pooling, CpuStream{});
  return dweights;
}

template <class Id>
std::vector<float> weight_grad_on_device(const BothTable<Id>& table, const std::vector<float>& dout,
                                         Pooling pooling) {
  const BatchShape& shape = table.data().shape;
  DeviceVector<float> dweights(std::vector<float>(table.data().ids.size() + 1, kUntouched));
  const DeviceVector<float> from(dout);
  embedding_bag_weight_grad<Id>(dweights.data(), {from.data(), {shape.batch, shape.dim + 3}}, 2,
                                table.device(), pooling, CudaStream{});
  return dweights.get();
}

template <class Id>
class EmbeddingBagCuda : public ::testing::Test {};
using Ids = ::testing::Types<int32_t, int64_t>;
TYPED_TEST_SUITE(EmbeddingBagCuda, Ids);

// Three tables of different types, weighted and not.
template <class Id>
Tables<Id> mixed_tables(BatchShape shape, size_t first_type) {
  Tables<Id> tables;
  for (uint32_t t = 0; t < 3; ++t) {
    shape.rows = shape.rows * 2 + t;
    shape.weighted = !shape.weighted;
    tables.emplace_back(TestTable<Id>(shape, 17 * (t + 1)), kTypes[(first_type + t) % 4]);
  }
  return tables;
}

TYPED_TEST(EmbeddingBagCuda, ForwardHasTheBitsOfTheCpu) {
  uint64_t seed = 0;
  for (int64_t dim : kDims) {
    for (int64_t batch : {0, 1, 7, 33}) {
      const auto pooling = batch % 2 == 0 ? Pooling::kMean : Pooling::kSum;
      const auto tables = mixed_tables<TypeParam>(
          {.batch = batch, .rows = 5, .dim = dim, .max_bag = 9}, static_cast<size_t>(dim + batch));
      for (Place place : {Place{3, 2}, Place{4, 8}}) {  // not aligned; aligned where D allows
        SCOPED_TRACE(fmt::format("D={} B={} first={}", dim, batch, place.first));
        test::for_each_fma_instruction_set([&] {
          cuda_on_host::set_schedule_seed(++seed);
          EXPECT_EQ(bits_of(forward_on_device(tables, place, pooling)),
                    bits_of(forward_on_host(tables, place, pooling)));
        });
      }
    }
  }
}

TYPED_TEST(EmbeddingBagCuda, ForwardIsWithinTheBound) {
  for (int64_t dim : kDims) {
    for (Pooling pooling : {Pooling::kSum, Pooling::kMean}) {
      const TestTable<TypeParam> data(
          {.batch = 19, .rows = 20, .dim = dim, .max_bag = 30, .weighted = dim % 2 == 0}, 3);
      Tables<TypeParam> tables;
      tables.emplace_back(data, TableType::kFloat32);
      const auto out = forward_on_device(tables, {0, 0}, pooling);
      const std::vector<float> block(out.begin(), out.end() - 1);
      const auto want = reference::embedding_bag_exact(data.lookup(), 19, pooling);
      EXPECT_TRUE(test::within_bound(block, want, 30)) << "D=" << dim;
    }
  }
}

TYPED_TEST(EmbeddingBagCuda, RowsNeedNotBeAligned) {
  for (TableType type : kTypes) {
    for (int64_t dim : {1, 64, 128, 300}) {
      Tables<TypeParam> tables;
      tables.emplace_back(TestTable<TypeParam>({.batch = 9, .rows = 8, .dim = dim}, 3), type, 1);
      EXPECT_EQ(bits_of(forward_on_device(tables, {0, 0}, Pooling::kSum)),
                bits_of(forward_on_host(tables, {0, 0}, Pooling::kSum)));
    }
  }
}

TYPED_TEST(EmbeddingBagCuda, OneIdABagNeedsNoOffsets) {
  for (TableType type : kTypes) {
    for (int64_t dim : {1, 8, 13, 64, 128, 256}) {
      TestTable<TypeParam> data({.batch = 77, .rows = 20, .dim = dim, .max_bag = 0}, 1);
      data.weights = test::test_floats(78, 2);
      data.rows[0] = -0.0f;  // sums begin at +0
      for (int64_t b = 0; b < 77; ++b) {
        data.ids.push_back(static_cast<TypeParam>(b * 7 % 20));
        data.offsets[static_cast<size_t>(b) + 1] = static_cast<TypeParam>(b + 1);
      }
      for (bool weighted : {false, true}) {
        data.shape.weighted = weighted;
        TestTable<TypeParam> single = data;
        single.offsets.clear();
        Tables<TypeParam> tables, singles;
        tables.emplace_back(data, type);
        singles.emplace_back(single, type);
        const auto want = bits_of(forward_on_host(tables, {0, 0}, Pooling::kMean));
        EXPECT_EQ(bits_of(forward_on_device(tables, {0, 0}, Pooling::kMean)), want);
        EXPECT_EQ(bits_of(forward_on_device(singles, {0, 0}, Pooling::kMean)), want);
        const auto dout = test::test_floats(77 * (dim + 3), 2);
        EXPECT_EQ(weight_grad_on_device(singles[0], dout, Pooling::kMean),
                  weight_grad_on_device(tables[0], dout, Pooling::kMean));
      }
    }
  }
}

TYPED_TEST(EmbeddingBagCuda, LongAndEmptyBags) {
  for (int64_t dim : {4, 16, 64, 128}) {
    TestTable<TypeParam> data({.batch = 40, .rows = 300, .dim = dim, .max_bag = 2}, 5);
    const auto long_bag = test::test_floats(500, 6);
    for (float x : long_bag) data.ids.push_back(static_cast<TypeParam>(std::abs(x * 1000)) % 300);
    data.offsets.insert(data.offsets.end(), {static_cast<TypeParam>(data.ids.size()),
                                             static_cast<TypeParam>(data.ids.size())});
    data.shape.batch += 2;
    std::fill(data.ids.begin(), data.ids.begin() + 5, TypeParam{299});
    Tables<TypeParam> tables;
    tables.emplace_back(data, TableType::kFloat32);
    for (uint64_t seed : {1, 2, 3}) {
      cuda_on_host::set_schedule_seed(seed);
      EXPECT_EQ(bits_of(forward_on_device(tables, {0, 0}, Pooling::kMean)),
                bits_of(forward_on_host(tables, {0, 0}, Pooling::kMean)));
    }
  }
}

// So many bags that a group sums several, the last one of a table fewer; one, four and eight groups
// a warp.
TEST(EmbeddingBagCudaLarge, GroupsSumSeveralBags) {
  struct Case {
    int64_t dim, tables, batch;
  };
  for (const auto& [dim, count, batch] :
       {Case{128, 2, 25001}, Case{20, 4, 33001}, Case{13, 8, 33001}}) {
    Tables<int32_t> tables;
    for (int64_t t = 0; t < count; ++t) {
      const BatchShape shape{
          .batch = batch, .rows = 100, .dim = dim, .max_bag = 3, .weighted = t % 2 == 1};
      tables.emplace_back(TestTable<int32_t>(shape, static_cast<uint32_t>(t)), kTypes[t % 4]);
    }
    EXPECT_EQ(bits_of(forward_on_device(tables, {0, 0}, Pooling::kMean)),
              bits_of(forward_on_host(tables, {0, 0}, Pooling::kMean)))
        << dim;
  }
}

TEST(EmbeddingBagCudaLarge, ReadsEveryNumberOf16Bits) {
  std::vector<uint16_t> all(0x10000);
  for (size_t i = 0; i < all.size(); ++i) all[i] = static_cast<uint16_t>(i);
  const DeviceVector<uint16_t> rows(all);
  const DeviceVector<int32_t> ids(std::vector<int32_t>{0});
  for (TableType type : {TableType::kBf16, TableType::kFp16}) {
    for (int64_t unaligned : {0, 1}) {
      const int64_t dim = std::ssize(all) - unaligned;
      const DeviceVector<TableLookup<int32_t>> list(std::vector<TableLookup<int32_t>>{
          {{rows.data() + unaligned, {1, dim}, type}, {nullptr, ids.data()}}});
      DeviceVector<float> out(std::vector<float>(all.size(), kUntouched));
      embedding_bag_forward<int32_t>({out.data(), {1, dim}}, {list.data(), 1}, 0, Pooling::kSum,
                                     dim, CudaStream{});
      const auto got = out.get();
      for (int64_t i = 0; i < dim; ++i) {
        const uint16_t bits = all[static_cast<size_t>(i + unaligned)];
        const float want = type == TableType::kFp16 ? to_float(Fp16{bits}) : to_float(Bf16{bits});
        const float x = got[static_cast<size_t>(i)];
        ASSERT_TRUE(x == want || (std::isnan(x) && std::isnan(want))) << bits;
      }
    }
  }
}

// The only row that exists lies 2^33 elements after where row 0 would.
TEST(EmbeddingBagCudaLarge, AddressesHave64Bits) {
  const std::vector<float> values = test::test_floats(8, 1);
  const DeviceVector<float> row(values);
  constexpr int32_t kId = 1 << 30;
  const DeviceVector<int32_t> ids(std::vector<int32_t>{kId});
  const auto zero = reinterpret_cast<uintptr_t>(row.data()) - uintptr_t{kId} * 8 * sizeof(float);
  const DeviceVector<TableLookup<int32_t>> list(std::vector<TableLookup<int32_t>>{
      {{reinterpret_cast<const void*>(zero), {kId + 1, 8}}, {nullptr, ids.data()}}});
  DeviceVector<float> out(std::vector<float>(8, kUntouched));
  embedding_bag_forward<int32_t>({out.data(), {1, 8}}, {list.data(), 1}, 0, Pooling::kSum, 8,
                                 CudaStream{});
  EXPECT_EQ(out.get(), values);
}

TYPED_TEST(EmbeddingBagCuda, ATableWithoutRowsHasEmptyBags) {
  Tables<TypeParam> tables;
  tables.emplace_back(TestTable<TypeParam>({.batch = 3, .rows = 0, .dim = 4}, 1),
                      TableType::kFloat32);
  EXPECT_EQ(forward_on_device(tables, {0, 0}, Pooling::kMean), [] {
    std::vector<float> want(13, 0.0f);
    want.back() = kUntouched;
    return want;
  }());
}

TYPED_TEST(EmbeddingBagCuda, NoTablesIsNoWork) {
  embedding_bag_forward<TypeParam>({nullptr, {1, 1}}, {}, 0, Pooling::kSum, 1, CudaStream{});
}

TYPED_TEST(EmbeddingBagCuda, WeightGradHasTheBitsOfTheCpu) {
  uint64_t seed = 0;
  for (int64_t dim : kDims) {
    for (int64_t batch : {0, 1, 21}) {
      const auto pooling = dim % 2 == 0 ? Pooling::kMean : Pooling::kSum;
      const TestTable<TypeParam> data(
          {.batch = batch, .rows = 9, .dim = dim, .max_bag = 11, .weighted = true}, 5);
      const BothTable<TypeParam> table(data, kTypes[(dim + batch) % 4]);
      const auto dout = test::test_floats(batch * (dim + 3), 6);
      SCOPED_TRACE(fmt::format("D={} B={}", dim, batch));
      test::for_each_fma_instruction_set([&] {
        cuda_on_host::set_schedule_seed(++seed);
        EXPECT_EQ(bits_of(weight_grad_on_device(table, dout, pooling)),
                  bits_of(weight_grad_on_host(table, dout, pooling)));
      });
    }
  }
}

TYPED_TEST(EmbeddingBagCuda, WeightGradIsWithinTheBound) {
  for (int64_t dim : kDims) {
    const TestTable<TypeParam> data({.batch = 13, .rows = 9, .dim = dim, .weighted = true}, 5);
    const BothTable<TypeParam> table(data, TableType::kFloat32);
    const auto dout = test::test_floats(13 * (dim + 3), 6);
    auto got = weight_grad_on_device(table, dout, Pooling::kMean);
    EXPECT_EQ(got.back(), kUntouched);
    got.pop_back();
    const auto want = reference::embedding_bag_weight_grad_exact({dout.data(), {13, dim + 3}}, 2,
                                                                 data.lookup(), Pooling::kMean);
    EXPECT_TRUE(test::within_bound(got, want, dim)) << "D=" << dim;
  }
}

TYPED_TEST(EmbeddingBagCuda, RefusesMoreThan31Bits) {
  const int64_t most = int64_t{1} << 31;
  const auto refused = [&](int64_t batch, int64_t dim) {
    return test::error_text([&] {
      embedding_bag_forward<TypeParam>({nullptr, {batch, dim}}, {}, 0, Pooling::kSum, dim,
                                       CudaStream{});
    });
  };
  EXPECT_EQ(
      refused(most, 1),
      "[embedding_bag_forward] 32 bits are too few: got numbers up to 2147483648, expected at "
      "most 2147483647");
  EXPECT_EQ(refused(1, most), refused(most, 1));
  EXPECT_EQ(refused(most - 1, 1), "no error");
  const TableLookup<TypeParam> table{{nullptr, {5, 4}}, {}};
  EXPECT_EQ(test::error_text([&] {
              embedding_bag_weight_grad<TypeParam>(nullptr, ConstMatrix{nullptr, {most, 4}}, 0,
                                                   table, Pooling::kSum, CudaStream{});
            }),
            "[embedding_bag_weight_grad] 32 bits are too few: got numbers up to 2147483648, "
            "expected at most 2147483647");
}

TYPED_TEST(EmbeddingBagCuda, RefusesColumnsThatDoNotFit) {
  const Matrix out{nullptr, {2, 8}};
  const TableLookup<TypeParam> table{{nullptr, {5, 4}}, {}};
  const TableLookup<TypeParam>* none = nullptr;
  EXPECT_EQ(test::error_text([&] {
              embedding_bag_forward<TypeParam>(out, {none, 2}, 1, Pooling::kSum, 4, CudaStream{});
            }),
            "[embedding_bag_forward] bags do not fit into the matrix: got columns 1 to 9, expected "
            "within 0 to 8");
  EXPECT_EQ(test::error_text([&] {
              embedding_bag_weight_grad<TypeParam>(nullptr, out, 5, table, Pooling::kSum,
                                                   CudaStream{});
            }),
            "[embedding_bag_weight_grad] bags do not fit into the matrix: got columns 5 to 9, "
            "expected within 0 to 8");
}

}  // namespace
}  // namespace hotrow
