#include "model/metrics.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <string>

#include "kernels/core/check.h"
#include "tests/support/error_text.h"

namespace hotrow {
namespace {

struct Data {
  std::vector<float> scores, labels;
};

// Clicks whose probability rises with the score. `levels` > 0 makes ties: that many distinct
// scores.
Data made_data(int n, uint32_t seed, int levels) {
  uint32_t state = seed;
  const auto next = [&] {
    state = state * 1664525u + 1013904223u;
    return state >> 8;
  };
  Data data;
  for (int i = 0; i < n; ++i) {
    const uint32_t a = next(), b = next();
    const float score = levels == 0 ? static_cast<float>(a) * 0x1p-24f
                                    : static_cast<float>(a % static_cast<uint32_t>(levels)) /
                                          static_cast<float>(levels);
    data.scores.push_back(score);
    data.labels.push_back(b * 0x1p-24 < 0.15 + 0.5 * double{score} ? 1.0f : 0.0f);
  }
  return data;
}

Metrics metrics_of(const Data& data) {
  MetricsAccumulator accumulator;
  accumulator.add(data.scores, data.labels);
  return accumulator.summarize();
}

// The definition, in O(n^2).
double pairwise_auc(const Data& data) {
  double won = 0, pairs = 0;
  for (size_t i = 0; i < data.scores.size(); ++i) {
    for (size_t j = 0; j < data.scores.size(); ++j) {
      if (data.labels[i] != 1 || data.labels[j] != 0) continue;
      ++pairs;
      won += data.scores[i] > data.scores[j] ? 1 : data.scores[i] == data.scores[j] ? 0.5 : 0;
    }
  }
  return won / pairs;
}

void expect_near(std::optional<double> got, double want) {
  ASSERT_TRUE(got.has_value());
  EXPECT_TRUE(std::abs(*got - want) <= 1e-12 * std::abs(want)) << *got << " " << want;
}

// scikit-learn 1.9.1 on the same data: accuracy_score, log_loss of scores clipped to [2^-23, 1 -
// 2^-23] in double, roc_auc_score, average_precision_score, precision, recall and f1 of
// numpy.round(scores); the entropy of the base rate and the calibration in NumPy.
TEST(Metrics, MatchesScikitLearn) {
  struct Recorded {
    int n;
    uint32_t seed;
    int levels;
    double accuracy, log_loss, entropy, calibration, auc, average_precision, precision, recall, f1;
  };
  const Recorded recorded[] = {
      {1000, 1, 0, 0.616, 0.8086371750144481, 1.2083760812312747, 1.2688512431691064,
       0.6490452252865163, 0.5096566139779044, 0.5071868583162218, 0.6317135549872123,
       0.5626423690205011},
      {997, 2, 16, 0.645937813440321, 0.8638674586773554, 1.3255306421268318, 1.272998595505618,
       0.6741792143595857, 0.5004456861253839, 0.5036674816625917, 0.5786516853932584,
       0.538562091503268},
      {257, 3, 3, 0.6809338521400778, 1.1483681948863156, 1.93621261269834, 1.2407407777176964,
       0.6772897897897898, 0.3959526256846556, 0.44680851063829785, 0.5833333333333334,
       0.5060240963855421}};
  for (const Recorded& r : recorded) {
    const Metrics m = metrics_of(made_data(r.n, r.seed, r.levels));
    EXPECT_EQ(m.samples, r.n);
    expect_near(m.accuracy, r.accuracy);
    expect_near(m.log_loss, r.log_loss);
    expect_near(m.normalized_entropy, r.entropy);
    expect_near(m.calibration, r.calibration);
    expect_near(m.auc, r.auc);
    expect_near(m.average_precision, r.average_precision);
    expect_near(m.precision, r.precision);
    expect_near(m.recall, r.recall);
    expect_near(m.f1, r.f1);
    EXPECT_FALSE(m.constant_scores);
  }
}

TEST(Metrics, AucEqualsThePairwiseDefinition) {
  for (int n : {2, 3, 13, 97, 400}) {
    for (int levels : {0, 1, 2, 5, 101}) {
      Data data = made_data(n, static_cast<uint32_t>(n + 1000 * levels), levels);
      data.labels.front() = 1;  // both classes
      data.labels.back() = 0;
      expect_near(metrics_of(data).auc, pairwise_auc(data));
    }
  }
}

TEST(Metrics, DoesNotDependOnBatchesOrOnEarlierSummaries) {
  const Data data = made_data(101, 7, 9);
  const Metrics whole = metrics_of(data);
  MetricsAccumulator accumulator;
  accumulator.add(data.scores, data.labels);
  accumulator.clear();
  accumulator.reserve(101);
  const std::span<const float> scores(data.scores), labels(data.labels);
  for (size_t first : {0u, 1u, 8u, 60u}) {
    const size_t last = first == 0 ? 1 : first == 1 ? 8 : first == 8 ? 60 : 101;
    accumulator.add(scores.subspan(first, last - first), labels.subspan(first, last - first));
    accumulator.add({}, {});
    accumulator.summarize();
  }
  const Metrics parts = accumulator.summarize();
  EXPECT_EQ(parts.samples, 101);
  EXPECT_EQ(parts.auc, whole.auc);
  EXPECT_EQ(parts.log_loss, whole.log_loss);
  EXPECT_EQ(parts.average_precision, whole.average_precision);
  EXPECT_EQ(parts.accuracy, whole.accuracy);
}

TEST(Metrics, AccuracyRoundsHalfToEven) {
  // 0.5 is a 0, as in numpy.round, and the next float is a 1.
  const float above = std::nextafter(0.5f, 1.0f);
  const Metrics m = metrics_of({{0.5f, 0.5f, above, above}, {0, 1, 0, 1}});
  EXPECT_EQ(m.accuracy, 0.5);
  EXPECT_EQ(*m.recall, 0.5);
  EXPECT_EQ(metrics_of({{0.5f, above}, {0, 1}}).accuracy, 1.0);
}

TEST(Metrics, OneClassHasNoRankingAndNeverANan) {
  const Metrics zeros = metrics_of({{0.25f, 0.75f}, {0, 0}});
  EXPECT_FALSE(zeros.auc || zeros.normalized_entropy || zeros.calibration ||
               zeros.average_precision);
  EXPECT_EQ(*zeros.base_accuracy, 1.0);
  EXPECT_EQ(*zeros.precision, 0.0);
  EXPECT_EQ(*zeros.recall, 0.0);
  EXPECT_EQ(*zeros.f1, 0.0);
  expect_near(zeros.log_loss, -(std::log(0.75) + std::log(0.25)) / 2);

  const Metrics ones = metrics_of({{0.25f, 0.75f, 0.5f}, {1, 1, 1}});
  EXPECT_FALSE(ones.auc || ones.normalized_entropy);
  expect_near(ones.calibration, 0.5);
  expect_near(ones.average_precision, 1.0);
}

TEST(Metrics, CertainScoresHaveAFiniteLogLoss) {
  const Metrics wrong = metrics_of({{0, 1}, {1, 0}});
  expect_near(wrong.log_loss, -std::log(0x1p-23));
  const Metrics right = metrics_of({{0, 1}, {0, 1}});
  expect_near(right.log_loss, -std::log1p(-0x1p-23));
  EXPECT_EQ(*right.auc, 1.0);
  EXPECT_EQ(*wrong.auc, 0.0);
}

TEST(Metrics, ConstantScoresAreFlagged) {
  const Metrics m = metrics_of({{0.25f, 0.25f, 0.25f}, {0, 1, 0}});
  EXPECT_TRUE(m.constant_scores);
  EXPECT_EQ(*m.auc, 0.5);
  EXPECT_FALSE(metrics_of({{0.25f, 0.5f}, {0, 1}}).constant_scores);
}

TEST(Metrics, TargetsBetweenTheClassesKeepWhatNeedsNoClasses) {
  const Metrics m = metrics_of({{0.25f, 0.75f}, {0.5f, 1}});
  EXPECT_FALSE(m.auc || m.precision || m.base_accuracy || m.average_precision);
  EXPECT_EQ(m.accuracy, 0.5);
  expect_near(m.log_loss, -(0.5 * std::log(0.25) + 0.5 * std::log(0.75) + std::log(0.75)) / 2);
  expect_near(m.normalized_entropy, *m.log_loss / -(0.75 * std::log(0.75) + 0.25 * std::log(0.25)));
}

TEST(Metrics, LabelsThatAreNoProbabilities) {
  const Metrics m = metrics_of({{0.25f, 0.75f, 1}, {-2, 1, 4}});
  expect_near(m.mse, (2.25 * 2.25 + 0.25 * 0.25 + 9) / 3);
  EXPECT_EQ(m.base_rate, 1);
  expect_near(m.mean_score, 2.0 / 3);
  expect_near(m.accuracy, 1.0 / 3);
  EXPECT_FALSE(m.log_loss || m.normalized_entropy || m.calibration || m.auc || m.base_accuracy);
  // Those of another pass are not lost by them.
  MetricsAccumulator a;
  a.add(std::vector<float>{0.5f}, std::vector<float>{3});
  a.clear();
  a.add(std::vector<float>{0.25f, 0.5f}, std::vector<float>{0, 1});
  EXPECT_TRUE(a.summarize().auc && a.summarize().log_loss);
  expect_near(a.summarize().mse, (0.0625 + 0.25) / 2);
}

template <class Error>
std::string error_of(MetricsAccumulator& accumulator, const Data& data) {
  return test::error_text<Error>([&] { accumulator.add(data.scores, data.labels); });
}

TEST(Metrics, RefusesWrongInputAndAddsNothingOfIt) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  MetricsAccumulator a;
  a.add(std::vector<float>{0.5f}, std::vector<float>{1});
  EXPECT_EQ(
      error_of<DataError>(a, {{0.5f, nan}, {1, 1}}),
      "[metrics] score of test sample 3 is wrong: got nan, expected a number from 0 to 1 (a NaN "
      "comes from training that diverged)");
  EXPECT_EQ(error_of<DataError>(a, {{0.5f}, {nan}}),
            "[metrics] label of test sample 2 is wrong: got nan, expected a finite number");
  EXPECT_EQ(error_of<InvalidArgument>(a, {{0.5f}, {}}),
            "[metrics] scores and labels differ in length: got 0 labels, expected 1");
  EXPECT_EQ(error_of<DataError>(a, {{-0.1f}, {0}}).substr(0, 9), "[metrics]");
  EXPECT_EQ(error_of<DataError>(a, {{1.5f}, {0}}).substr(0, 9), "[metrics]");
  EXPECT_EQ(error_of<DataError>(a, {{0.5f}, {std::numeric_limits<float>::infinity()}}).substr(0, 9),
            "[metrics]");
  EXPECT_EQ(a.samples(), 1);
  a.clear();
  try {
    a.summarize();
    FAIL();
  } catch (const InvalidArgument& e) {
    EXPECT_STREQ(e.what(), "[metrics] the test pass is empty: got 0 samples, expected at least 1");
  }
}

}  // namespace
}  // namespace hotrow
