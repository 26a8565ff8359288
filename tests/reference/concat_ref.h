// Concatenation as its definition reads; exact, since nothing is computed.
#pragma once

#include <vector>

namespace hotrow::reference {

// Row b of the result is row b of every part, one after the other; parts[i][b] is a row.
inline std::vector<std::vector<float>> concat(
    const std::vector<std::vector<std::vector<float>>>& parts, size_t B) {
  std::vector<std::vector<float>> out(B);
  for (size_t b = 0; b < B; ++b) {
    for (const auto& part : parts) out[b].insert(out[b].end(), part[b].begin(), part[b].end());
  }
  return out;
}

}  // namespace hotrow::reference
