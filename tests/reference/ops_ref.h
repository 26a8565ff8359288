// The ops of a tape as their definitions read, over any number type: what programs for
// tests/support/gradcheck.h are written in.
#pragma once

#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

#include "kernels/embedding_bag.h"
#include "kernels/linear.h"
#include "kernels/loss.h"
#include "tests/reference/interaction_ref.h"
#include "tests/support/gradcheck.h"

namespace hotrow::reference {
using test::number;
using test::Slope;
using test::Table2d;

inline double sigmoid(double a) { return 1 / (1 + std::exp(-a)); }
inline Slope sigmoid(const Slope& a) {
  const double s = sigmoid(a.value);
  return smooth(a, s, s * (1 - s), s * (1 - s) * (1 - 2 * s));
}
inline double log(double a) { return std::log(a); }
inline Slope log(const Slope& a) {
  return smooth(a, std::log(a.value), 1 / a.value, -1 / (a.value * a.value));
}
// ln(1 + e^a), whose slope is the sigmoid.
inline double softplus(double a) { return std::log1p(std::exp(a)); }
inline Slope softplus(const Slope& a) {
  const double s = sigmoid(a.value);
  return smooth(a, softplus(a.value), s, s * (1 - s));
}

// One activation at a time: what kernels/linear.h computes.
template <class T>
T activated(const T& z, Activation activation) {
  if (activation == Activation::kRelu) return number(z) > 0 ? z : T(0.0);
  return activation == Activation::kSigmoid ? sigmoid(z) : z;
}

// A null bias is none.
template <class T>
Table2d<T> dense_layer(const Table2d<T>& x, const Table2d<T>& w, const Table2d<T>* bias,
                       Activation activation) {
  Table2d<T> y(x.rows, w.rows);
  for (int64_t b = 0; b < x.rows; ++b) {
    for (int64_t n = 0; n < w.rows; ++n) {
      T z = bias == nullptr ? T(0.0) : bias->data[static_cast<size_t>(n)];
      for (int64_t k = 0; k < x.cols; ++k) z = z + x.at(b, k) * w.at(n, k);
      y.at(b, n) = activated(z, activation);
    }
  }
  return y;
}

// The bags of one feature, as a batch brings them.
struct BagList {
  std::vector<int64_t> offsets, ids;
  int64_t rows() const { return static_cast<int64_t>(offsets.size()) - 1; }
};

// Null weights: 1 each.
template <class T>
Table2d<T> pooled(const Table2d<T>& table, const BagList& bags, const Table2d<T>* weights,
                  Pooling pooling) {
  Table2d<T> y(bags.rows(), table.cols);
  for (int64_t b = 0; b < y.rows; ++b) {
    const int64_t begin = bags.offsets[static_cast<size_t>(b)];
    const int64_t end = bags.offsets[static_cast<size_t>(b) + 1];
    const double scale = pooling == Pooling::kMean ? 1.0 / static_cast<double>(end - begin) : 1;
    for (int64_t d = 0; d < table.cols; ++d) {
      T sum(0.0);
      for (int64_t j = begin; j < end; ++j) {
        const T& row = table.at(bags.ids[static_cast<size_t>(j)], d);
        sum = sum + (weights == nullptr ? row : row * weights->data[static_cast<size_t>(j)]);
      }
      y.at(b, d) = end == begin ? T(0.0) : sum * T(scale);
    }
  }
  return y;
}

template <class T>
Table2d<T> gathered(const Table2d<T>& table, const std::vector<int64_t>& ids) {
  Table2d<T> y(static_cast<int64_t>(ids.size()), table.cols);
  for (int64_t i = 0; i < y.rows; ++i) {
    for (int64_t d = 0; d < y.cols; ++d) y.at(i, d) = table.at(ids[static_cast<size_t>(i)], d);
  }
  return y;
}

template <class T>
Table2d<T> side_by_side(const std::vector<Table2d<T>>& parts) {
  int64_t cols = 0;
  for (const Table2d<T>& part : parts) cols += part.cols;
  Table2d<T> y(parts[0].rows, cols);
  for (int64_t b = 0; b < y.rows; ++b) {
    int64_t to = 0;
    for (const Table2d<T>& part : parts) {
      for (int64_t c = 0; c < part.cols; ++c) y.at(b, to++) = part.at(b, c);
    }
  }
  return y;
}

// Parts hold features of width `dim` side by side.
template <class T>
Table2d<T> dots(const std::vector<Table2d<T>>& parts, int64_t dim, bool self) {
  const Table2d<T> x = side_by_side(parts);
  const auto pairs = interaction_pair_list(static_cast<int>(x.cols / dim), self);
  Table2d<T> z(x.rows, dim + static_cast<int64_t>(pairs.size()));
  for (int64_t b = 0; b < x.rows; ++b) {
    for (int64_t d = 0; d < dim; ++d) z.at(b, d) = x.at(b, d);
    int64_t to = dim;
    for (const auto& [i, j] : pairs) {
      T dot(0.0);
      for (int64_t d = 0; d < dim; ++d) dot = dot + x.at(b, i * dim + d) * x.at(b, j * dim + d);
      z.at(b, to++) = dot;
    }
  }
  return z;
}

// f(a, b), element by element.
template <class T, class F>
Table2d<T> elementwise(const Table2d<T>& a, const Table2d<T>& b, F f) {
  Table2d<T> y(a.rows, a.cols);
  for (size_t i = 0; i < y.data.size(); ++i) y.data[i] = f(a.data[i], b.data[i]);
  return y;
}

template <class T>
T mean_loss(const Table2d<T>& p, const Table2d<T>& target, const LossConfig& config) {
  T sum(0.0);
  for (size_t b = 0; b < target.data.size(); ++b) {
    T x = p.data[b];
    const double truth = number(target.data[b]);
    const double t = config.threshold;
    if (t > 0 && number(x) < t) x = T(t);
    if (t > 0 && number(x) > 1 - t) x = T(1 - t);
    const T positive(truth), negative(1 - truth);
    if (config.kind == LossKind::kMse) {
      sum = sum + (x - positive) * (x - positive);
    } else if (config.kind == LossKind::kBceWithLogits) {
      sum = sum + softplus(x) - x * positive;
    } else {
      const bool weighted = config.kind == LossKind::kWeightedBce;
      const T weight(!weighted ? 1.0 : truth < 1 ? config.weight0 : config.weight1);
      sum = sum - weight * (positive * log(x) + negative * log(T(1.0) - x));
    }
  }
  return sum * T(1.0 / static_cast<double>(target.rows));
}

}  // namespace hotrow::reference
