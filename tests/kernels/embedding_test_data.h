// Tables and batches for the tests of the embedding kernels.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
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
