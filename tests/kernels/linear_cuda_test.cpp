// The CUDA version of kernels/linear.h, beside the definition in double.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <string>
#include <vector>

#include "kernels/core/check.h"
#include "kernels/linear.h"
#include "tests/reference/bf16_ref.h"
#include "tests/reference/linear_ref.h"
#include "tests/support/bounds.h"
#include "tests/support/cuda_on_host/cuda_on_host.h"
#include "tests/support/device_memory.h"
#include "tests/support/error_text.h"

namespace hotrow {
namespace {

using test::DeviceVector;
using test::within_bound;
using Floats = std::vector<float>;

constexpr float kUntouched = 12345;
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

// An array of an output on the device, with a margin behind it that must stay.
class Output {
 public:
  explicit Output(Floats values) : size_(values.size()) {
    values.resize(size_ + kMargin, kUntouched);
    memory_ = DeviceVector<float>(values);
  }
  explicit Output(int64_t size) : Output(Floats(static_cast<size_t>(size), kNan)) {}
  float* data() { return memory_.data(); }
  Floats get() const {
    Floats values = memory_.get();
    for (size_t i = size_; i < values.size(); ++i) EXPECT_EQ(values[i], kUntouched);
    values.resize(size_);
    return values;
  }

 private:
  static constexpr size_t kMargin = 4;
  size_t size_;
  DeviceVector<float> memory_;
};

struct Context {
  DeviceVector<std::byte> workspace{1 << 20};
  GemmContext gemms;

  explicit Context(bool strict_fp32)
      : gemms({.workspace = {workspace.data(), workspace.size()}, .strict_fp32 = strict_fp32}) {}
};

// A layer of the host, and what its two passes make on the device.
struct Layer {
  int64_t B, K, N;
  Activation activation;
  bool has_bias = true, strict_fp32 = true;
  Precision precision = Precision::kFloat32;
  bool accumulate_dx = false, dx_is_dz = false;
  Floats x, w, bias, dy, dx_before;
  Floats y, dz, dx, dw, db;  // results

  Layer(int64_t B_, int64_t K_, int64_t N_, Activation activation_)
      : B(B_), K(K_), N(N_), activation(activation_) {
    x = test::test_floats(B * K, 1);
    w = test::test_floats(N * K, 2);
    bias = test::test_floats(N, 3);
    dy = test::test_floats(B * N, 4);
    dx_before = test::test_floats(B * K, 5);
  }
  const float* bias_or_null() const { return has_bias ? bias.data() : nullptr; }
  ConstMatrix mx() const { return {x.data(), {B, K}}; }
  ConstMatrix mw() const { return {w.data(), {N, K}}; }
  ConstMatrix my() const { return {y.data(), {B, N}}; }
  ConstMatrix mdy() const { return {dy.data(), {B, N}}; }

