// Ids for the tests of kernels/sparse_route.h.
#pragma once

#include <cstdint>
#include <random>
#include <vector>

namespace hotrow::test {

// n ids in [0, rows), all equally likely.
template <class Id>
std::vector<Id> random_ids(int64_t n, int64_t rows, uint32_t seed) {
  std::mt19937_64 random(seed);
  std::uniform_int_distribution<int64_t> uniform(0, rows - 1);
  std::vector<Id> ids(static_cast<size_t>(n));
  for (Id& id : ids) id = static_cast<Id>(uniform(random));
  return ids;
}

}  // namespace hotrow::test
