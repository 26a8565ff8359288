// Records of 32-bit words to columns: the inner loops that readers of record files share.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <vector>

namespace hotrow {

// Records that are handled together, so that their words stay in the second cache (100 KiB at 40
// words) while column after column is taken out of them.
inline constexpr int64_t kDecodeRecords = 640;

// ids[r * hotness + k] = words[r * stride + k]; returns the largest, which a negative int32
// exceeds.
inline uint32_t take_ids(int64_t* ids, const uint32_t* words, int64_t records, int64_t stride,
                         int64_t hotness) {
  uint32_t largest = 0;
  if (hotness == 1) {
    for (int64_t r = 0; r < records; ++r) {
      const uint32_t id = words[r * stride];
      largest = std::max(largest, id);
      ids[r] = id;
    }
    return largest;
  }
  for (int64_t r = 0; r < records; ++r) {
    for (int64_t k = 0; k < hotness; ++k) {
      const uint32_t id = words[r * stride + k];
      largest = std::max(largest, id);
      ids[r * hotness + k] = id;
    }
  }
  return largest;
}

// out[r * columns + j] = value(words[r * stride + j]).
template <class T, class Value>
void take_values(T* out, const uint32_t* words, int64_t records, int64_t stride, int64_t columns,
                 const Value& value) {
  for (int64_t r = 0; r < records; ++r) {
    for (int64_t j = 0; j < columns; ++j) out[r * columns + j] = value(words[r * stride + j]);
  }
}

// Offsets of bags that all have `hotness` ids.
inline void fill_offsets(std::vector<int64_t>& offsets, int64_t rows, int64_t hotness) {
  offsets.resize(static_cast<size_t>(rows) + 1);
  for (int64_t r = 0; r <= rows; ++r) offsets[static_cast<size_t>(r)] = r * hotness;
}

}  // namespace hotrow
