// A Criteo-shaped world with a known click probability, for demonstrations and tests.
//
// A sample has 13 counts and 26 categorical bags, drawn independently:
//   count j   missing with some probability, else floor(exp(normal)): heavy-tailed; in one column
//             2 less than that, so that it goes below 0
//   bag t     missing with some probability, else 1 id, or 1 to 5 ids in three of the columns; an
//             id is its rank by popularity, Zipf-like over 3 to 60,000 ranks
// Its click probability and label:
//   s = sum_t sum_(id in bag t) effect[t][id]        or the effect of "missing"
//     + sum_(pairs a, b) factor[a][id_a] . factor[b][id_b]   of the first ids; 0 if one is missing
//     + sum_j slope[j] * z_j                         z: standardised log(count + 1), missing as 0
//   p = sigmoid(offset + kLogitDeviation * (s - mean(s)) / deviation(s))
//   label ~ Bernoulli(p)
// Effects and factors fade with the rank, so that they can be learned from few rows. The offset is
// such that the mean p is kClickRate; it, mean(s) and deviation(s) come from 20,000 pilot samples.
//
// Nobody can rank labels better than by p, so the AUC of p on a test file is the best that a model
// can reach there (up to chance). The same seed gives the same samples. About 3 us a sample.
// Source: own derivation.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "engine/rng.h"

namespace hotrow {

inline constexpr int kPlantedDense = 13;
inline constexpr int kPlantedCategorical = 26;
inline constexpr int kPlantedPairs = 4;

struct PlantedSample {
  int label = 0;
  double probability = 0;                      // of label 1
  std::array<int32_t, kPlantedDense> dense{};  // 0 where missing
  std::array<bool, kPlantedDense> dense_missing{};
  std::array<std::vector<int32_t>, kPlantedCategorical> bags;  // ranks; empty where missing
};

class PlantedWorld {
 public:
  static constexpr double kClickRate = 0.25;
  static constexpr double kLogitDeviation = 1.35;

  // Draws the effects, then runs the pilot.
  explicit PlantedWorld(uint32_t seed);

  // The next sample of the one stream that seed begins. Reuses the sample's memory.
  void draw(PlantedSample& sample);

  // The raw value that stands for a rank in files: 32 bits, different for different ranks of a
  // column, never 0.
  uint32_t raw_value(int column, int32_t rank) const;
  // Appends the raw Criteo line of the sample, with its '\n'.
  void append_line(const PlantedSample& sample, std::string& text) const;

 private:
  static constexpr int kFactors = 4;
  using Factor = std::array<float, kFactors>;

  struct Column {
    uint32_t key = 0;  // of raw_value
    float missing_effect = 0;
    std::vector<float> effects;  // one a rank
  };
  using PairFactors = std::array<std::vector<Factor>, 2>;  // one a rank of either column

  void draw_column(int column);
  void draw_pair(int pair);
  void draw_features(PlantedSample& sample);
  double score(const PlantedSample& sample) const;
  void calibrate();

  NumpyRandom random_;
  std::array<Column, kPlantedCategorical> columns_;
  std::array<PairFactors, kPlantedPairs> pairs_;
  std::array<double, kPlantedDense> slopes_{};
  double scale_ = 1, offset_ = 0;  // logit = scale_ * score + offset_
};

// What the probabilities p say about the labels that were drawn from them.
struct PlantedTruth {
  double best_auc = 0;       // the AUC of p; equal p count half
  double best_log_loss = 0;  // the mean of -ln of the probability that p gave to the label
  double base_rate = 0;      // the share of label 1
};

// `drawn` holds (p, label) of each sample and is sorted in place. Throws InvalidArgument unless
// both labels occur.
PlantedTruth planted_truth(std::vector<std::pair<double, int>>& drawn);

}  // namespace hotrow
