#include "tools/bench/batches.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace hotrow {
namespace {

constexpr uint32_t kSeed = 1;

// An id in [0, rows). exponent 0: uniform. Else a bounded power law, by the inverse of its
// distribution function, x ^ -exponent on [1, rows]:
//   u uniform in [0, 1);  s = 1 - exponent;  id = floor(((rows^s - 1) u + 1)^(1/s)) - 1
//   (s = 0: floor(rows^u) - 1)
int64_t draw_id(NumpyRandom& random, int64_t rows, double exponent) {
  const double u = random.uniform(), r = static_cast<double>(rows), s = 1.0 - exponent;
  double id;
  if (exponent == 0) {
    id = u * r;
  } else if (std::abs(s) > 1e-9) {
    id = std::pow((std::pow(r, s) - 1.0) * u + 1.0, 1.0 / s) - 1.0;
  } else {
    id = std::pow(r, u) - 1.0;
  }
  return std::clamp<int64_t>(static_cast<int64_t>(id), 0, rows - 1);
}

SparseFeature make_bags(NumpyRandom& random, int64_t B, int64_t lookups, int64_t rows,
                        double exponent) {
  SparseFeature feature;
  for (int64_t b = 0; b <= B; ++b) feature.offsets.push_back(b * lookups);
  feature.ids.resize(static_cast<size_t>(B * lookups));
  for (int64_t& id : feature.ids) id = draw_id(random, rows, exponent);
  return feature;
}

}  // namespace

BatchShape bench_shape(const BenchConfig& config) {
  BatchShape shape;
  shape.num_dense = config.model.bottom.front();
  for (size_t t = 0; t < config.model.table_rows.size(); ++t) {
    shape.categorical.push_back({fmt::format("{}", t), config.model.table_rows[t], config.lookups});
  }
  return shape;
}

std::vector<Batch> make_batches(const BenchConfig& config, int64_t B, double exponent) {
  NumpyRandom random(kSeed);
  std::vector<Batch> batches(kBenchBatches);
  for (Batch& batch : batches) {
    batch.rows = B;
    batch.source = "random data";
    batch.dense.resize(static_cast<size_t>(B * config.model.bottom.front()));
    for (float& x : batch.dense) x = static_cast<float>(random.uniform());
    for (int64_t rows : config.model.table_rows) {
      batch.sparse.push_back(make_bags(random, B, config.lookups, rows, exponent));
    }
    batch.labels.resize(static_cast<size_t>(B));
    for (float& label : batch.labels) label = static_cast<float>(random.next_u32() >> 31);
  }
  return batches;
}

RowUse count_rows(const std::vector<Batch>& batches, const std::vector<int64_t>& table_rows) {
  RowUse use;
  for (size_t t = 0; t < table_rows.size(); ++t) {
    // The last batch that read a row, counted from 1.
    std::vector<uint8_t> last(static_cast<size_t>(table_rows[t]), 0);
    for (size_t b = 0; b < batches.size(); ++b) {
      const auto mark = static_cast<uint8_t>(b + 1);
      for (int64_t id : batches[b].sparse[t].ids) {
        uint8_t& seen = last[static_cast<size_t>(id)];
        use.cycle += seen == 0;
        use.distinct += seen != mark;
        seen = mark;
      }
      use.ids += static_cast<double>(batches[b].sparse[t].ids.size());
    }
  }
  use.ids /= static_cast<double>(batches.size());
  use.distinct /= static_cast<double>(batches.size());
  return use;
}

}  // namespace hotrow
