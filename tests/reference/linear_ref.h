// A fully connected layer as its definition reads, in double: kernels/linear.h and
// kernels/core/gemm.h are tested against this.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "kernels/core/view.h"
#include "kernels/linear.h"
#include "tests/support/bounds.h"

namespace hotrow::reference {
using test::Exact;

inline double activate(double z, Activation activation) {
  if (activation == Activation::kRelu) return std::max(z, 0.0);
  return activation == Activation::kSigmoid ? 1 / (1 + std::exp(-z)) : z;
}

// The slope, as a function of what came out.
inline double activation_slope(double y, Activation activation) {
  if (activation == Activation::kRelu) return y > 0 ? 1 : 0;
  return activation == Activation::kSigmoid ? y * (1 - y) : 1;
}

// An error of z arrives times the slope of the sigmoid; its own roundings are relative to what
// comes out, down to the smallest normal number, below which that may be 0.
inline double sigmoid_magnitude(double z_magnitude, double out) {
  using Limits = std::numeric_limits<float>;
  return z_magnitude * out * (1 - out) + out + Limits::min() / Limits::epsilon();
}

// (B, N). A null bias is none.
inline std::vector<Exact> linear(ConstMatrix x, ConstMatrix w, const float* bias,
                                 Activation activation) {
  std::vector<Exact> y;
  for (int64_t b = 0; b < x.rows(); ++b) {
    for (int64_t n = 0; n < w.rows(); ++n) {
      Exact z;
      for (int64_t k = 0; k < w.cols(); ++k) z.add_product(x.row(b)[k], w.row(n)[k]);
      if (bias != nullptr) z.add(bias[n]);
      const double out = activate(z.value, activation);
      if (activation == Activation::kSigmoid) z.magnitude = sigmoid_magnitude(z.magnitude, out);
      y.push_back({out, z.magnitude});
    }
  }
  return y;
}

struct LinearGradients {
  std::vector<Exact> dx, dw, db, dz;
};

// `dx_before` is what dx held, for a dx that accumulates; else null.
inline LinearGradients linear_backward(ConstMatrix dy, ConstMatrix y, ConstMatrix x, ConstMatrix w,
                                       Activation activation, const float* dx_before) {
  const int64_t rows = x.rows(), out = w.rows(), in = w.cols();
  LinearGradients g{std::vector<Exact>(static_cast<size_t>(rows * in)),
                    std::vector<Exact>(static_cast<size_t>(out * in)),
                    std::vector<Exact>(static_cast<size_t>(out)),
                    {}};
  for (int64_t b = 0; b < rows; ++b) {
    Exact* dx = g.dx.data() + b * in;
    if (dx_before != nullptr) {
      for (int64_t k = 0; k < in; ++k) dx[k].add(dx_before[b * in + k]);
    }
    for (int64_t n = 0; n < out; ++n) {
      const double dz = dy.row(b)[n] * activation_slope(y.row(b)[n], activation);
      Exact* dw = g.dw.data() + n * in;
      g.dz.push_back({dz, std::abs(dz)});
      g.db[static_cast<size_t>(n)].add(dz);
      for (int64_t k = 0; k < in; ++k) {
        dw[k].add_product(dz, x.row(b)[k]);
        dx[k].add_product(dz, w.row(n)[k]);
      }
    }
  }
  return g;
}

}  // namespace hotrow::reference
