#include <algorithm>
#include <cmath>

#include "kernels/core/check.h"
#include "kernels/core/gemm.h"
#include "kernels/core/parallel.h"
#include "kernels/linear.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/linear_cpu.cpp"
#include <hwy/foreach_target.h>
// After foreach_target.h.
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace hotrow {
namespace HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

// Columns [begin, end) of dz = dy * act'(y) and of db, in one pass down the rows: one task owns a
// column, so its sum has one order. Sixteen columns at a time are one cache line of every row.
template <Activation kActivation>
void activation_backward_columns(const LinearBackward& a, int64_t begin, int64_t end) {
  const hn::ScalableTag<float> d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  const int64_t rows = a.dy.rows(), cols = a.dy.cols();
  const auto derivative = [&](auto tag, auto dy, const float* y) HWY_ATTR {
    if constexpr (kActivation == Activation::kRelu) {
      return hn::IfThenElseZero(hn::Gt(hn::LoadU(tag, y), hn::Zero(tag)), dy);
    } else if constexpr (kActivation == Activation::kSigmoid) {
      const auto p = hn::LoadU(tag, y);
      return hn::Mul(dy, hn::Mul(p, hn::Sub(hn::Set(tag, 1.0f), p)));
    } else {
      return dy;
    }
  };
  const auto run = [&](auto tag, int64_t column) HWY_ATTR {
    auto sum = hn::Zero(tag);
    for (int64_t row = 0; row < rows; ++row) {
      float* dy = a.dy.data + row * cols + column;
      const float* y = a.y.data + (kActivation == Activation::kNone ? 0 : row * cols + column);
      const auto dz = derivative(tag, hn::LoadU(tag, dy), y);
      if constexpr (kActivation != Activation::kNone) hn::StoreU(dz, tag, dy);
      sum = hn::Add(sum, dz);
    }
    if (a.db.data != nullptr) hn::StoreU(sum, tag, a.db.data + column);
  };
  int64_t column = begin;
  for (; column + lanes <= end; column += lanes) run(d, column);
  for (; column < end; ++column) run(hn::CappedTag<float, 1>(), column);
}

void activation_backward(const LinearBackward& a, int64_t begin, int64_t end) {
  switch (a.activation) {
    case Activation::kNone:
      return activation_backward_columns<Activation::kNone>(a, begin, end);
    case Activation::kRelu:
      return activation_backward_columns<Activation::kRelu>(a, begin, end);
    case Activation::kSigmoid:
      return activation_backward_columns<Activation::kSigmoid>(a, begin, end);
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

// Tiles of 64 to 256 rows by 256 columns: enough rows to amortise the packing of the other operand,
// small enough that a batch of 128 feeds several threads. Parts are multiples of 16 columns, so
// that only the last one has a tail.
constexpr int64_t tile_rows(int64_t rows) { return rows < 256 ? 64 : rows < 512 ? 128 : 256; }
constexpr int64_t kTileCols = 256;
constexpr int64_t kColumnGrain = 16;

struct Tiling {
  int64_t items, tile;
  Tiling(int64_t n, int64_t target, int64_t grain) : items(n) {
    const int64_t parts = ceil_div(n, target);
    tile = std::min(n, ceil_div(ceil_div(n, parts), grain) * grain);
  }
  int64_t count() const { return ceil_div(items, tile); }
  Range at(int64_t i) const { return {i * tile, std::min(items, (i + 1) * tile)}; }
};

// Runs one product as a grid of independent tiles of C. `whole` describes all of it.
void tiled_gemm(float* c, const float* a, const float* b, const float* bias,
                const GemmShape& whole) {
  const Tiling rows(whole.m, tile_rows(whole.m), 1), cols(whole.n, kTileCols, kColumnGrain);
  const Gemm* kernels[2][2];  // [last row tile][last column tile]
  for (int last_row = 0; last_row < 2; ++last_row) {
    for (int last_col = 0; last_col < 2; ++last_col) {
      GemmShape tile = whole;
      tile.m = rows.at(last_row ? rows.count() - 1 : 0).size();
      tile.n = cols.at(last_col ? cols.count() - 1 : 0).size();
      kernels[last_row][last_col] = &prepare_gemm(tile);
    }
  }
  parallel_for(rows.count() * cols.count(), [&](int64_t task) {
    const int64_t i = task / cols.count(), j = task % cols.count();
    const Range r = rows.at(i), n = cols.at(j);
    const Gemm& kernel = *kernels[i == rows.count() - 1][j == cols.count() - 1];
    kernel.run(c + r.begin * whole.c_row_stride + n.begin, a + r.begin * whole.a_row_stride,
               b + n.begin * whole.b_col_stride, bias == nullptr ? nullptr : bias + n.begin);
  });
}

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

void linear_forward(Matrix y, ConstMatrix x, ConstMatrix w, ConstVector bias, Activation activation,
                    CpuStream) {
  check_shapes("linear_forward", y, x, w, bias);
  if (y.size() == 0) return;
  GemmShape shape{.m = y.rows(), .n = y.cols(), .k = x.cols()};
  shape.a_row_stride = x.cols(), shape.a_col_stride = 1;
  shape.b_row_stride = 1, shape.b_col_stride = w.cols();
  shape.c_row_stride = y.cols();
  shape.has_bias = bias.data != nullptr;
  shape.relu = activation == Activation::kRelu;
  tiled_gemm(y.data, x.data, w.data, bias.data, shape);
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
  const Tiling columns(n, 4 * kColumnGrain, kColumnGrain);
  parallel_for(columns.count(), [&](int64_t task) {
    const Range r = columns.at(task);
    HWY_DYNAMIC_DISPATCH(activation_backward)(a, r.begin, r.end);
  });
  GemmShape dw{.m = n, .n = k, .k = rows};
  dw.a_row_stride = 1, dw.a_col_stride = n;
  dw.b_row_stride = k, dw.b_col_stride = 1;
  dw.c_row_stride = k;
  tiled_gemm(a.dw.data, a.dy.data, a.x.data, nullptr, dw);
  if (a.dx.data == nullptr) return;
  GemmShape dx{.m = rows, .n = k, .k = n};
  dx.a_row_stride = n, dx.a_col_stride = 1;
  dx.b_row_stride = k, dx.b_col_stride = 1;
  dx.c_row_stride = k;
  dx.accumulate = a.accumulate_dx;
  tiled_gemm(a.dx.data, a.dy.data, a.w.data, nullptr, dx);
}

}  // namespace hotrow
#endif  // HWY_ONCE
