// Tables on the CPU and in device memory, for the tests of the GPU's embedding update.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "kernels/embedding_update.h"
#include "tests/kernels/embedding_test_data.h"
#include "tests/support/device_memory.h"

namespace hotrow::test {

constexpr TableType kTableTypes[] = {TableType::kFloat32, TableType::kSplitBf16, TableType::kBf16,
                                     TableType::kFp16};

// A table as it is stored, with its batch.
template <class Id>
struct StoredTable {
  TestTable<Id> batch;  // its rows are those that `rows` began with
  TypedRows rows;

  StoredTable(const TestTable<Id>& table, TableType type)
      : batch(table), rows(type, table.shape.rows, table.shape.dim, table.rows) {}
};

// Tables of all types in turn, and a gradient that has other columns too.
template <class Id>
struct UpdateCase {
  std::vector<StoredTable<Id>> tables;
  std::vector<float> dout;
  int64_t batch, dim, first_column = 4, width;
  Pooling pooling = Pooling::kSum;
  UpdateRule rule;

  UpdateCase(const UpdateRule& r, const std::vector<TestTable<Id>>& batches)
      : batch(batches[0].shape.batch), dim(batches[0].shape.dim), rule(r) {
    for (size_t t = 0; t < batches.size(); ++t) {
      tables.emplace_back(batches[t], kTableTypes[t % 4]);
      tables[t].batch.make_state(r.kind, 100u + static_cast<uint32_t>(t));
    }
    set_width(4 + dim * std::ssize(tables) + 4);
  }
  void set_width(int64_t columns) {
    width = columns;
    dout = test_floats(batch * width, 42);
  }
  ConstMatrix gradient(const float* data) const { return {data, {batch, width}}; }
  static RoundingKey key(size_t t) { return {0xDEADBEEF, static_cast<uint32_t>(t) + 0x80000000}; }
  bool weighted() const {
    return std::ranges::any_of(tables, [](const auto& t) { return t.batch.shape.weighted; });
  }
  UpdateSizes sizes() const {
    UpdateSizes s{.batch = batch, .dim = dim, .weighted = weighted()};
    for (const auto& table : tables) {
      s.max_ids += table.batch.num_ids();
      s.total_rows += table.rows.num_rows;
    }
    return s;
  }
  void update_on_cpu() {
    std::vector<TableUpdate<Id>> updates;
    std::vector<int64_t> num_ids;
    for (size_t t = 0; t < tables.size(); ++t) {
      auto& table = tables[t];
      updates.push_back({table.rows.rows(), table.batch.state.data(), table.batch.bags(), key(t)});
      num_ids.push_back(table.batch.num_ids());
    }
    std::vector<std::byte> scratch(embedding_update_scratch_bytes(num_ids));
    embedding_update<Id>(updates, gradient(dout.data()), first_column, pooling, rule, scratch,
                         CpuStream{});
  }
};

// The tables of a case in device memory.
template <class Id>
class DeviceTables {
 public:
  explicit DeviceTables(UpdateCase<Id>& c) {
    for (size_t t = 0; t < c.tables.size(); ++t) {
      auto& [batch, rows] = c.tables[t];
      auto& d = tables_.emplace_back(batch, rows);
      void* data = rows.type == TableType::kFloat32 ? static_cast<void*>(d.floats.data())
                                                    : static_cast<void*>(d.high.data());
      updates_.push_back({{data, {rows.num_rows, rows.dim}, rows.type, d.low.data()},
                          d.state.data(),
                          d.bags(batch),
                          c.key(t)});
    }
    descriptors_ = DeviceVector<TableUpdate<Id>>(updates_);
  }
  // The tables with the bags of another batch.
  DeviceTables(const DeviceTables& tables, UpdateCase<Id>& next) : updates_(tables.updates_) {
    for (size_t t = 0; t < updates_.size(); ++t) {
      auto& d = tables_.emplace_back(next.tables[t].batch, next.tables[t].rows);
      updates_[t].bags = d.bags(next.tables[t].batch);
    }
    descriptors_ = DeviceVector<TableUpdate<Id>>(updates_);
  }
  std::span<const TableUpdate<Id>> span() const {
    return {descriptors_.data(), descriptors_.size()};
  }
  std::vector<float> values(size_t t, TypedRows like) const {
    like.floats_of_32 = tables_[t].floats.get();
    like.high = tables_[t].high.get();
    like.low = tables_[t].low.get();
    return like.floats();
  }
  std::vector<float> state(size_t t) const { return tables_[t].state.get(); }
  void expect_equal(const UpdateCase<Id>& want) const {
    for (size_t t = 0; t < tables_.size(); ++t) {
      SCOPED_TRACE(testing::Message() << "table " << t);
      const TypedRows& rows = want.tables[t].rows;
      EXPECT_EQ(bits_of(tables_[t].floats.get()), bits_of(rows.floats_of_32));
      EXPECT_EQ(tables_[t].high.get(), rows.high);
      EXPECT_EQ(tables_[t].low.get(), rows.low);
      EXPECT_EQ(bits_of(tables_[t].state.get()), bits_of(want.tables[t].batch.state));
    }
  }

 private:
  struct Table {
    DeviceVector<float> floats, state, weights;
    DeviceVector<uint16_t> high, low;
    DeviceVector<Id> offsets, ids;

    Table(const TestTable<Id>& batch, const TypedRows& rows)
        : floats(rows.floats_of_32),
          state(batch.state),
          weights(batch.weights),
          high(rows.high),
          low(rows.low),
          offsets(batch.offsets),
          ids(batch.ids) {}
    Bags<Id> bags(const TestTable<Id>& batch) const {
      return {batch.offsets.empty() ? nullptr : offsets.data(), ids.data(),
              batch.shape.weighted ? weights.data() : nullptr};
    }
  };
  std::vector<Table> tables_;
  std::vector<TableUpdate<Id>> updates_;
  DeviceVector<TableUpdate<Id>> descriptors_;
};

// The two calls for one batch, with scratch of exactly the size asked for.
template <class Id>
class DeviceUpdate {
 public:
  DeviceUpdate(const UpdateCase<Id>& c, const UpdateSizes& sizes)
      : sizes_(sizes),
        scratch_(embedding_update_scratch_bytes(std::ssize(c.tables), sizes)),
        dout_(c.dout),
        constants_(std::vector{update_constants("test", c.rule)}) {}
  void prepare(const DeviceTables<Id>& tables, CudaStream stream = {}) {
    embedding_update_prepare(tables.span(), sizes_, {scratch_.data(), scratch_.size()}, stream);
  }
  void apply(const DeviceTables<Id>& tables, const UpdateCase<Id>& c, CudaStream stream = {}) {
    embedding_update_apply(tables.span(), c.gradient(dout_.data()), c.first_column, c.pooling,
                           c.rule.kind, constants_.data(), sizes_,
                           {scratch_.data(), scratch_.size()}, stream);
  }
  // Gradient and rule of another batch.
  void set_batch(const UpdateCase<Id>& c) {
    dout_.set(c.dout);
    constants_.set({update_constants("test", c.rule)});
  }

 private:
  UpdateSizes sizes_;
  DeviceVector<std::byte> scratch_;
  DeviceVector<float> dout_;
  DeviceVector<UpdateConstants> constants_;
};

}  // namespace hotrow::test
