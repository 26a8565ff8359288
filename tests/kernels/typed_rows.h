// Rows of 16 bits for the tests of the embedding kernels, and bits to compare.
#pragma once

#include <cstdint>
#include <cstring>
#include <vector>

#include "kernels/core/table_rows.h"

namespace hotrow::test {

// Rows of any type but kFloat32.
struct TypedRows {
  TableType type;
  int64_t num_rows, dim;
  std::vector<uint16_t> high, low;

  TypedRows(TableType t, int64_t rows, int64_t cols, const std::vector<float>& values)
      : type(t), num_rows(rows), dim(cols), high(values.size()), low(values.size()) {
    write_floats(this->rows(), 0, values);
  }
  TableRows rows() { return {high.data(), {num_rows, dim}, type, low.data()}; }
  ConstTableRows rows() const { return const_cast<TypedRows*>(this)->rows(); }
  std::vector<float> floats() const {
    std::vector<float> all(high.size());
    read_floats(all, rows(), 0);
    return all;
  }
  // What a lookup reads.
  std::vector<float> seen() const {
    std::vector<float> all;
    for (uint16_t x : high) {
      all.push_back(type == TableType::kFp16 ? to_float(Fp16{x}) : to_float(Bf16{x}));
    }
    return all;
  }
};

inline std::vector<uint32_t> bits_of(const std::vector<float>& values) {
  std::vector<uint32_t> bits(values.size());
  if (!bits.empty()) std::memcpy(bits.data(), values.data(), bits.size() * sizeof(float));
  return bits;
}

}  // namespace hotrow::test
