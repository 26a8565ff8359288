// Random batches, made before any clock starts, and what their ids ask of the tables.
#pragma once

#include <cstdint>
#include <vector>

#include "data/batch.h"
#include "data/reader.h"
#include "engine/rng.h"
#include "tools/bench/configs.h"

namespace hotrow {

// A timed run goes round in this many batches, so that no batch finds exactly its own rows in
// cache.
inline constexpr int kBenchBatches = 8;

BatchShape bench_shape(const BenchConfig& config);

// kBenchBatches batches of B samples: dense values uniform in [0, 1), labels 0 or 1, and
// `config.lookups` ids in every bag. The same seed, the same batches.
std::vector<Batch> make_batches(const BenchConfig& config, int64_t B, double exponent);

// How often rows are read, over all tables.
struct RowUse {
  double ids = 0;       // a batch
  double distinct = 0;  // different rows a batch, the mean over the batches
  double cycle = 0;     // different rows in all batches together
};
RowUse count_rows(const std::vector<Batch>& batches, const std::vector<int64_t>& table_rows);

}  // namespace hotrow
