// Data made of random numbers while it is read: --data-generation=random, and the frame of
// data/trace.h.
//
// Repeats RandomDataset of facebookresearch/dlrm draw for draw, given the same seed.
// Batch j of n = min(batch_size, data_size - j * batch_size) samples:
//
//   if j == 0: stream.seed(seed)
//   dense (n, num_dense) = float(u)                                  one draw u a value, row by row
//   for each table of R rows, for each sample:
//     count = fixed ? max_ids : round(max(1, u * min(R, max_ids)))   one draw unless fixed
//     ids = a BagSource's bag of count draws
//   labels (n) = float(u), or round(float(u)) with round_targets
//
// round() is to nearest, ties to even. Arithmetic in double, cast to float once.
//
// The stream belongs to the caller and is shared on purpose: a test pass re-seeds it at its batch 0
// and so shifts the training batches that follow it, as in the reference. rewind() draws nothing.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "data/reader.h"
#include "engine/rng.h"

namespace hotrow {

enum class DrawOrder {
  kCurrent,  // batches are drawn when they are read, targets after the inputs of their batch
  kReadme,   // the reference's first release, whose output its README shows: the constructor seeds,
             // draws the inputs of all batches, then the targets of all, and keeps them; later
             // passes draw nothing
};

struct SyntheticConfig {
  int64_t num_dense = 0;
  std::vector<int64_t> table_rows;
  int64_t data_size = 1;
  int64_t batch_size = 1;
  int64_t max_ids_per_bag = 10;
  bool fixed_ids_per_bag = false;
  bool round_targets = false;
  uint32_t seed = 123;
  DrawOrder order = DrawOrder::kCurrent;
};

// Draws the ids of one bag. Ids may come out fewer than `count`, where equal ones were merged.
class BagSource {
 public:
  virtual ~BagSource() = default;
  // Writes at most `count` ids of `table`, which has `rows` rows, into `bag`, which has room for
  // `count`; returns how many.
  virtual int64_t draw(int64_t* bag, int64_t table, int64_t rows, int64_t count,
                       NumpyRandom& stream) = 0;
};

class SyntheticReader : public Reader {
 public:
  // InvalidArgument: a size below 1. `stream` must outlive the reader.
  SyntheticReader(SyntheticConfig config, std::unique_ptr<BagSource> bags, NumpyRandom& stream);

  const BatchShape& shape() const override { return shape_; }
  int64_t batch_size() const override { return config_.batch_size; }
  int64_t num_batches() const override;
  void rewind() override { position_ = 0; }
  // DataError: an id outside its table (which only Gaussian ids can be).
  bool next(Batch& batch) override;

 private:
  void draw_inputs(int64_t index, Batch& batch);
  void draw_bags(int64_t table, Batch& batch);
  void draw_targets(Batch& batch);
  void check_bag(int64_t table, std::span<const int64_t> bag, int64_t sample) const;

  SyntheticConfig config_;
  std::unique_ptr<BagSource> bags_;
  NumpyRandom& stream_;
  BatchShape shape_;
  std::vector<Batch> kept_;  // DrawOrder::kReadme: the whole data set
  int64_t position_ = 0;
};

// --rand-data-dist. Uniform: ids round(u * (R - 1)), sorted, equal ones merged. Gaussian:
// normal(mu, sigma) clipped to [min, max], sorted, equal ones merged, then cut to integers, so that
// a bag may repeat an id.
struct IdDistribution {
  enum class Kind { kUniform, kGaussian };
  Kind kind = Kind::kUniform;
  double min = 0, max = 1;  // Gaussian only, as are mu and sigma
  double mu = kMiddle, sigma = 1;
  static constexpr double kMiddle = -1;  // stands for (min + max) / 2
};

// InvalidArgument also: Gaussian with min > max, a negative sigma, or no finite numbers.
std::unique_ptr<SyntheticReader> make_random_reader(const SyntheticConfig& config,
                                                    const IdDistribution& distribution,
                                                    NumpyRandom& stream);

}  // namespace hotrow
