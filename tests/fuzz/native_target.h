// Reads any bytes as a native file, the two ways that there are. What comes out is a DataError or
// samples that keep the contract of Batch; anything else ends the process.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "data/batch_rows.h"
#include "data/formats/native.h"
#include "kernels/core/check.h"

namespace hotrow::fuzz {

inline void must(bool ok) {
  if (!ok) std::abort();
}

inline void check_batch(const Batch& batch, const Schema& schema, int64_t rows) {
  for (size_t t = 0; t < schema.num_tables(); ++t) {
    const SparseFeature& feature = batch.sparse[t];
    const CategoricalColumn& column = schema.categorical[t];
    must(feature.offsets[0] == 0);
    for (size_t b = 0; b < static_cast<size_t>(rows); ++b) {
      const int64_t size = feature.offsets[b + 1] - feature.offsets[b];
      must(size >= 0 && size <= column.hotness);
    }
    for (int64_t k = 0; k < feature.offsets[static_cast<size_t>(rows)]; ++k) {
      const int64_t id = feature.ids[static_cast<size_t>(k)];
      must(id >= 0 && (column.cardinality == 0 || id < column.cardinality));
    }
  }
}

// Gives whether the bytes were a native file with good data throughout.
inline bool read_native(std::span<const uint8_t> input) {
  constexpr int64_t kRows = 7;
  // A mapped file begins at a page, so at a multiple of 64.
  std::vector<std::max_align_t> memory(input.size() / sizeof(std::max_align_t) + 1);
  if (!input.empty()) std::memcpy(memory.data(), input.data(), input.size());
  const auto bytes = std::as_bytes(std::span(memory)).first(input.size());
  try {
    const auto source = open_native_bytes(bytes, "fuzz");
    Rows rows;
    int64_t seen = 0;
    while (source->next(rows, kRows)) seen += rows.rows;
    must(seen == source->num_rows());
    if (seen == 0) return true;  // sizes of a schema without rows have been checked by nothing
    source->seek(0);
    Batch batch;
    size_batch(batch, source->schema(), kRows);
    while (const int64_t count = source->fill(batch, 0, kRows, rows))
      check_batch(batch, source->schema(), count);
    return true;
  } catch (const DataError&) {
    return false;
  }
}

}  // namespace hotrow::fuzz
