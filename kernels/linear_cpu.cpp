#include <algorithm>
#include <cmath>

#include "kernels/core/gemm.h"
#include "kernels/core/parallel.h"
#include "kernels/linear.h"
#include "kernels/linear_shapes.h"

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

using Tag = hn::CappedTag<float, kGemmPanel>;  // a column of dz's panels, or a part of it
using Vec = hn::Vec<Tag>;
constexpr int64_t kLanes = static_cast<int64_t>(hn::MaxLanes(Tag()));

// d(loss)/dz of one vector.
template <Activation kActivation>
HWY_INLINE Vec derivative(Vec dy, Vec y) {
  if constexpr (kActivation == Activation::kRelu) {
    return hn::IfThenElseZero(hn::Gt(y, hn::Zero(Tag())), dy);
  } else {
    return hn::Mul(dy, hn::Mul(y, hn::Sub(hn::Set(Tag(), 1.0f), y)));
  }
}

template <Activation kActivation>
HWY_INLINE void to_panels(float* dz, ConstMatrix dy, ConstMatrix y, int64_t begin, int64_t end) {
  const Tag d;
  const int64_t rows = dy.rows(), cols = dy.cols();
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t column = begin; column < end; column += kLanes) {
      const auto load = [&](ConstMatrix from) HWY_ATTR {
        const float* p = from.data + row * cols + column;
        return column + kLanes <= end ? hn::LoadU(d, p) : load_first(d, p, end - column);
      };
      Vec v = load(dy);
      if constexpr (kActivation != Activation::kNone) v = derivative<kActivation>(v, load(y));
      hn::StoreU(v, d, dz + panel_offset(rows, column, row));
    }
  }
}

void activation_columns(float* dz, ConstMatrix dy, ConstMatrix y, Activation activation,
                        int64_t begin, int64_t end) {
  switch (activation) {
    case Activation::kNone:
      return to_panels<Activation::kNone>(dz, dy, y, begin, end);
    case Activation::kRelu:
      return to_panels<Activation::kRelu>(dz, dy, y, begin, end);
    case Activation::kSigmoid:
      return to_panels<Activation::kSigmoid>(dz, dy, y, begin, end);
  }
}

// db of the panel's rows, each a sum in order of the batch.
void sum_panel(float* db, const float* panel, int64_t batch, int64_t rows) {
  const Tag d;
  for (int64_t row = 0; row < rows; row += kLanes) {
    Vec sum = hn::Zero(d);
    for (int64_t b = 0; b < batch; ++b) {
      sum = hn::Add(sum, hn::LoadU(d, panel + b * kGemmPanel + row));
    }
    if (row + kLanes <= rows) {
      hn::StoreU(sum, d, db + row);
    } else {
      store_first(sum, d, db + row, rows - row);
    }
  }
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace hotrow
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hotrow {
namespace {

HWY_EXPORT(activation_columns);
HWY_EXPORT(sum_panel);

void sigmoid(Matrix y) {
  constexpr int64_t kGrain = 4096;
  parallel_for(ceil_div(y.size(), kGrain), [&](int64_t task) {
    const int64_t end = std::min(y.size(), (task + 1) * kGrain);
    for (int64_t i = task * kGrain; i < end; ++i) y.data[i] = 1.0f / (1.0f + std::exp(-y.data[i]));
  });
}

}  // namespace

int64_t linear_dz_floats(int64_t batch, int64_t width) { return panel_floats(width, batch); }

void linear_forward(Matrix y, ConstMatrix x, ConstMatrix w, ConstVector bias, Activation activation,
                    Precision precision, CpuStream) {
  check_linear_forward(y, x, w, bias);
  if (y.size() == 0) return;
  gemm({.m = y.rows(),
        .n = y.cols(),
        .k = x.cols(),
        .c = y.data,
        .c_stride = y.cols(),
        .a = {x.data, x.cols()},
        .b = {w.data, w.cols(), GemmLayout::kColumns},
        .bias = bias.data,
        .relu = activation == Activation::kRelu,
        .precision = precision});
  if (activation == Activation::kSigmoid) sigmoid(y);
}

void activation_backward(float* dz, ConstMatrix dy, ConstMatrix y, Activation activation,
                         CpuStream) {
  check_activation_backward(dy, y, activation);
  // Two panels of columns are a cache line of every row.
  constexpr int64_t kColumns = 2 * kGemmPanel;
  parallel_for(ceil_div(dy.cols(), kColumns), [&](int64_t task) {
    HWY_DYNAMIC_DISPATCH(activation_columns)
    (dz, dy, y, activation, task * kColumns, std::min(dy.cols(), (task + 1) * kColumns));
  });
}

void linear_backward(const LinearBackward& a, CpuStream) {
  check_linear_backward(a);
  const int64_t rows = a.x.rows(), n = a.w.rows(), k = a.w.cols();
  if (a.db.data != nullptr) {
    parallel_for(ceil_div(n, kGemmPanel), [&](int64_t panel) {
      const int64_t first = panel * kGemmPanel;
      HWY_DYNAMIC_DISPATCH(sum_panel)
      (a.db.data + first, a.dz + first * rows, rows, std::min(kGemmPanel, n - first));
    });
  }
  if (rows == 0) {
    std::fill_n(a.dw.data, a.dw.size(), 0.0f);
    return;
  }
  gemm({.m = n,
        .n = k,
        .k = rows,
        .c = a.dw.data,
        .c_stride = k,
        .a = {a.dz, 0, GemmLayout::kPanels},
        .b = {a.x.data, k},
        .precision = a.precision});
  if (a.dx.data == nullptr) return;
  gemm({.m = rows,
        .n = k,
        .k = n,
        .c = a.dx.data,
        .c_stride = k,
        .a = {a.dz, 0, GemmLayout::kPanelsTransposed},
        .b = {a.w.data, k},
        .accumulate = a.accumulate_dx,
        .gate = a.dx_is_dz ? a.x.data : nullptr,
        .precision = a.precision});
}

}  // namespace hotrow
#endif  // HWY_ONCE
