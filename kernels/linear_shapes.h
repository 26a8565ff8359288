// The checks that all backends of kernels/linear.h make. They throw InvalidArgument.
#pragma once

#include "kernels/core/alignment.h"
#include "kernels/core/check.h"
#include "kernels/linear.h"

namespace hotrow {

// `padded`: the rows of x may be so.
inline bool fits_inputs(ConstMatrix x, int64_t K, bool padded) {
  return x.cols() == K || (padded && x.cols() == whole_row(K));
}

inline void check_linear_forward(ConstMatrix y, ConstMatrix x, ConstMatrix w, ConstVector bias,
                                 bool padded = false) {
  require(y.rows() == x.rows() && y.cols() == w.rows() && fits_inputs(x, w.cols(), padded),
          "[linear_forward] shapes do not fit: got x ({}, {}), w ({}, {}), y ({}, {}), expected x "
          "(B, K), w (N, K), y (B, N)",
          x.rows(), x.cols(), w.rows(), w.cols(), y.rows(), y.cols());
  require(w.rows() >= 1 && w.cols() >= 1,
          "[linear_forward] empty layer: got w ({}, {}), expected at least (1, 1)", w.rows(),
          w.cols());
  require(bias.data == nullptr || bias.size() == w.rows(),
          "[linear_forward] bias does not fit: got ({}), expected ({})", bias.size(), w.rows());
}

inline void check_activation_backward(ConstMatrix dy, ConstMatrix y, Activation activation) {
  require(activation == Activation::kNone || y.dims == dy.dims,
          "[activation_backward] shapes differ: got y ({}, {}), dy ({}, {}), expected one shape",
          y.rows(), y.cols(), dy.rows(), dy.cols());
}

inline void check_linear_backward(const LinearBackward& a, bool padded = false) {
  const int64_t N = a.w.rows(), K = a.w.cols();
  const bool dx = a.dx.data == nullptr || a.dx.dims == a.x.dims;
  const bool db = a.db.data == nullptr || a.db.size() == N;
  require(fits_inputs(a.x, K, padded) && a.dw.dims == a.w.dims && dx && db,
          "[linear_backward] gradients do not fit: got dx ({}, {}), dw ({}, {}), db ({}), expected "
          "the shapes of x ({}, {}), w ({}, {}) and ({})",
          a.dx.rows(), a.dx.cols(), a.dw.rows(), a.dw.cols(), a.db.size(), a.x.rows(), a.x.cols(),
          N, K, N);
  require(!(a.dx_is_dz && a.accumulate_dx),
          "[linear_backward] cannot add to a dx that is a dz: expected one reader of the layer");
}

}  // namespace hotrow
