// Tables and batches for the tests of the embedding kernels.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>
#include <random>
#include <span>
#include <vector>

#include "kernels/embedding_bag.h"
#include "kernels/embedding_update.h"
#include "tests/support/bounds.h"
#include "tests/support/instruction_sets.h"

namespace hotrow::test {

struct BatchShape {
  int64_t batch = 7;
  int64_t rows = 11;
  int64_t dim = 5;
  int64_t max_bag = 6;  // ids in a bag: 0 to max_bag
  bool weighted = false;
};

// One table with its bags. Ids are skewed, so that rows repeat; the last row occurs.
template <class Id>
struct TestTable {
  BatchShape shape;
  std::vector<float> rows, state, weights;
  std::vector<Id> offsets, ids;

  TestTable(const BatchShape& s, uint32_t seed)
      : shape(s), rows(test_floats(s.rows * s.dim, seed)) {
    std::mt19937 random(seed);
    std::uniform_real_distribution<double> uniform(0, 1);
    offsets.push_back(0);
    for (int64_t b = 0; b < s.batch; ++b) {
      const auto count = static_cast<int64_t>(uniform(random) * static_cast<double>(s.max_bag + 1));
      for (int64_t i = 0; i < count && s.rows > 0; ++i) {
        const double skewed = std::pow(uniform(random), 2);
        ids.push_back(static_cast<Id>(s.rows - 1 -
                                      static_cast<int64_t>(skewed * static_cast<double>(s.rows))));
      }
      offsets.push_back(static_cast<Id>(ids.size()));
    }
    if (s.weighted) weights = test_floats(static_cast<int64_t>(ids.size()) + 1, seed + 1);
  }

  void make_state(UpdateKind kind, uint32_t seed) {
    state = test_floats(embedding_state_size(kind, shape.rows, shape.dim), seed);
    for (float& s : state) s = std::abs(s);
  }
  int64_t num_ids() const { return static_cast<int64_t>(ids.size()); }
  Bags<Id> bags() const {
    return {offsets.empty() ? nullptr : offsets.data(), ids.data(),
            shape.weighted ? weights.data() : nullptr};
  }
  TableLookup<Id> lookup() const { return {{rows.data(), {shape.rows, shape.dim}}, bags()}; }
  TableUpdate<Id> update() {
    return {{rows.data(), {shape.rows, shape.dim}}, state.empty() ? nullptr : state.data(), bags()};
  }
};

inline UpdateRule table_rule(UpdateKind kind, int64_t step = 3) {
  return {.kind = kind, .learning_rate = 0.1, .eps = 1e-8, .step = step};
}

// Rows of any type.
struct TypedRows {
  TableType type;
  int64_t num_rows, dim;
  std::vector<float> floats_of_32;  // of kFloat32
  std::vector<uint16_t> high, low;  // of the others

  TypedRows(TableType t, int64_t rows, int64_t cols, const std::vector<float>& values)
      : type(t), num_rows(rows), dim(cols) {
    (type == TableType::kFloat32 ? floats_of_32.resize(values.size()) : high.resize(values.size()));
    low.resize(high.size());
    write_floats(this->rows(), 0, values);
  }
  TableRows rows() {
    void* data = type == TableType::kFloat32 ? static_cast<void*>(floats_of_32.data())
                                             : static_cast<void*>(high.data());
    return {data, {num_rows, dim}, type, low.data()};
  }
  ConstTableRows rows() const { return const_cast<TypedRows*>(this)->rows(); }
  std::vector<float> floats() const {
    std::vector<float> all(static_cast<size_t>(num_rows * dim));
    read_floats(all, rows(), 0);
    return all;
  }
  // What a lookup reads of rows of 16 bits.
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

// The block of `cols` columns from `first` on of a row-major matrix.
inline std::vector<float> columns(const std::vector<float>& matrix, int64_t stride, int64_t first,
                                  int64_t cols) {
  std::vector<float> block;
  for (size_t i = 0; i < matrix.size(); i += static_cast<size_t>(stride)) {
    const auto row = matrix.begin() + static_cast<int64_t>(i) + first;
    block.insert(block.end(), row, row + cols);
  }
  return block;
}

}  // namespace hotrow::test
