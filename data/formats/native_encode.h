// The columns of a block of rows as the bytes of a block of a native file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "data/formats/native_layout.h"
#include "data/rows.h"

namespace hotrow::native {

// Makes a block of data/formats/native_layout.h, column by column, so that threads can share it:
//
//   encoder.start(rows, begin, count, schema);
//   for each column: encoder.measure(column);
//   bytes.resize(encoder.lay_out());
//   for each column: encoder.put(bytes.data(), column);
//
// The calls for different columns may be at work at once. `rows` fit the schema and stay as they
// are. Its memory is reused: 8 bytes a number.
class BlockEncoder {
 public:
  // Rows [begin, begin + count) of `rows`.
  void start(const Rows& rows, int64_t begin, int64_t count, const Schema& schema);
  // The label, the numerical and the categorical columns.
  size_t num_columns() const { return entries_.size(); }
  // Finds the types of a column.
  void measure(size_t column);
  // Gives the bytes of the block.
  size_t lay_out();
  // Writes a column, and zeros up to the next one.
  void put(std::byte* block, size_t column) const;

 private:
  size_t num_numbers() const { return 1 + schema_->num_dense(); }
  std::span<const double> numbers(size_t column) const;
  std::span<const int64_t> ids(size_t table) const;
  // offsets[0] .. offsets[count] of the rows' bags.
  const int64_t* offsets(size_t table) const;
  void put_numbers(std::byte* block, size_t column) const;
  void put_ids(std::byte* block, size_t column) const;

  const Rows* rows_ = nullptr;
  const Schema* schema_ = nullptr;
  size_t begin_ = 0, count_ = 0;
  std::vector<double> dense_;  // (num_dense, count): a column in one run
  std::vector<ColumnEntry> entries_;
};

}  // namespace hotrow::native
