#include "model/metrics.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "kernels/core/check.h"

namespace hotrow {
namespace {

// The epsilon of float: a score cannot say more than this about being certain.
constexpr double kLogClamp = 0x1p-23;

bool in_unit(float x) { return x >= 0 && x <= 1; }  // false for NaN

double safe_ratio(double numerator, double denominator) {
  return denominator == 0 ? 0 : numerator / denominator;
}

// -(t ln a + (1 - t) ln b), with 0 ln 0 = 0.
double cross_entropy(double t, double a, double b) {
  return -(t == 0 ? 0 : t * std::log(a)) - (t == 1 ? 0 : (1 - t) * std::log(b));
}

struct Ranking {
  double auc = 0, average_precision = 0;
};

// Walks both score lists (sorted descending) from the highest distinct score down. Counts in double
// are exact up to 2^53, and so is the sum of pairs for every data set below 9e15 pairs.
Ranking rank(std::span<const float> positives, std::span<const float> negatives) {
  const auto num_positives = static_cast<double>(positives.size());
  const auto num_negatives = static_cast<double>(negatives.size());
  double pairs_won = 0, average_precision = 0;
  size_t p = 0, n = 0;
  while (p < positives.size()) {
    const float score = n < negatives.size() ? std::max(positives[p], negatives[n]) : positives[p];
    const size_t first_p = p, first_n = n;
    while (p < positives.size() && positives[p] == score) ++p;
    while (n < negatives.size() && negatives[n] == score) ++n;
    const auto gained = static_cast<double>(p - first_p);
    const auto tied = static_cast<double>(n - first_n);
    pairs_won += gained * (num_negatives - static_cast<double>(n) + tied / 2);
    average_precision +=
        gained / num_positives * static_cast<double>(p) / static_cast<double>(p + n);
  }
  return {pairs_won / (num_positives * num_negatives), average_precision};
}

}  // namespace

void MetricsAccumulator::clear() {
  positives_.clear();
  negatives_.clear();
  samples_ = correct_ = others_ = outside_ = true_positives_ = false_positives_ = 0;
  squared_sum_ = log_loss_sum_ = score_sum_ = label_sum_ = 0;
  min_score_ = max_score_ = 0;
}

void MetricsAccumulator::reserve(int64_t samples) {
  positives_.reserve(static_cast<size_t>(samples));
  negatives_.reserve(static_cast<size_t>(samples));
}

void MetricsAccumulator::add(std::span<const float> scores, std::span<const float> labels) {
  require(scores.size() == labels.size(),
          "[metrics] scores and labels differ in length: got {} labels, expected {}", labels.size(),
          scores.size());
  for (size_t i = 0; i < scores.size(); ++i) {
    const int64_t sample = samples_ + static_cast<int64_t>(i) + 1;
    require<DataError>(
        in_unit(scores[i]),
        "[metrics] score of test sample {} is wrong: got {}, expected a number from 0 "
        "to 1 (a NaN comes from training that diverged)",
        sample, scores[i]);
    require<DataError>(
        std::isfinite(labels[i]),
        "[metrics] label of test sample {} is wrong: got {}, expected a finite number", sample,
        labels[i]);
  }
  for (size_t i = 0; i < scores.size(); ++i) add_sample(scores[i], labels[i]);
}

void MetricsAccumulator::add_sample(float score, float label) {
  min_score_ = samples_ == 0 ? score : std::min(min_score_, score);
  max_score_ = samples_ == 0 ? score : std::max(max_score_, score);
  ++samples_;
  const float rounded = std::nearbyint(score);  // half to even
  correct_ += rounded == label;
  const double difference = double{score} - double{label};
  squared_sum_ += difference * difference;
  const double q = std::clamp(double{score}, kLogClamp, 1 - kLogClamp);
  if (in_unit(label)) {
    log_loss_sum_ += cross_entropy(label, q, 1 - q);
  } else {
    ++outside_;
  }
  score_sum_ += score;
  label_sum_ += label;
  if (label == 1) {
    positives_.push_back(score);
    true_positives_ += rounded == 1;
  } else if (label == 0) {
    negatives_.push_back(score);
    false_positives_ += rounded == 1;
  } else {
    ++others_;
  }
}

Metrics MetricsAccumulator::summarize() {
  require(samples_ > 0, "[metrics] the test pass is empty: got 0 samples, expected at least 1");
  const auto n = static_cast<double>(samples_);
  Metrics m;
  m.samples = samples_;
  m.accuracy = static_cast<double>(correct_) / n;
  m.mse = squared_sum_ / n;
  m.base_rate = label_sum_ / n;
  m.mean_score = score_sum_ / n;
  m.constant_scores = min_score_ == max_score_;
  if (outside_ > 0) return m;
  m.log_loss = log_loss_sum_ / n;
  const double entropy = cross_entropy(m.base_rate, m.base_rate, 1 - m.base_rate);
  if (entropy > 0) m.normalized_entropy = *m.log_loss / entropy;
  if (label_sum_ > 0) m.calibration = score_sum_ / label_sum_;
  if (others_ == 0) fill_class_metrics(m);
  return m;
}

void MetricsAccumulator::fill_class_metrics(Metrics& m) {
  m.base_accuracy = std::max(m.base_rate, 1 - m.base_rate);
  const auto hits = static_cast<double>(true_positives_);
  const auto named = static_cast<double>(true_positives_ + false_positives_);
  const auto present = static_cast<double>(positives_.size());
  m.precision = safe_ratio(hits, named);
  m.recall = safe_ratio(hits, present);
  m.f1 = safe_ratio(2 * hits, named + present);
  if (positives_.empty()) return;
  std::sort(positives_.begin(), positives_.end(), std::greater<>());
  std::sort(negatives_.begin(), negatives_.end(), std::greater<>());
  const Ranking ranking = rank(positives_, negatives_);
  m.average_precision = ranking.average_precision;
  if (!negatives_.empty()) m.auc = ranking.auc;
}

}  // namespace hotrow
