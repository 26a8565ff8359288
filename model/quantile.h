// Quantiles of times.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

namespace hotrow {

// The q-th quantile, q in [0, 1], of at least one ascending number: linear between neighbours.
inline double quantile(const std::vector<double>& sorted, double q) {
  const double at = q * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<size_t>(at);
  const size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (at - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

}  // namespace hotrow
