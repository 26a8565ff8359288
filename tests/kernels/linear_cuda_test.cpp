// The CUDA version of kernels/linear.h, beside the definition in double.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <string>
#include <vector>

#include "kernels/linear.h"
#include "tests/kernels/linear_cuda_layer.h"
#include "tests/reference/bf16_ref.h"
#include "tests/reference/linear_ref.h"
#include "tests/support/bounds.h"
#include "tests/support/cuda_on_host/cuda_on_host.h"
#include "tests/support/device_memory.h"
#include "tests/support/error_text.h"

namespace hotrow {
namespace {

using test::DeviceVector;
using test::for_paths;
using test::within_bound;
using Floats = std::vector<float>;
using Layer = test::DeviceLayer;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

template <class Test>
void for_layers(const Test& test) {
  int count = 0;
  for (int64_t B : {0, 1, 7, 33, 700}) {
    for (int64_t K : {1, 13, 40}) {
      for (int64_t N : {1, 3, 64, 67}) {
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
  for_paths([](Layer layer) {
    layer.accumulate_dx = true;
    layer.forward();
    layer.backward();
    EXPECT_TRUE(within_bound(layer.dx, layer.want_backward().dx, layer.N + 4)) << layer.name();
  });
}

// Inside a chain dx is the dz of the ReLU layer that gave x.
TEST(LinearCuda, DxOfAReluIsItsDz) {
  for_paths([](Layer layer) {
    layer.dx_is_dz = true;
    layer.forward();
    layer.backward();
    auto want = layer.want_backward().dx;
    for (size_t i = 0; i < want.size(); ++i) {
      if (!(layer.x[i] > 0)) want[i] = {};
    }
    EXPECT_TRUE(within_bound(layer.dx, want, layer.N + 3)) << layer.name();
  });
}

// Wide rows of one output, and rows that several blocks have parts of.
TEST(LinearCuda, OneOutputOfManyInputs) {
  for (int64_t K : {1023, 1028, 2060}) {
    for (int64_t B : {3, 300}) {
      Layer layer(B, K, 1, Activation::kSigmoid);
      layer.dy = test::test_floats(B, 8);
      layer.forward();
      const auto want =
          reference::linear(layer.mx(), layer.mw(), layer.bias.data(), layer.activation);
      EXPECT_TRUE(within_bound(layer.y, want, K + 1)) << layer.name();
      layer.y.assign(layer.y.size(), 0.25f);
      layer.backward();
      const auto gradients = layer.want_backward();
      EXPECT_TRUE(within_bound(layer.dw, gradients.dw, B + 3)) << layer.name();
      EXPECT_TRUE(within_bound(layer.dx, gradients.dx, 4)) << layer.name();
      EXPECT_TRUE(within_bound(layer.db, gradients.db, B + 3)) << layer.name();
    }
  }
}

// What a layer keeps in the workspace is safe from the library, which has the rest.
TEST(LinearCuda, LeavesTheRestOfTheWorkspaceToProducts) {
  for_paths([](Layer layer) {
    for (Precision precision : {Precision::kFloat32, Precision::kBfloat16}) {
      layer.precision = precision;
      layer.forward();
      layer.backward();
      Layer roomy = layer;
      roomy.spare = 10000;
      roomy.forward();
      roomy.backward();
      EXPECT_EQ(roomy.y, layer.y) << layer.name();
      EXPECT_EQ(roomy.dx, layer.dx) << layer.name();
      EXPECT_EQ(roomy.dw, layer.dw) << layer.name();
      EXPECT_EQ(roomy.db, layer.db) << layer.name();
    }
  });
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
        Floats padded(offset, test::DeviceOutput::kUntouched);
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
      for_paths([&](Layer layer) {
        layer.strict_fp32 = strict;
        layer.precision = precision;
        layer.x = rounded(layer.x), layer.w = rounded(layer.w), layer.dy = rounded(layer.dy);
        layer.forward();
        const auto want =
            reference::linear(layer.mx(), layer.mw(), layer.bias.data(), layer.activation);
        EXPECT_TRUE(within_bound(layer.y, want, layer.K + 1)) << layer.name();
        layer.backward();
        const auto gradients = layer.want_backward();
        EXPECT_TRUE(within_bound(layer.dw, gradients.dw, layer.B + 3)) << layer.name();
        EXPECT_TRUE(within_bound(layer.dx, gradients.dx, layer.N + 3)) << layer.name();
        EXPECT_TRUE(within_bound(layer.db, gradients.db, layer.B + 3)) << layer.name();
      });
    }
  }
}

// bf16 is what precision.h says: the reference of the rounded factors, whatever their size.
TEST(LinearCuda, Bf16RoundsFactorsToNearest) {
  for_paths([](Layer layer) {
    layer.precision = Precision::kBfloat16;
    layer.activation = Activation::kNone;
    layer.has_bias = false;
    layer.w[5] = 0x1.01p+100f, layer.w[6] = 0x1.03p+110f;                      // ties: to even
    for (int64_t k = 0; k < layer.K; ++k) layer.x[layer.K + k] = 0x1.8p-127f;  // becomes 0
    layer.forward();
    layer.backward();
    Layer exact = layer;
    exact.x = rounded(layer.x), exact.w = rounded(layer.w), exact.dy = rounded(layer.dy);
    const auto want = reference::linear(exact.mx(), exact.mw(), nullptr, exact.activation);
    EXPECT_TRUE(within_bound(layer.y, want, layer.K + 1)) << layer.name();
    const auto gradients = exact.want_backward();
    EXPECT_TRUE(within_bound(layer.dw, gradients.dw, layer.B + 3)) << layer.name();
    EXPECT_TRUE(within_bound(layer.dx, gradients.dx, layer.N + 3)) << layer.name();
  });
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
  for (int64_t N : {64, 1}) {
    double last = 0;
    for (const auto& one : all) {
      Layer layer(64, 64, N, Activation::kNone);
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
      const bool rounds = N > 1 || one.bits != 11;  // one output is fp32 or bf16
      EXPECT_TRUE(!rounds || worst > 2 * last) << one.bits << " bits: " << worst;
      last = worst;
    }
  }
}

TEST(LinearCuda, BackwardWithoutDx) {
  for_paths([](Layer layer) {
    layer.forward();
    layer.backward();
    const Layer with = layer;
    layer.wants_dx = false;
    layer.backward();
    EXPECT_EQ(layer.dx, layer.dx_before) << layer.name();
    EXPECT_EQ(layer.dw, with.dw) << layer.name();
    EXPECT_EQ(layer.db, with.db) << layer.name();
  });
}

TEST(LinearCuda, AnEmptyBatchHasZeroGradients) {
  for (int64_t N : {1, 3}) {
    Layer layer(0, 13, N, Activation::kRelu);
    layer.backward();
    EXPECT_EQ(layer.dw, Floats(static_cast<size_t>(13 * N), 0.0f));
    EXPECT_EQ(layer.db, Floats(static_cast<size_t>(N), 0.0f));
  }
}

// What went wrong must reach the loss: no activation may turn NaN into a number.
void expect_nan_passes(Layer layer) {
  const int64_t bad_row = 4, K = layer.K, N = layer.N, bad_bias = 20, bad_dy = N / 2;
  layer.x[bad_row * K + 12] = kNan;
  if (bad_bias < N) layer.bias[bad_bias] = kNan;
  layer.forward();
  for (int64_t b = 0; b < layer.B; ++b) {
    for (int64_t n = 0; n < N; ++n) {
      EXPECT_EQ(std::isnan(layer.my().row(b)[n]), b == bad_row || n == bad_bias) << layer.name();
    }
  }
  layer.y.assign(layer.y.size(), 0.25f);
  layer.x.assign(layer.x.size(), 0.5f);
  layer.dy[5 * N + bad_dy] = kNan;
  layer.backward();
  for (int64_t n = 0; n < N; ++n) EXPECT_EQ(std::isnan(layer.db[n]), n == bad_dy);
  for (int64_t i = 0; i < N * K; ++i) EXPECT_EQ(std::isnan(layer.dw[i]), i / K == bad_dy);
  for (int64_t i = 0; i < layer.B * K; ++i) EXPECT_EQ(std::isnan(layer.dx[i]), i / K == 5);
}

TEST(LinearCuda, PassesNanOn) {
  for (Activation activation : {Activation::kNone, Activation::kRelu, Activation::kSigmoid}) {
    for (Precision precision : {Precision::kFloat32, Precision::kBfloat16}) {
      for_paths([&](Layer layer) {
        layer.activation = activation;
        layer.precision = precision;
        expect_nan_passes(layer);
      });
    }
  }
}

TEST(LinearCuda, BitsDoNotDependOnTheOrderOfThreads) {
  for (int64_t N : {1, 5, 67}) {
    Layer first(1100, 5, N, Activation::kSigmoid);
    first.forward();
    first.backward();
    for (uint64_t seed : {1, 2, 3}) {
      cuda_on_host::set_schedule_seed(seed);
      Layer again(1100, 5, N, Activation::kSigmoid);
      again.forward();
      again.backward();
      EXPECT_EQ(again.y, first.y);
      EXPECT_EQ(again.dz, first.dz);
      EXPECT_EQ(again.dx, first.dx);
      EXPECT_EQ(again.dw, first.dw);
      EXPECT_EQ(again.db, first.db);
    }
  }
}

// Neither x nor dx is copied then, and no bit changes, but where the library adds to dx: in one
// rounding instead of two.
TEST(LinearCuda, TakesRowsOfWhole16Bytes) {
  for (Precision precision : {Precision::kFloat32, Precision::kBfloat16}) {
    for (int64_t K : {13, 14, 15, 16}) {
      for (int64_t N : {1, 6}) {
        for (bool accumulate : {false, true}) {
          Layer plain(33, K, N, Activation::kSigmoid);
          plain.precision = precision;
          plain.accumulate_dx = accumulate;
          Layer whole = plain;
          whole.whole_rows = true;
          for (Layer* layer : {&plain, &whole}) {
            layer->forward();
            layer->backward();
          }
          SCOPED_TRACE(plain.name());
          EXPECT_EQ(whole.y, plain.y);
          EXPECT_EQ(whole.dw, plain.dw);
          EXPECT_EQ(whole.db, plain.db);
          for (size_t i = 0; i < plain.dx.size(); ++i) {
            const float bound = accumulate ? 1e-6f * (1 + std::abs(plain.dx[i])) : 0.0f;
            EXPECT_TRUE(std::abs(whole.dx[i] - plain.dx[i]) <= bound) << i;
          }
        }
      }
    }
  }
  const auto bytes = [](int64_t columns) {
    return linear_workspace_bytes(1000, columns, 367, 2, Precision::kFloat32);
  };
  EXPECT_GE(bytes(367) - bytes(368), size_t{1000 * 368 * 4}) << "room for a copy of x";
}

TEST(LinearCuda, RejectsShapesThatDoNotFit) {
  GemmContext without({.workspace = {}});
  const Matrix x{nullptr, {4, 3}}, w{nullptr, {2, 3}};
  const ConstMatrix y{nullptr, {4, 2}};
  const auto forward = [&](Matrix to, ConstMatrix from, ConstMatrix weights) {
    return test::error_text([&] {
      linear_forward(to, from, weights, {}, Activation::kNone, Precision::kFloat32, without,
                     CudaStream{});
    });
  };
  EXPECT_EQ(forward({nullptr, {3, 2}}, x, w),
            "[linear_forward] shapes do not fit: got x (4, 3), w (2, 3), y (3, 2), expected x (B, "
            "K), w (N, K), y (B, N)");
  for (int64_t columns : {2, 5, 8})  // 4 would be whole rows
    EXPECT_TRUE(forward({nullptr, {4, 2}}, {nullptr, {4, columns}}, w)
                    .starts_with("[linear_forward] shapes do not fit: got x (4, "));
  const auto backward = [&](const LinearBackward& args) {
    return test::error_text([&] { linear_backward(args, without, CudaStream{}); });
  };
  float db[2];
  LinearBackward args;
  args.dw = w, args.w = w, args.db = {db, {2}}, args.x = {nullptr, {4, 2}};
  EXPECT_EQ(backward(args),
            "[linear_backward] gradients do not fit: got dx (0, 0), dw (2, 3), db (2), expected "
            "the shapes of x (4, 2), w (2, 3) and (2)");
  EXPECT_EQ(test::error_text([&] {
              activation_backward(nullptr, {nullptr, {3, 2}}, y, Activation::kRelu, CudaStream{});
            }),
            "[activation_backward] shapes differ: got y (4, 2), dy (3, 2), expected one shape");
  args.x = x;
  const std::string too_small =
      fmt::format("[linear] workspace too small: got 0 bytes, expected at least {}",
                  linear_workspace_bytes(4, 3, 3, 2, Precision::kFloat32));
  EXPECT_EQ(forward({nullptr, {4, 2}}, x, w), too_small);
  EXPECT_EQ(backward(args), too_small);
}

TEST(LinearCuda, RejectsMatricesThatAreNotAligned) {
  DeviceVector<float> memory(100);
  DeviceVector<std::byte> workspace(linear_workspace_bytes(4, 4, 4, 2, Precision::kFloat32));
  GemmContext gemms({.workspace = {workspace.data(), workspace.size()}});
  const ConstMatrix odd{memory.data() + 1, {4, 4}}, w{memory.data() + 20, {2, 4}};
  const std::string error = test::error_text([&] {
    linear_forward({memory.data() + 40, {4, 2}}, odd, w, {}, Activation::kNone, Precision::kFloat32,
                   gemms, CudaStream{});
  });
  EXPECT_TRUE(error.starts_with(
      "[gemm] a matrix of a product of (4, 4) with (4, 2) is not aligned: got 0x"))
      << error;
}

}  // namespace
}  // namespace hotrow
