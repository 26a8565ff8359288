#include "data/synthetic.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "kernels/core/check.h"
#include "kernels/core/parallel.h"

namespace hotrow {
namespace {

// To nearest, ties to even, for 0 <= value < 2^52: beyond 2^52 doubles are integers.
double round_to_even(double value) { return (value + 0x1p52) - 0x1p52; }

// Sorts bag[0, count) and merges equal values; returns how many stay.
template <class T>
int64_t sort_unique(T* bag, int64_t count) {
  std::sort(bag, bag + count);
  return std::unique(bag, bag + count) - bag;
}

class UniformBags : public BagSource {
 public:
  int64_t draw(int64_t* bag, int64_t, int64_t rows, int64_t count, NumpyRandom& stream) override {
    const double last = static_cast<double>(rows - 1);
    for (int64_t i = 0; i < count; ++i) {
      bag[i] = static_cast<int64_t>(round_to_even(stream.uniform() * last));
    }
    return sort_unique(bag, count);
  }
};

class GaussianBags : public BagSource {
 public:
  GaussianBags(const IdDistribution& d, int64_t max_ids)
      : d_(d), values_(std::max<int64_t>(max_ids, 0)) {
    constexpr double kLargest = 0x1p52;  // what certainly fits an id
    require(-kLargest <= d.min && d.min <= d.max && d.max <= kLargest,
            "[rand-data-min, rand-data-max] got {} and {}, expected two numbers in ascending order",
            d.min, d.max);
    require(d.sigma >= 0 && std::isfinite(d.sigma), "[rand-data-sigma] got {}, expected at least 0",
            d.sigma);
    require(std::isfinite(d.mu), "[rand-data-mu] got {}, expected a number", d.mu);
    if (d_.mu == IdDistribution::kMiddle) d_.mu = (d_.max + d_.min) / 2.0;
  }

  int64_t draw(int64_t* bag, int64_t, int64_t, int64_t count, NumpyRandom& stream) override {
    for (int64_t i = 0; i < count; ++i) {
      values_[i] = std::clamp(stream.normal(d_.mu, d_.sigma), d_.min, d_.max);
    }
    const int64_t size = sort_unique(values_.data(), count);
    for (int64_t i = 0; i < size; ++i) bag[i] = static_cast<int64_t>(values_[i]);
    return size;
  }

 private:
  IdDistribution d_;
  std::vector<double> values_;  // one bag
};

void check_config(const SyntheticConfig& config) {
  require(config.data_size >= 1, "[data-size] got {}, expected at least 1", config.data_size);
  require(config.batch_size >= 1, "[mini-batch-size] got {}, expected at least 1",
          config.batch_size);
  require(config.num_dense >= 0, "[random data] dense features: got {}, expected at least 0",
          config.num_dense);
  require(config.max_ids_per_bag >= 1, "[num-indices-per-lookup] got {}, expected at least 1",
          config.max_ids_per_bag);
  for (size_t t = 0; t < config.table_rows.size(); ++t) {
    require(config.table_rows[t] >= 1,
            "[random data] rows of table {}: got {}, expected at least 1", t, config.table_rows[t]);
  }
}

}  // namespace

SyntheticReader::SyntheticReader(SyntheticConfig config, std::unique_ptr<BagSource> bags,
                                 NumpyRandom& stream)
    : config_(std::move(config)), bags_(std::move(bags)), stream_(stream) {
  check_config(config_);
  shape_.num_dense = config_.num_dense;
  for (size_t t = 0; t < config_.table_rows.size(); ++t) {
    const int64_t rows = config_.table_rows[t];
    const int64_t most = config_.max_ids_per_bag;
    shape_.categorical.push_back({fmt::format("table {}", t), rows,
                                  config_.fixed_ids_per_bag ? most : std::min(rows, most)});
  }
  if (config_.order == DrawOrder::kCurrent) return;
  kept_.resize(num_batches());
  stream_.seed(config_.seed);
  for (int64_t j = 0; j < num_batches(); ++j) draw_inputs(j, kept_[j]);
  for (Batch& batch : kept_) draw_targets(batch);
}

int64_t SyntheticReader::num_batches() const {
  return ceil_div(config_.data_size, config_.batch_size);
}

bool SyntheticReader::next(Batch& batch) {
  if (position_ == num_batches()) return false;
  const int64_t index = position_++;
  if (config_.order == DrawOrder::kReadme) {
    batch = kept_[index];
    return true;
  }
  if (index == 0) stream_.seed(config_.seed);
  draw_inputs(index, batch);
  draw_targets(batch);
  return true;
}

void SyntheticReader::draw_inputs(int64_t index, Batch& batch) {
  const int64_t first = index * config_.batch_size;
  batch.rows = std::min(config_.batch_size, config_.data_size - first);
  batch.source = "random data";
  batch.first_line = first + 1;
  batch.dense.resize(batch.rows * config_.num_dense);
  for (float& value : batch.dense) value = static_cast<float>(stream_.uniform());
  batch.sparse.resize(config_.table_rows.size());
  for (size_t t = 0; t < batch.sparse.size(); ++t) draw_bags(static_cast<int64_t>(t), batch);
}

void SyntheticReader::draw_bags(int64_t table, Batch& batch) {
  SparseFeature& feature = batch.sparse[table];
  const CategoricalShape& column = shape_.categorical[table];
  const double most = static_cast<double>(std::min(column.rows, config_.max_ids_per_bag));
  feature.offsets.resize(batch.rows + 1);
  feature.offsets[0] = 0;
  feature.ids.resize(batch.rows * column.max_ids_per_bag);  // room for what may be drawn
  int64_t* end = feature.ids.data();
  for (int64_t sample = 0; sample < batch.rows; ++sample) {
    int64_t count = config_.max_ids_per_bag;
    if (!config_.fixed_ids_per_bag) {
      count = static_cast<int64_t>(round_to_even(std::max(1.0, stream_.uniform() * most)));
    }
    const int64_t size = bags_->draw(end, table, column.rows, count, stream_);
    check_bag(table, {end, static_cast<size_t>(size)}, batch.first_line + sample);
    end += size;
    feature.offsets[sample + 1] = end - feature.ids.data();
  }
  feature.ids.resize(end - feature.ids.data());
}

void SyntheticReader::check_bag(int64_t table, std::span<const int64_t> bag, int64_t sample) const {
  const int64_t rows = config_.table_rows[table];
  for (const int64_t id : bag) {
    require<DataError>(
        id >= 0 && id < rows,
        "[random data] id of table {}, sample {}: got {}, expected 0 to {} in a table of {} "
        "rows (Gaussian ids lie between rand-data-min and rand-data-max)",
        table, sample, id, rows - 1, rows);
  }
}

void SyntheticReader::draw_targets(Batch& batch) {
  batch.labels.resize(batch.rows);
  for (float& label : batch.labels) {
    label = static_cast<float>(stream_.uniform());
    if (config_.round_targets) label = std::nearbyint(label);
  }
}

std::unique_ptr<SyntheticReader> make_random_reader(const SyntheticConfig& config,
                                                    const IdDistribution& distribution,
                                                    NumpyRandom& stream) {
  std::unique_ptr<BagSource> bags;
  if (distribution.kind == IdDistribution::Kind::kUniform) {
    bags = std::make_unique<UniformBags>();
  } else {
    bags = std::make_unique<GaussianBags>(distribution, config.max_ids_per_bag);
  }
  return std::make_unique<SyntheticReader>(config, std::move(bags), stream);
}

}  // namespace hotrow
