// Naive checks of ids, with nothing but comparisons.
#pragma once

#include <cstdint>
#include <vector>

namespace hotrow::reference {

template <class Id>
int64_t first_bad_id_ref(const std::vector<Id>& ids, int64_t rows) {
  for (size_t i = 0; i < ids.size(); ++i) {
    if (ids[i] < 0 || ids[i] >= rows) return static_cast<int64_t>(i);
  }
  return -1;
}

template <class Id>
int64_t first_bad_offset_ref(const std::vector<Id>& offsets, int64_t num_ids) {
  for (size_t i = 0; i < offsets.size(); ++i) {
    const bool starts = i > 0 || offsets[i] == 0;
    const bool rises = i == 0 || offsets[i] >= offsets[i - 1];
    const bool ends = i + 1 < offsets.size() || offsets[i] == num_ids;
    if (!starts || !rises || !ends || offsets[i] > num_ids) return static_cast<int64_t>(i);
  }
  return -1;
}

}  // namespace hotrow::reference
