// Loaders of rows in memory, and what their batches hold.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "data/block_shuffle.h"
#include "data/loader.h"
#include "tests/data/rows_maker.h"

namespace hotrow::test {

constexpr int64_t kRows = 103;

inline const Schema& schema() {
  static const Schema mixed = mixed_schema();
  return mixed;
}

inline const Rows& rows() {
  static const Rows few = RowsMaker(1).mixed(schema(), kRows);
  return few;
}

inline const Rows& many_rows() {
  static const Rows many = RowsMaker(2).mixed(schema(), 3 * BlockShuffle::kBlockRows + 100);
  return many;
}

inline std::unique_ptr<Loader> loader(const LoaderConfig& config,
                                      MemorySource::Options options = {},
                                      const Rows& from = rows()) {
  return std::make_unique<Loader>(std::make_unique<MemorySource>(schema(), from, options), config,
                                  "made");
}

// The batches of `pass` from `batch` on.
inline std::vector<Batch> pass_of(Reader& reader, int64_t pass = 0, int64_t batch = 0) {
  reader.seek(pass, batch);
  std::vector<Batch> all;
  for (Batch next; reader.next(next);) all.push_back(next);
  return all;
}

// Samples of several batches as one row of text each, to be compared and sorted.
inline std::vector<std::string> samples_of(const std::vector<Batch>& batches) {
  std::vector<std::string> samples;
  for (const Batch& batch : batches) {
    const auto width = static_cast<size_t>(schema().num_dense());
    for (size_t b = 0; b < static_cast<size_t>(batch.rows); ++b) {
      std::string text = fmt::format("{}", batch.labels[b]);
      for (size_t i = 0; i < width; ++i) text += fmt::format(" {}", batch.dense[b * width + i]);
      for (const SparseFeature& feature : batch.sparse) {
        text += ";";
        for (int64_t k = feature.offsets[b]; k < feature.offsets[b + 1]; ++k)
          text += fmt::format(" {}", feature.ids[static_cast<size_t>(k)]);
      }
      samples.push_back(text);
    }
  }
  return samples;
}

}  // namespace hotrow::test
