#include <algorithm>
#include <cmath>

#include "kernels/core/check.h"
#include "kernels/core/gemm.h"
#include "kernels/core/gemm_panels.h"
#include "kernels/core/parallel.h"
#include "kernels/linear.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/linear_cpu.cpp"
#include <hwy/foreach_target.h>
// After foreach_target.h.
#include <hwy/highway.h>

#include "kernels/core/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace hotrow {
namespace HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

using Half = hn::CappedTag<float, kGemmPanel>;  // a row of a panel, or less

template <Activation kActivation>
HWY_INLINE hn::Vec<Half> derivative(hn::Vec<Half> dy, hn::Vec<Half> y) {
  const Half d;
  if constexpr (kActivation == Activation::kRelu) {
    return hn::IfThenElseZero(hn::Gt(y, hn::Zero(d)), dy);
  } else if constexpr (kActivation == Activation::kSigmoid) {
    return hn::Mul(dy, hn::Mul(y, hn::Sub(hn::Set(d, 1.0f), y)));
  } else {
    return dy;
  }
}

// Columns [column, column + n) of dz = dy * act'(y), of its panels and of db, in one pass down the
// rows: a column's sum has one order.
template <Activation kActivation, bool kWhole>
HWY_INLINE void activation_columns(const LinearBackward& a, int64_t column, int64_t n) {
  const Half d;
  const int64_t rows = a.dy.rows(), cols = a.dy.cols();
  const auto load = [&](const float* p)
                        HWY_ATTR { return kWhole ? hn::LoadU(d, p) : load_first(d, p, n); };
  const auto store = [&](hn::Vec<Half> v, float* p) HWY_ATTR {
    if constexpr (kWhole) {
      hn::StoreU(v, d, p);
    } else {
      store_first(v, d, p, n);
    }
  };
  auto sum = hn::Zero(d);
  for (int64_t row = 0; row < rows; ++row) {
    float* dy = a.dy.data + row * cols + column;
    auto dz = load(dy);
    if constexpr (kActivation != Activation::kNone) {
      dz = derivative<kActivation>(dz, load(a.y.data + row * cols + column));
      store(dz, dy);
    }
    sum = hn::Add(sum, dz);
    hn::StoreU(dz, d, a.dz_panels + panel_offset(rows, column, row));
  }
  if (a.db.data != nullptr) store(sum, a.db.data + column);
}

template <Activation kActivation>
HWY_INLINE void activation_panels(const LinearBackward& a, int64_t begin, int64_t end) {
  constexpr int64_t kLanes = static_cast<int64_t>(hn::MaxLanes(Half()));
  for (int64_t column = begin; column < end; column += kLanes) {
    if (column + kLanes <= end) {
      activation_columns<kActivation, true>(a, column, kLanes);
    } else {
      activation_columns<kActivation, false>(a, column, end - column);
    }
  }
}

void activation_backward(const LinearBackward& a, int64_t begin, int64_t end) {
  switch (a.activation) {
    case Activation::kNone:
      return activation_panels<Activation::kNone>(a, begin, end);
    case Activation::kRelu:
      return activation_panels<Activation::kRelu>(a, begin, end);
    case Activation::kSigmoid:
      return activation_panels<Activation::kSigmoid>(a, begin, end);
  }
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace hotrow
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hotrow {
namespace {

HWY_EXPORT(activation_backward);

void check_shapes(const char* op, ConstMatrix y, ConstMatrix x, ConstMatrix w, ConstVector bias) {
  require(y.rows() == x.rows() && y.cols() == w.rows() && x.cols() == w.cols(),
          "[{}] shapes do not fit: got x ({}, {}), w ({}, {}), y ({}, {}), expected x (B, K), w "
          "(N, K), y (B, N)",
          op, x.rows(), x.cols(), w.rows(), w.cols(), y.rows(), y.cols());
  require(w.rows() >= 1 && w.cols() >= 1,
          "[{}] empty layer: got w ({}, {}), expected at least (1, 1)", op, w.rows(), w.cols());
  require(bias.data == nullptr || bias.size() == w.rows(),
          "[{}] bias does not fit: got ({}), expected ({})", op, bias.size(), w.rows());
}

void check_gradients(const LinearBackward& a) {
  const bool dx = a.dx.data == nullptr || a.dx.dims == a.x.dims;
  const bool y = a.activation == Activation::kNone || a.y.dims == a.dy.dims;
  require(dx && y && a.dw.dims == a.w.dims,
          "[linear_backward] gradients do not fit: got dx ({}, {}), dw ({}, {}), y ({}, {}), "
          "expected the shapes of "
          "x ({}, {}), w ({}, {}), dy ({}, {})",
          a.dx.rows(), a.dx.cols(), a.dw.rows(), a.dw.cols(), a.y.rows(), a.y.cols(), a.x.rows(),
          a.x.cols(), a.w.rows(), a.w.cols(), a.dy.rows(), a.dy.cols());
}

void sigmoid(Matrix y) {
  constexpr int64_t kGrain = 4096;
  parallel_for(ceil_div(y.size(), kGrain), [&](int64_t task) {
    const int64_t end = std::min(y.size(), (task + 1) * kGrain);
    for (int64_t i = task * kGrain; i < end; ++i) y.data[i] = 1.0f / (1.0f + std::exp(-y.data[i]));
  });
}

}  // namespace

int64_t linear_backward_scratch_floats(int64_t rows, int64_t n) {
  return ceil_div(n, kGemmPanel) * kGemmPanel * rows;
}

void linear_forward(Matrix y, ConstMatrix x, ConstMatrix w, ConstVector bias, Activation activation,
                    CpuStream) {
  check_shapes("linear_forward", y, x, w, bias);
  if (y.size() == 0) return;
  gemm({.m = y.rows(),
        .n = y.cols(),
        .k = x.cols(),
        .c = y.data,
        .c_stride = y.cols(),
        .a = {x.data, x.cols()},
        .b = {w.data, w.cols(), GemmLayout::kColumns},
        .bias = bias.data,
        .relu = activation == Activation::kRelu});
  if (activation == Activation::kSigmoid) sigmoid(y);
}

void linear_backward(const LinearBackward& a, CpuStream) {
  check_shapes("linear_backward", a.dy, a.x, a.w, a.db);
  check_gradients(a);
  const int64_t rows = a.x.rows(), n = a.w.rows(), k = a.w.cols();
  if (rows == 0) {
    std::fill_n(a.dw.data, a.dw.size(), 0.0f);
    if (a.db.data != nullptr) std::fill_n(a.db.data, n, 0.0f);
    return;
  }
  // Four panels of columns are two cache lines of every row.
  constexpr int64_t kColumns = 4 * kGemmPanel;
  parallel_for(ceil_div(n, kColumns), [&](int64_t task) {
    HWY_DYNAMIC_DISPATCH(activation_backward)
    (a, task * kColumns, std::min(n, (task + 1) * kColumns));
  });
  gemm({.m = n,
        .n = k,
        .k = rows,
        .c = a.dw.data,
        .c_stride = k,
        .a = {a.dz_panels, 0, GemmLayout::kPanels},
        .b = {a.x.data, k}});
  if (a.dx.data == nullptr) return;
  gemm({.m = rows,
        .n = k,
        .k = n,
        .c = a.dx.data,
        .c_stride = k,
        .a = {a.dy.data, n},
        .b = {a.w.data, k},
        .accumulate = a.accumulate_dx});
}

}  // namespace hotrow
#endif  // HWY_ONCE
