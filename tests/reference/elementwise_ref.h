// Element-wise kernels in double, one element at a time.
#pragma once

#include <vector>

#include "tests/support/bounds.h"

namespace hotrow::reference {

// before (where it accumulates) + a * b; with b = 1 a copy, with before = b a sum.
inline test::Exact multiply_add(double a, double b, double before, bool accumulate) {
  test::Exact e;
  if (accumulate) e.add(before);
  e.add_product(a, b);
  return e;
}

struct ProductGradients {
  std::vector<test::Exact> da, db;
};

// The gradients of sum(dout * a * b).
inline ProductGradients multiply_backward(const std::vector<float>& dout,
                                          const std::vector<float>& a, const std::vector<float>& b,
                                          const std::vector<float>& da_before, bool accumulate_da,
                                          const std::vector<float>& db_before, bool accumulate_db) {
  ProductGradients g;
  for (size_t i = 0; i < dout.size(); ++i) {
    g.da.push_back(multiply_add(dout[i], b[i], da_before[i], accumulate_da));
    g.db.push_back(multiply_add(dout[i], a[i], db_before[i], accumulate_db));
  }
  return g;
}

}  // namespace hotrow::reference