  void forward() {
    Context context(strict_fp32);
    const DeviceVector<float> on_x(x), on_w(w), on_bias(bias);
    Output out(B * N);
    linear_forward({out.data(), {B, N}}, {on_x.data(), {B, K}}, {on_w.data(), {N, K}},
                   {has_bias ? on_bias.data() : nullptr, {N}}, activation, precision, context.gemms,
                   CudaStream{});
    y = out.get();
  }
  void backward() {
    Context context(strict_fp32);
    const DeviceVector<float> on_x(x), on_w(w), on_y(y), on_dy(dy);
    Output to_dz(B * N), to_dx(dx_before), to_dw(N * K), to_db(N);
    activation_backward(to_dz.data(), {on_dy.data(), {B, N}}, {on_y.data(), {B, N}}, activation,
                        CudaStream{});
    linear_backward({.dx = {to_dx.data(), {B, K}},
                     .accumulate_dx = accumulate_dx,
                     .dx_is_dz = dx_is_dz,
                     .dw = {to_dw.data(), {N, K}},
                     .db = {has_bias ? to_db.data() : nullptr, {N}},
                     .dz = to_dz.data(),
                     .x = {on_x.data(), {B, K}},
                     .w = {on_w.data(), {N, K}},
                     .precision = precision},
                    context.gemms, CudaStream{});
    dz = to_dz.get(), dx = to_dx.get(), dw = to_dw.get(), db = to_db.get();
  }
  reference::LinearGradients want_backward() const {
    return reference::linear_backward(mdy(), my(), mx(), mw(), activation,
                                      accumulate_dx ? dx_before.data() : nullptr);
  }
  std::string name() const {
    return fmt::format("B={} K={} N={} activation={} bias={}", B, K, N,
                       static_cast<int>(activation), has_bias);
  }
};

template <class Test>
void for_layers(const Test& test) {
  int count = 0;
  for (int64_t B : {0, 1, 7, 33, 700}) {
    for (int64_t K : {1, 13, 40}) {
      for (int64_t N : {1, 3, 67}) {
        for (Activation a : {Activation::kNone, Activation::kRelu, Activation::kSigmoid}) {
          Layer layer(B, K, N, a);
          layer.has_bias = ++count % 4 != 0;
          test(layer);
        }
      }
    }
  }
}

TEST(LinearCuda, ForwardEqualsTheReference) {
  for_layers([](Layer layer) {
    layer.forward();
    const auto want =
        reference::linear(layer.mx(), layer.mw(), layer.bias_or_null(), layer.activation);
    EXPECT_TRUE(within_bound(layer.y, want, layer.K + 1)) << layer.name();
  });
}

TEST(LinearCuda, BackwardEqualsTheReference) {
  for_layers([](Layer layer) {
    layer.forward();
    if (layer.activation == Activation::kSigmoid) {  // not where slopes lose digits to underflow
      for (float& v : layer.y) v = std::max(v, 1e-20f);
    }
    layer.backward();
    const auto want = layer.want_backward();
    EXPECT_TRUE(within_bound(layer.dz, want.dz, 3)) << layer.name();
    EXPECT_TRUE(within_bound(layer.dw, want.dw, layer.B + 3)) << layer.name();
    EXPECT_TRUE(within_bound(layer.dx, want.dx, layer.N + 3)) << layer.name();
    if (layer.has_bias) {
      EXPECT_TRUE(within_bound(layer.db, want.db, layer.B + 3)) << layer.name();
    } else {
      EXPECT_TRUE(std::isnan(layer.db[0])) << "written without a bias";
    }
  });
}

TEST(LinearCuda, BackwardAddsToDx) {
  Layer layer(33, 13, 67, Activation::kRelu);
  layer.accumulate_dx = true;
  layer.forward();
  layer.backward();
  EXPECT_TRUE(within_bound(layer.dx, layer.want_backward().dx, layer.N + 4));
}

// Inside a chain dx is the dz of the ReLU layer that gave x.
TEST(LinearCuda, DxOfAReluIsItsDz) {
  for (int64_t K : {13, 16}) {
    Layer layer(33, K, 67, Activation::kRelu);
    layer.dx_is_dz = true;
    layer.forward();
    layer.backward();
    auto want = layer.want_backward().dx;
    for (size_t i = 0; i < want.size(); ++i) {
      if (!(layer.x[i] > 0)) want[i] = {};
    }
    EXPECT_TRUE(within_bound(layer.dx, want, layer.N + 3));
  }
}

TEST(LinearCuda, GradientOfAnActivationHasTheBitsOfTheCpuInPlaceToo) {
  for (Activation a : {Activation::kNone, Activation::kRelu, Activation::kSigmoid}) {
    for (int64_t n : {1, 3, 4, 1023}) {
      const Floats dy = test::test_floats(n, 1), y = test::test_floats(n, 2);
      Floats want = dy;  // one row: its panels have a number in 8
      Floats panels(static_cast<size_t>(linear_dz_floats(n, 1)));
      activation_backward(panels.data(), {dy.data(), {n, 1}}, {y.data(), {n, 1}}, a, CpuStream{});
      for (size_t i = 0; i < want.size(); ++i) want[i] = panels[8 * i];
      for (size_t offset : {0, 1}) {  // aligned and not
        Floats padded(offset, kUntouched);
        padded.insert(padded.end(), dy.begin(), dy.end());
        DeviceVector<float> memory(padded);
        const DeviceVector<float> on_y(y);
        float* in_place = memory.data() + offset;
        activation_backward(in_place, {in_place, {n, 1}}, {on_y.data(), {n, 1}}, a, CudaStream{});
        const Floats got = memory.get();
        EXPECT_EQ(Floats(got.begin() + static_cast<int64_t>(offset), got.end()), want) << n;
      }
    }
  }
}

Floats rounded(Floats values) {
  for (float& v : values) v = static_cast<float>(reference::round_to_bf16(v));
  return values;
}

// Factors of 8 significant bits have exact products in every precision: what is left is how sums
// are rounded.
TEST(LinearCuda, EveryPrecisionIsExactWhereNothingIsRounded) {
  for (bool strict : {false, true}) {
    for (Precision precision : {Precision::kFloat32, Precision::kBfloat16}) {
      Layer layer(65, 40, 24, Activation::kRelu);
      layer.strict_fp32 = strict;
      layer.precision = precision;
      layer.x = rounded(layer.x), layer.w = rounded(layer.w), layer.dy = rounded(layer.dy);
      layer.forward();
      const auto want =
          reference::linear(layer.mx(), layer.mw(), layer.bias.data(), layer.activation);
      EXPECT_TRUE(within_bound(layer.y, want, layer.K + 1));
      layer.backward();
      const auto gradients = layer.want_backward();
      EXPECT_TRUE(within_bound(layer.dw, gradients.dw, layer.B + 3));
      EXPECT_TRUE(within_bound(layer.dx, gradients.dx, layer.N + 3));
      EXPECT_TRUE(within_bound(layer.db, gradients.db, layer.B + 3));
    }
  }
}

// Each precision rounds as much as it says and no more: `bits` significant bits of each factor,
// cut off at worst.
TEST(LinearCuda, PrecisionsRoundTheFactors) {
  const struct {
    bool strict;
    Precision precision;
    int bits;
  } all[] = {{true, Precision::kFloat32, 24},
             {false, Precision::kFloat32, 11},
             {true, Precision::kBfloat16, 8}};
  double last = 0;
  for (const auto& one : all) {
    Layer layer(64, 64, 64, Activation::kNone);
    layer.strict_fp32 = one.strict;
    layer.precision = one.precision;
    layer.forward();
    const auto want =
        reference::linear(layer.mx(), layer.mw(), layer.bias.data(), layer.activation);
    double worst = 0;  // relative to the size of the terms
    for (size_t i = 0; i < want.size(); ++i) {
      const double error = std::abs(layer.y[i] - want[i].value) / want[i].magnitude;
      EXPECT_TRUE(error <= std::ldexp(2.0, 1 - one.bits)) << one.bits << " bits: " << error;
      worst = std::max(worst, error);
    }
    EXPECT_TRUE(worst > 2 * last) << one.bits << " bits: " << worst;
    last = worst;
  }
}

TEST(LinearCuda, BackwardWithoutDx) {
  DeviceVector<float> x(test::test_floats(21, 1)), w(test::test_floats(6, 2));
  DeviceVector<float> dz(test::test_floats(14, 3));
  Output dw(6), db(2);
  Context context(true);
  linear_backward({.dx = {},
                   .dw = {dw.data(), {2, 3}},
                   .db = {db.data(), {2}},
                   .dz = dz.data(),
                   .x = {x.data(), {7, 3}},
                   .w = {w.data(), {2, 3}}},
                  context.gemms, CudaStream{});
  for (float v : dw.get()) EXPECT_FALSE(std::isnan(v));
  for (float v : db.get()) EXPECT_FALSE(std::isnan(v));
}

TEST(LinearCuda, AnEmptyBatchHasZeroGradients) {
  Layer layer(0, 13, 3, Activation::kRelu);
  layer.backward();
  EXPECT_EQ(layer.dw, Floats(39, 0.0f));
  EXPECT_EQ(layer.db, Floats(3, 0.0f));
}

// What went wrong must reach the loss: no activation may turn NaN into a number.
TEST(LinearCuda, PassesNanOn) {
  for (Activation activation : {Activation::kNone, Activation::kRelu, Activation::kSigmoid}) {
    Layer layer(9, 13, 35, activation);
    layer.x[4 * 13 + 12] = kNan;
    layer.bias[20] = kNan;
    layer.forward();
    for (int64_t b = 0; b < layer.B; ++b) {
      for (int64_t n = 0; n < layer.N; ++n) {
        EXPECT_EQ(std::isnan(layer.my().row(b)[n]), b == 4 || n == 20) << layer.name();
      }
    }
    layer.y.assign(layer.y.size(), 0.25f);
    layer.x.assign(layer.x.size(), 0.5f);
    layer.dy[5 * 35 + 30] = kNan;
    layer.backward();
    for (int64_t n = 0; n < layer.N; ++n) EXPECT_EQ(std::isnan(layer.db[n]), n == 30);
    for (int64_t i = 0; i < layer.N * layer.K; ++i)
      EXPECT_EQ(std::isnan(layer.dw[i]), i / 13 == 30);
    for (int64_t i = 0; i < layer.B * layer.K; ++i) EXPECT_EQ(std::isnan(layer.dx[i]), i / 13 == 5);
  }
}

TEST(LinearCuda, BitsDoNotDependOnTheOrderOfThreads) {
  Layer first(1100, 5, 67, Activation::kSigmoid);
  first.forward();
  first.backward();
  for (uint64_t seed : {1, 2, 3}) {
    cuda_on_host::set_schedule_seed(seed);
    Layer again(1100, 5, 67, Activation::kSigmoid);
    again.forward();
    again.backward();
    EXPECT_EQ(again.y, first.y);
    EXPECT_EQ(again.dz, first.dz);
    EXPECT_EQ(again.db, first.db);
  }
}

TEST(LinearCuda, RejectsShapesThatDoNotFit) {
  Context context(true);
  const Matrix x{nullptr, {4, 3}}, w{nullptr, {2, 3}};
  const ConstMatrix y{nullptr, {4, 2}};
  EXPECT_EQ(test::error_text([&] {
              linear_forward({nullptr, {3, 2}}, x, w, {}, Activation::kNone, Precision::kFloat32,
                             context.gemms, CudaStream{});
            }),
            "[linear_forward] shapes do not fit: got x (4, 3), w (2, 3), y (3, 2), expected x (B, "
            "K), w (N, K), y (B, N)");
  float db[2];
  LinearBackward wrong;
  wrong.dw = w, wrong.w = w, wrong.db = {db, {2}}, wrong.x = {nullptr, {4, 2}};
  EXPECT_EQ(test::error_text([&] { linear_backward(wrong, context.gemms, CudaStream{}); }),
            "[linear_backward] gradients do not fit: got dx (0, 0), dw (2, 3), db (2), expected "
            "the shapes of x (4, 2), w (2, 3) and (2)");
  EXPECT_EQ(test::error_text([&] {
              activation_backward(nullptr, {nullptr, {3, 2}}, y, Activation::kRelu, CudaStream{});
            }),
            "[activation_backward] shapes differ: got y (4, 2), dy (3, 2), expected one shape");
  GemmContext without({.workspace = {}});
  wrong.x = x;
  EXPECT_EQ(test::error_text([&] { linear_backward(wrong, without, CudaStream{}); }),
            "[linear_backward] workspace too small: got 0 bytes, expected at least 8");
}

}  // namespace
}  // namespace hotrow
