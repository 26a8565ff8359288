// What one test pass says about a model of probabilities: ranking, likelihood, calibration,
// thresholds.
//
// Scores p are in [0, 1]. Labels T are usually 0 or 1 ("classes"); any other number is allowed, as
// a squared error takes it, and then the metrics that need classes are absent; with a label outside
// [0, 1] those of probabilities too.
//
//   accuracy            share of samples with round_half_even(p) == T, the reference's rule
//   mse                 mean of (p - T)^2
//   log_loss            mean of -(T ln q + (1 - T) ln(1 - q)), q = p clamped to [e, 1 - e]
//   normalized_entropy  log_loss / entropy of the base rate: below 1 beats knowing the base rate
//   calibration         mean p / mean T: 1 is calibrated, above 1 promises too much
//   auc                 P(p of a positive > p of a negative) + P(equal) / 2, exact
//   average_precision   sum over distinct scores, descending, of (R_n - R_(n-1)) * P_n
//   precision, recall,  of the rounded scores; 0 where the denominator is 0, as in scikit-learn
//   f1
//
// e is 2^-23.
//
// All sums are in double and in the order of the samples, so the result does not depend on threads.
// Memory: 4 bytes a sample with classes (scores are kept until summarize). Time: O(n log n), one
// sort.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace hotrow {

struct Metrics {
  int64_t samples = 0;
  double accuracy = 0;  // in [0, 1]
  double mse = 0;
  double base_rate = 0;  // mean label
  double mean_score = 0;
  bool constant_scores = false;  // every score is the same: the model says nothing about the sample

  // Absent where undefined, never NaN: without both classes there is no ranking and no entropy.
  std::optional<double> log_loss;               // nats a sample; absent with labels outside [0, 1]
  std::optional<double> base_accuracy;          // accuracy of always naming the commoner class
  std::optional<double> auc;                    // absent with one class only
  std::optional<double> normalized_entropy;     // absent if the base rate is 0 or 1
  std::optional<double> calibration;            // absent if the base rate is 0; as log_loss
  std::optional<double> average_precision;      // absent without a positive
  std::optional<double> precision, recall, f1;  // absent without classes
};

// Accumulates one test pass batch by batch.
class MetricsAccumulator {
 public:
  // Forgets all samples but keeps the memory.
  void clear();
  // Room for this many samples of either class, so that add() does not allocate.
  void reserve(int64_t samples);
  // Throws InvalidArgument if the lengths differ, DataError on a score outside [0, 1] or a label
  // that is not finite; then nothing of the batch has been added.
  void add(std::span<const float> scores, std::span<const float> labels);
  int64_t samples() const { return samples_; }
  // Throws InvalidArgument if there is no sample. Reorders the kept scores; more samples may
  // follow.
  Metrics summarize();

 private:
  void add_sample(float score, float label);
  void fill_class_metrics(Metrics& m);

  std::vector<float> positives_, negatives_;  // scores by class
  int64_t samples_ = 0, correct_ = 0;
  int64_t others_ = 0, outside_ = 0;  // labels that are neither 0 nor 1; of these outside [0, 1]
  int64_t true_positives_ = 0, false_positives_ = 0;
  double squared_sum_ = 0, log_loss_sum_ = 0, score_sum_ = 0, label_sum_ = 0;
  float min_score_ = 0, max_score_ = 0;
};

}  // namespace hotrow
