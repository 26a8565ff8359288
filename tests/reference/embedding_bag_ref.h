// Naive embedding bags: the exact values in double, and the documented order of
// kernels/embedding_bag.h in float, one operation at a time, for comparison bit for bit on a CPU
// with fma.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include "kernels/core/view.h"
#include "kernels/embedding_bag.h"
#include "tests/support/bounds.h"

namespace hotrow::reference {
using test::Exact;

// Tables of the references hold floats.
inline ConstMatrix floats(const ConstTableRows& rows) { return {rows.as<float>(), rows.dims}; }

// (B, D) of one table.
template <class Id>
std::vector<Exact> embedding_bag_exact(const TableLookup<Id>& table, int64_t batch,
                                       Pooling pooling) {
  const auto& [offsets, ids, weights] = table.bags;
  const int64_t dim = table.rows.cols();
  std::vector<Exact> out(static_cast<size_t>(batch * dim));
  for (int64_t b = 0; b < batch; ++b) {
    for (int64_t d = 0; d < dim; ++d) {
      Exact sum;
      for (int64_t j = offsets[b]; j < offsets[b + 1]; ++j) {
        sum.add_product(weights ? weights[j] : 1.0, floats(table.rows).row(ids[j])[d]);
      }
      const int64_t count = offsets[b + 1] - offsets[b];
      if (pooling == Pooling::kMean && count > 0) {
        sum.value /= static_cast<double>(count);
        sum.magnitude /= static_cast<double>(count);
      }
      out[static_cast<size_t>(b * dim + d)] = sum;
    }
  }
  return out;
}

template <class Id>
std::vector<float> embedding_bag_in_order(const TableLookup<Id>& table, int64_t batch,
                                          Pooling pooling) {
  const auto& [offsets, ids, weights] = table.bags;
  std::vector<float> out;
  for (int64_t b = 0; b < batch; ++b) {
    for (int64_t d = 0; d < table.rows.cols(); ++d) {
      float sum = 0;
      for (int64_t j = offsets[b]; j < offsets[b + 1]; ++j) {
        const float x = floats(table.rows).row(ids[j])[d];
        sum = weights ? std::fma(weights[j], x, sum) : sum + x;
      }
      const int64_t count = offsets[b + 1] - offsets[b];
      const float scale = 1.0f / static_cast<float>(count);
      out.push_back(pooling == Pooling::kMean && count > 0 ? sum * scale : sum);
    }
  }
  return out;
}

// (N)
template <class Id>
std::vector<Exact> embedding_bag_weight_grad_exact(ConstMatrix dout, int64_t first_column,
                                                   const TableLookup<Id>& table, Pooling pooling) {
  const auto& [offsets, ids, weights] = table.bags;
  std::vector<Exact> dweights;
  for (int64_t b = 0; b < dout.rows(); ++b) {
    const double count = static_cast<double>(offsets[b + 1] - offsets[b]);
    for (int64_t j = offsets[b]; j < offsets[b + 1]; ++j) {
      Exact sum;
      for (int64_t d = 0; d < table.rows.cols(); ++d) {
        sum.add_product(dout.row(b)[first_column + d], floats(table.rows).row(ids[j])[d]);
      }
      const double scale = pooling == Pooling::kMean ? 1 / count : 1;
      dweights.push_back({sum.value * scale, sum.magnitude * scale});
    }
  }
  return dweights;
}

// The fold of kernels/embedding_bag.h.
inline float dot_in_order(const float* a, const float* b, int64_t n) {
  float total = 0;
  for (int64_t first = 0; first < n; first += 256) {
    std::vector<float> x(256), y(256);
    int64_t padded = 16;
    for (int64_t i = 0; i < 256 && first + i < n; ++i) {
      x[static_cast<size_t>(i)] = a[first + i];
      y[static_cast<size_t>(i)] = b[first + i];
      if (i >= padded) padded *= 2;
    }
    std::vector<float> q(static_cast<size_t>(padded / 2));
    for (size_t i = 0; i < q.size(); ++i) {
      q[i] = std::fma(x[i + q.size()], y[i + q.size()], x[i] * y[i]);
    }
    for (size_t half = q.size() / 2; half > 0; half /= 2) {
      for (size_t i = 0; i < half; ++i) q[i] += q[i + half];
    }
    total += q[0];
  }
  return total;
}

}  // namespace hotrow::reference
