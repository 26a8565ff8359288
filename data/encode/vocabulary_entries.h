// The entries of one column's vocabulary in a file.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "data/binary_file.h"

namespace hotrow {

// One value. The first of a column has the row first_id, the next one first_id + 1, ...
struct VocabularyEntry {
  uint64_t key;
  uint64_t count;  // occurrences
};

struct VocabularySlice {
  std::string path;
  int64_t at = 0;  // bytes from the file's begin
  int64_t entries = 0;
};

// Calls take(key, id) for each entry, in order. The slice must lie in the file, and
// first_id + entries below 2^32.
template <class Take>
void for_each_entry(const VocabularySlice& slice, int64_t first_id, Take&& take) {
  constexpr int64_t kAtOnce = 8192;
  if (slice.entries == 0) return;
  const BinaryInput file(slice.path);
  auto id = static_cast<uint32_t>(first_id);
  std::vector<VocabularyEntry> entries;
  for (int64_t at = 0; at < slice.entries; at += std::ssize(entries)) {
    entries.resize(static_cast<size_t>(std::min(slice.entries - at, kAtOnce)));
    file.read(slice.at + at * static_cast<int64_t>(sizeof(VocabularyEntry)),
              std::as_writable_bytes(std::span(entries)));
    for (const VocabularyEntry& entry : entries) take(entry.key, id++);
  }
}

}  // namespace hotrow
