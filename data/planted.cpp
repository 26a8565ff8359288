#include "data/planted.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>

#include "kernels/core/check.h"

namespace hotrow {
namespace {

constexpr int kPilotSamples = 20000;
constexpr int kMaxBag = 5;
constexpr double kLongerBag = 0.5;  // probability that a multi-valued bag takes another id
constexpr double kFadeRank = 20;    // effects of later ranks fade: nobody could learn them
constexpr int kNegativeColumn = 1;  // counts of this one start at -2, as in Criteo's I2

struct CategoricalShape {
  int32_t ranks;
  double zipf;  // popularity ~ rank^-zipf; not 1
  double missing;
  bool multi;
};
constexpr std::array<CategoricalShape, kPlantedCategorical> kCategorical = {{
    {1400, 1.3, 0, false},     {550, 1.2, 0, false},      {60000, 1.5, 0.03, false},
    {30000, 1.4, 0.03, false}, {300, 1.3, 0, false},      {20, 0.9, 0.12, false},
    {11000, 1.3, 0, false},    {600, 1.3, 0, true},       {3, 0.8, 0, false},
    {50000, 1.4, 0, false},    {5000, 1.3, 0, false},     {60000, 1.5, 0.03, false},
    {3100, 1.3, 0, false},     {26, 0.95, 0, false},      {10000, 1.3, 0, true},
    {60000, 1.5, 0.03, false}, {10, 0.9, 0, false},       {4500, 1.3, 0, false},
    {2000, 1.3, 0.44, false},  {4, 0.7, 0.44, false},     {60000, 1.5, 0.03, false},
    {15, 0.9, 0.76, false},    {15, 1.1, 0, false},       {40000, 1.4, 0.03, false},
    {90, 1.1, 0.44, true},     {25000, 1.4, 0.44, false},
}};

struct DenseShape {
  double mean, deviation;  // of log(count)
  double missing;
};
constexpr std::array<DenseShape, kPlantedDense> kDense = {{
    {1.0, 1.2, 0.45},
    {2.5, 1.8, 0},
    {2.0, 1.4, 0.22},
    {1.6, 1.1, 0.22},
    {7.5, 1.9, 0.03},
    {3.8, 1.7, 0.22},
    {1.8, 1.5, 0.04},
    {2.2, 1.2, 0},
    {4.0, 1.4, 0.04},
    {0.3, 0.7, 0.45},
    {1.0, 1.0, 0.04},
    {0.3, 1.2, 0.76},
    {1.8, 1.2, 0.22},
}};

struct Pair {
  int first, second;
};
constexpr std::array<Pair, kPlantedPairs> kPairs = {{{1, 13}, {4, 16}, {5, 22}, {8, 17}}};

// Standard deviations of the parts of the score, before it is standardised as a whole.
constexpr double kIdEffect = 0.35, kPairEffect = 0.45, kDenseEffect = 0.4;

double fade(size_t rank) { return 1.0 / (1.0 + static_cast<double>(rank) / kFadeRank); }

double sigmoid(double x) { return 1.0 / (1.0 + std::exp(-x)); }

// A rank in [0, ranks) with probability about (rank + 1)^-zipf: the inverse of the integral of
// x^-zipf over [1, ranks + 1].
int32_t draw_rank(const CategoricalShape& shape, NumpyRandom& random) {
  const double power = 1.0 - shape.zipf;
  const double last = std::pow(shape.ranks + 1.0, power);
  const double x = std::pow(1.0 + random.uniform() * (last - 1.0), 1.0 / power);
  return std::clamp(static_cast<int32_t>(x) - 1, 0, shape.ranks - 1);
}

int32_t draw_count(const DenseShape& shape, NumpyRandom& random) {
  const double count = std::exp(random.normal(shape.mean, shape.deviation));
  return static_cast<int32_t>(std::min(count, 1e9));
}

}  // namespace

PlantedWorld::PlantedWorld(uint32_t seed) : random_(seed) {
  for (int t = 0; t < kPlantedCategorical; ++t) draw_column(t);
  for (int pair = 0; pair < kPlantedPairs; ++pair) draw_pair(pair);
  for (double& slope : slopes_) slope = random_.normal(0, kDenseEffect);
  calibrate();
}

void PlantedWorld::draw_column(int t) {
  Column& column = columns_[static_cast<size_t>(t)];
  column.key = random_.next_u32() | 0x80000000u;
  column.missing_effect = static_cast<float>(random_.normal(0, kIdEffect));
  column.effects.resize(static_cast<size_t>(kCategorical[static_cast<size_t>(t)].ranks));
  for (size_t rank = 0; rank < column.effects.size(); ++rank) {
    column.effects[rank] = static_cast<float>(random_.normal(0, kIdEffect) * fade(rank));
  }
}

void PlantedWorld::draw_pair(int index) {
  const Pair& pair = kPairs[static_cast<size_t>(index)];
  PairFactors& factors = pairs_[static_cast<size_t>(index)];
  const double deviation = std::sqrt(kPairEffect / std::sqrt(1.0 * kFactors));
  for (size_t side = 0; side < factors.size(); ++side) {
    const int column = side == 0 ? pair.first : pair.second;
    factors[side].resize(static_cast<size_t>(kCategorical[static_cast<size_t>(column)].ranks));
    for (size_t rank = 0; rank < factors[side].size(); ++rank) {
      for (float& x : factors[side][rank]) {
        x = static_cast<float>(random_.normal(0, deviation) * fade(rank));
      }
    }
  }
}

void PlantedWorld::draw_features(PlantedSample& sample) {
  for (size_t j = 0; j < kDense.size(); ++j) {
    sample.dense_missing[j] = random_.uniform() < kDense[j].missing;
    sample.dense[j] = sample.dense_missing[j] ? 0 : draw_count(kDense[j], random_);
  }
  sample.dense[kNegativeColumn] -= 2;
  for (size_t t = 0; t < kCategorical.size(); ++t) {
    const CategoricalShape& shape = kCategorical[t];
    sample.bags[t].clear();
    if (random_.uniform() < shape.missing) continue;
    sample.bags[t].push_back(draw_rank(shape, random_));
    while (shape.multi && sample.bags[t].size() < kMaxBag && random_.uniform() < kLongerBag) {
      sample.bags[t].push_back(draw_rank(shape, random_));
    }
  }
}

double PlantedWorld::score(const PlantedSample& sample) const {
  double sum = 0;
  for (size_t t = 0; t < columns_.size(); ++t) {
    if (sample.bags[t].empty()) sum += columns_[t].missing_effect;
    for (int32_t rank : sample.bags[t]) sum += columns_[t].effects[static_cast<size_t>(rank)];
  }
  for (size_t i = 0; i < kPairs.size(); ++i) {
    const auto& first = sample.bags[static_cast<size_t>(kPairs[i].first)];
    const auto& second = sample.bags[static_cast<size_t>(kPairs[i].second)];
    if (first.empty() || second.empty()) continue;
    const Factor& a = pairs_[i][0][static_cast<size_t>(first[0])];
    const Factor& b = pairs_[i][1][static_cast<size_t>(second[0])];
    for (size_t k = 0; k < a.size(); ++k) sum += static_cast<double>(a[k]) * b[k];
  }
  for (size_t j = 0; j < kDense.size(); ++j) {
    const double log_count = std::log1p(std::max(sample.dense[j], 0));
    sum += slopes_[j] * (log_count - kDense[j].mean) / kDense[j].deviation;
  }
  return sum;
}

void PlantedWorld::calibrate() {
  PlantedSample sample;
  std::vector<double> scores(kPilotSamples);
  double mean = 0, variance = 0;
  for (double& s : scores) {
    draw_features(sample);
    s = score(sample);
    mean += s / kPilotSamples;
  }
  for (double s : scores) variance += (s - mean) * (s - mean) / kPilotSamples;
  scale_ = kLogitDeviation / std::sqrt(variance);
  double low = -20, high = 20;  // bisection: the click rate rises with the offset
  for (int step = 0; step < 60; ++step) {
    offset_ = (low + high) / 2;
    double rate = 0;
    for (double s : scores) rate += sigmoid(offset_ + scale_ * (s - mean)) / kPilotSamples;
    (rate < kClickRate ? low : high) = offset_;
  }
  offset_ -= scale_ * mean;
}

void PlantedWorld::draw(PlantedSample& sample) {
  draw_features(sample);
  sample.probability = sigmoid(offset_ + scale_ * score(sample));
  sample.label = random_.uniform() < sample.probability;
}

uint32_t PlantedWorld::raw_value(int column, int32_t rank) const {
  // Each step can be undone and maps only 0 to 0; the key's top bit keeps x from starting as 0.
  uint32_t x = columns_[static_cast<size_t>(column)].key ^ static_cast<uint32_t>(rank);
  x = (x ^ (x >> 16)) * 0x7feb352du;
  x = (x ^ (x >> 15)) * 0x846ca68bu;
  return x ^ (x >> 16);
}

void PlantedWorld::append_line(const PlantedSample& sample, std::string& text) const {
  auto out = std::back_inserter(text);
  text += sample.label ? '1' : '0';
  for (size_t j = 0; j < sample.dense.size(); ++j) {
    text += '\t';
    if (!sample.dense_missing[j]) text += fmt::format_int(sample.dense[j]).c_str();
  }
  for (size_t t = 0; t < sample.bags.size(); ++t) {
    char separator = '\t';
    if (sample.bags[t].empty()) text += separator;
    for (int32_t rank : sample.bags[t]) {
      fmt::format_to(out, "{}{:08x}", separator, raw_value(static_cast<int>(t), rank));
      separator = '|';
    }
  }
  text += '\n';
}

PlantedTruth planted_truth(std::vector<std::pair<double, int>>& drawn) {
  std::sort(drawn.begin(), drawn.end());
  PlantedTruth truth;
  double clicks = 0, others = 0, won = 0;  // won: pairs (click, other) that p orders rightly
  for (size_t begin = 0, end; begin < drawn.size(); begin = end) {
    double group_clicks = 0;
    for (end = begin; end < drawn.size() && drawn[end].first == drawn[begin].first; ++end) {
      const auto [p, label] = drawn[end];
      group_clicks += label;
      truth.best_log_loss -= label ? std::log(p) : std::log1p(-p);
    }
    const double group_others = static_cast<double>(end - begin) - group_clicks;
    won += group_clicks * (others + 0.5 * group_others);
    clicks += group_clicks;
    others += group_others;
  }
  require(clicks > 0 && others > 0,
          "[planted] labels: got {} clicks among {} samples, expected both labels (draw more rows)",
          clicks, drawn.size());
  const auto n = static_cast<double>(drawn.size());
  truth.best_auc = won / (clicks * others);
  truth.best_log_loss /= n;
  truth.base_rate = clicks / n;
  return truth;
}

}  // namespace hotrow
