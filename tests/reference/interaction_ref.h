// Dot interaction as its definition reads, in double: kernels/interaction.h is tested against this.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "tests/support/bounds.h"

namespace hotrow::reference {

// Features of one sample, x[f][d]; T is float for kernels, double for difference quotients.
template <class T>
using SampleFeatures = std::vector<std::vector<T>>;

inline std::vector<std::pair<int, int>> interaction_pair_list(int F, bool self) {
  std::vector<std::pair<int, int>> pairs;
  for (int i = 0; i < F; ++i) {
    for (int j = 0; j < F; ++j) {
      if (j < i || (self && j == i)) pairs.push_back({i, j});
    }
  }
  return pairs;
}

// One row of z.
template <class T>
std::vector<test::Exact> interaction(const SampleFeatures<T>& x, bool self) {
  std::vector<test::Exact> z;
  for (T v : x[0]) z.push_back({double(v), 0});  // copied, so exact
  for (auto [i, j] : interaction_pair_list(static_cast<int>(x.size()), self)) {
    test::Exact dot;
    for (size_t d = 0; d < x[0].size(); ++d) dot.add_product(x[i][d], x[j][d]);
    z.push_back(dot);
  }
  return z;
}

// The gradients of one sample, dx[f][d]. `before` is what dx held, for features that accumulate.
inline std::vector<std::vector<test::Exact>> interaction_backward(
    const std::vector<float>& dz, const SampleFeatures<float>& x, bool self,
    const SampleFeatures<float>& before, const std::vector<bool>& accumulate) {
  const size_t D = x[0].size();
  std::vector<std::vector<test::Exact>> dx(x.size(), std::vector<test::Exact>(D));
  const auto pairs = interaction_pair_list(static_cast<int>(x.size()), self);
  for (size_t d = 0; d < D; ++d) {
    dx[0][d].add(dz[d]);
    for (size_t p = 0; p < pairs.size(); ++p) {  // d (x_i . x_j) = dx_i . x_j + x_i . dx_j
      const auto [i, j] = pairs[p];
      dx[i][d].add_product(dz[D + p], x[j][d]);
      dx[j][d].add_product(dz[D + p], x[i][d]);
    }
    for (size_t f = 0; f < x.size(); ++f) {
      if (accumulate[f]) dx[f][d].add(before[f][d]);
    }
  }
  return dx;
}

}  // namespace hotrow::reference
