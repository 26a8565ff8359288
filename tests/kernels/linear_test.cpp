#include "kernels/linear.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>

#include "kernels/core/check.h"
#include "kernels/core/gemm.h"
#include "kernels/core/parallel.h"
#include "tests/reference/bf16_ref.h"
#include "tests/reference/linear_ref.h"
#include "tests/support/bounds.h"
#include "tests/support/error_text.h"
#include "tests/support/instruction_sets.h"

namespace hotrow {
namespace {
using test::test_floats;
using test::within_bound;

constexpr float kUntouched = 12345.0f;
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

// Everything that the two kernels read and write, each array with a margin behind it that must
// stay.
struct Problem {
  static constexpr size_t kMargin = 16;
  using Array = std::vector<float>;

  int64_t B, K, N;
  Activation activation;
  bool has_bias;
  Precision precision = Precision::kFloat32;
  Array x, w, bias, y, dy, dx, dw, db, dz;

  Problem(int64_t B_, int64_t K_, int64_t N_, Activation activation_, bool has_bias_ = true)
      : B(B_), K(K_), N(N_), activation(activation_), has_bias(has_bias_) {
    x = test_floats(B * K, 1);
    w = test_floats(N * K, 2);
    bias = test_floats(N, 3);
    dy = test_floats(B * N, 4);
    dx = test_floats(B * K, 5);
    y.assign(static_cast<size_t>(B * N), kUntouched);
    dw.assign(static_cast<size_t>(N * K), kUntouched);
    db.assign(static_cast<size_t>(N), kUntouched);
    dz.assign(static_cast<size_t>(linear_dz_floats(B, N)), kUntouched);
    for (Array* array : {&y, &dy, &dx, &dw, &db, &dz})
      array->resize(array->size() + kMargin, kUntouched);
  }

  Matrix mx() { return {x.data(), {B, K}}; }
  Matrix mw() { return {w.data(), {N, K}}; }
  Matrix my() { return {y.data(), {B, N}}; }
  ConstVector vbias() { return {has_bias ? bias.data() : nullptr, {N}}; }
  LinearBackward backward_arguments() {
    return {.dx = {dx.data(), {B, K}},
            .dw = {dw.data(), {N, K}},
            .db = {has_bias ? db.data() : nullptr, {N}},
            .dz = dz.data(),
            .x = mx(),
            .w = mw(),
            .precision = precision};
  }
  void make_dz() {
    activation_backward(dz.data(), {dy.data(), {B, N}}, my(), activation, CpuStream{});
  }
  void backward() {
    make_dz();
    linear_backward(backward_arguments(), CpuStream{});
  }
  void forward() { linear_forward(my(), mx(), mw(), vbias(), activation, precision, CpuStream{}); }

  bool margins_untouched() const {
    for (const Array* array : {&y, &dy, &dx, &dw, &db, &dz}) {
      for (size_t i = array->size() - kMargin; i < array->size(); ++i) {
        if ((*array)[i] != kUntouched) return false;
      }
    }
    return true;
  }
  std::string name() const {
    return fmt::format("B={} K={} N={} activation={} bias={}", B, K, N,
                       static_cast<int>(activation), has_bias);
  }
};

std::span<const float> body(const Problem::Array& array) {
  return std::span(array).first(array.size() - Problem::kMargin);
}

// The (batch, width) matrix that is kept as the panels of its transpose.
Problem::Array from_panels(const Problem::Array& panels, int64_t batch, int64_t width) {
  Problem::Array out;
  for (int64_t b = 0; b < batch; ++b) {
    for (int64_t i = 0; i < width; ++i) {
      out.push_back(panels[static_cast<size_t>(panel_offset(batch, i, b))]);
    }
  }
  return out;
}

// Calls test(problem) for all shapes: empty, single, odd, several tiles each way, many rows.
template <class Test>
void for_shapes(const Test& test) {
  const Activation activations[] = {Activation::kNone, Activation::kRelu, Activation::kSigmoid};
  int count = 0;
  for (int64_t B : {0, 1, 7, 33, 129}) {
    for (int64_t K : {1, 13, 367}) {
      for (int64_t N : {1, 3, 513}) {
        for (Activation activation : activations) test(Problem(B, K, N, activation, ++count % 2));
      }
    }
  }
  test(Problem(1100, 13, 300, Activation::kRelu));
  test(Problem(1024, 5, 17, Activation::kSigmoid));
  // Last tiles that are smaller than the others, along every axis of every product.
  test(Problem(67, 259, 131, Activation::kRelu));
  test(Problem(1031, 13, 291, Activation::kNone));
}

TEST(Linear, ForwardEqualsTheReference) {
  for_shapes([](Problem p) {
    p.forward();
    const auto want = reference::linear(p.mx(), p.mw(), p.vbias().data, p.activation);
    EXPECT_TRUE(within_bound(body(p.y), want, p.K + 1)) << p.name();
    EXPECT_TRUE(p.margins_untouched()) << p.name();
  });
}

TEST(Linear, BackwardEqualsTheReference) {
  for_shapes([](Problem first) {
    first.forward();
    if (first.activation == Activation::kSigmoid) {  // not where slopes lose digits to underflow
      for (float& v : first.y) v = std::max(v, 1e-20f);
    }
    const auto want = reference::linear_backward({first.dy.data(), {first.B, first.N}}, first.my(),
                                                 first.mx(), first.mw(), first.activation, nullptr);
    test::for_each_instruction_set([&] {
      Problem p = first;
      p.backward();
      EXPECT_TRUE(within_bound(from_panels(p.dz, p.B, p.N), want.dz, 3)) << p.name();
      EXPECT_TRUE(within_bound(body(p.dw), want.dw, p.B + 3)) << p.name();
      EXPECT_TRUE(within_bound(body(p.dx), want.dx, p.N + 3)) << p.name();
      if (p.has_bias) {
        EXPECT_TRUE(within_bound(body(p.db), want.db, p.B + 3)) << p.name();
      } else {
        EXPECT_EQ(p.db[0], kUntouched);
      }
      EXPECT_TRUE(p.margins_untouched()) << p.name();
    });
  });
}

// A second reader of x adds its gradient to that of the first.
TEST(Linear, BackwardAddsToDx) {
  for (int64_t N : {1, 3, 513}) {
    Problem p(33, 13, N, Activation::kRelu);
    p.forward();
    const auto want = reference::linear_backward({p.dy.data(), {p.B, p.N}}, p.my(), p.mx(), p.mw(),
                                                 p.activation, p.dx.data());
    p.make_dz();
    LinearBackward arguments = p.backward_arguments();
    arguments.accumulate_dx = true;
    linear_backward(arguments, CpuStream{});
    EXPECT_TRUE(within_bound(body(p.dx), want.dx, p.N + 4)) << p.name();
  }
}

// Inside a chain dx is the dz of the ReLU layer that gave x, several blocks of k deep too.
TEST(Linear, DxOfAReluIsItsDz) {
  for (int64_t B : {1, 7, 33}) {
    for (int64_t K : {1, 8, 13, 24, 367}) {
      for (int64_t N : {1, 3, 513, 1100}) {
        Problem p(B, K, N, Activation::kRelu);
        p.forward();
        const auto want = reference::linear_backward({p.dy.data(), {B, N}}, p.my(), p.mx(), p.mw(),
                                                     p.activation, nullptr);
        std::vector<test::Exact> gated = want.dx;
        for (size_t i = 0; i < gated.size(); ++i) {
          if (!(p.x[i] > 0)) gated[i] = {};
        }
        p.make_dz();
        p.dx.assign(static_cast<size_t>(linear_dz_floats(B, K)) + Problem::kMargin, kUntouched);
        LinearBackward arguments = p.backward_arguments();
        arguments.dx_is_dz = true;
        linear_backward(arguments, CpuStream{});
        EXPECT_TRUE(within_bound(from_panels(p.dx, B, K), gated, N + 3)) << p.name();
        EXPECT_TRUE(p.margins_untouched()) << p.name();
      }
    }
  }
}

Problem::Array rounded(Problem::Array values) {
  for (float& v : values) v = static_cast<float>(reference::round_to_bf16(v));
  return values;
}

// x, w and dz, and nothing else.
TEST(Linear, Bf16RoundsTheFactorsOfEveryProduct) {
  for (Activation activation : {Activation::kNone, Activation::kRelu, Activation::kSigmoid}) {
    for (int64_t N : {1, 67}) {
      Problem p(33, 131, N, activation);
      p.precision = Precision::kBfloat16;
      const Problem::Array x = rounded(p.x), w = rounded(p.w);
      const ConstMatrix mx{x.data(), {p.B, p.K}}, mw{w.data(), {p.N, p.K}};
      p.forward();
      EXPECT_TRUE(
          within_bound(body(p.y), reference::linear(mx, mw, p.bias.data(), activation), p.K + 1))
          << p.name();

      p.backward();
      const Problem::Array dz = from_panels(p.dz, p.B, N), rounded_dz = rounded(dz);
      const auto want = [&](const Problem::Array& factor) {
        return reference::linear_backward({factor.data(), {p.B, N}}, p.my(), mx, mw,
                                          Activation::kNone, nullptr);
      };
      EXPECT_TRUE(within_bound(body(p.dw), want(rounded_dz).dw, p.B)) << p.name();
      EXPECT_TRUE(within_bound(body(p.dx), want(rounded_dz).dx, N)) << p.name();
      EXPECT_TRUE(within_bound(body(p.db), want(dz).db, p.B)) << p.name();
      EXPECT_TRUE(p.margins_untouched()) << p.name();
    }
  }
}

TEST(Linear, BackwardWithoutDx) {
  Problem p(7, 13, 3, Activation::kNone), with_dx(7, 13, 3, Activation::kNone);
  with_dx.backward();
  const std::vector<float> before = p.dx;
  activation_backward(p.dz.data(), {p.dy.data(), {7, 3}}, {}, Activation::kNone, CpuStream{});
  LinearBackward arguments = p.backward_arguments();
  arguments.dx.data = nullptr;
  linear_backward(arguments, CpuStream{});
  EXPECT_EQ(p.dx, before);
  EXPECT_EQ(p.dw, with_dx.dw);
  EXPECT_EQ(p.db, with_dx.db);
}

// No sample: no gradient, which is zero and not what the memory held.
TEST(Linear, AnEmptyBatchHasZeroGradients) {
  Problem p(0, 13, 3, Activation::kRelu);
  p.backward();
  for (float v : body(p.dw)) EXPECT_EQ(v, 0.0f);
  for (float v : body(p.db)) EXPECT_EQ(v, 0.0f);
}

// What went wrong must reach the loss: no activation may turn NaN into a number.
TEST(Linear, ForwardPassesNanOn) {
  for (Activation activation : {Activation::kNone, Activation::kRelu, Activation::kSigmoid}) {
    for (bool in_bias : {false, true}) {
      Problem p(9, 13, 35, activation);
      (in_bias ? p.bias[20] : p.x[4 * 13 + 12]) = kNan;
      p.forward();
      for (int64_t b = 0; b < p.B; ++b) {
        for (int64_t n = 0; n < p.N; ++n) {
          const bool want = in_bias ? n == 20 : b == 4;
          EXPECT_EQ(std::isnan(p.my().row(b)[n]), want) << p.name() << " at " << b << ", " << n;
        }
      }
    }
  }
}

TEST(Linear, BackwardPassesNanOn) {
  for (Activation activation : {Activation::kNone, Activation::kRelu, Activation::kSigmoid}) {
    Problem p(9, 13, 35, activation);
    p.forward();
    p.y[5 * 35 + 30] = 0.25f;  // not cut off by the ReLU
    p.dy[5 * 35 + 30] = kNan;
    p.backward();
    for (int64_t n = 0; n < p.N; ++n) EXPECT_EQ(std::isnan(p.db[static_cast<size_t>(n)]), n == 30);
    for (int64_t i = 0; i < p.N * p.K; ++i) {
      EXPECT_EQ(std::isnan(p.dw[static_cast<size_t>(i)]), i / p.K == 30) << p.name();
    }
    for (int64_t i = 0; i < p.B * p.K; ++i) {
      EXPECT_EQ(std::isnan(p.dx[static_cast<size_t>(i)]), i / p.K == 5) << p.name();
    }
  }
}

TEST(Linear, BitsDoNotDependOnThreads) {
  for (int64_t B : {33, 129, 1100}) {
    Problem first(B, 67, 513, Activation::kSigmoid);
    first.forward();
    Problem want = first;
    want.backward();
    for (int threads : {1, 2, 3, 8}) {
      set_num_threads(threads);
      Problem p(B, 67, 513, Activation::kSigmoid);
      p.forward();
      EXPECT_EQ(p.y, first.y) << B << " rows, " << threads << " threads";
      p.backward();
      EXPECT_EQ(p.dw, want.dw) << B << " rows, " << threads << " threads";
      EXPECT_EQ(p.db, want.db) << B << " rows, " << threads << " threads";
      EXPECT_EQ(p.dx, want.dx) << B << " rows, " << threads << " threads";
    }
  }
  set_num_threads(1);
}

TEST(Linear, ForwardRejectsShapesThatDoNotFit) {
  Problem p(4, 3, 2, Activation::kNone);
  const auto forward = [&](Matrix y, Matrix x, Matrix w, int64_t bias) {
    return test::error_text([&] {
      linear_forward(y, x, w, {p.bias.data(), {bias}}, Activation::kNone, Precision::kFloat32,
                     CpuStream{});
    });
  };
  const auto sized = [](Matrix m, int64_t rows, int64_t cols) {
    return Matrix{m.data, {rows, cols}};
  };
  EXPECT_EQ(forward(p.my(), p.mx(), p.mw(), 2), "no error");
  EXPECT_EQ(forward(sized(p.my(), 3, 2), p.mx(), p.mw(), 2),
            "[linear_forward] shapes do not fit: got x (4, 3), w (2, 3), y (3, 2), expected x (B, "
            "K), w (N, K), "
            "y (B, N)");
  EXPECT_NE(forward(sized(p.my(), 4, 1), p.mx(), p.mw(), 2), "no error");
  EXPECT_NE(forward(p.my(), p.mx(), sized(p.mw(), 2, 2), 2), "no error");
  EXPECT_EQ(forward(sized(p.my(), 4, 0), p.mx(), sized(p.mw(), 0, 3), 0),
            "[linear_forward] empty layer: got w (0, 3), expected at least (1, 1)");
  EXPECT_EQ(forward(p.my(), sized(p.mx(), 4, 0), sized(p.mw(), 2, 0), 2),
            "[linear_forward] empty layer: got w (2, 0), expected at least (1, 1)");
  EXPECT_EQ(forward(p.my(), p.mx(), p.mw(), 1),
            "[linear_forward] bias does not fit: got (1), expected (2)");
}

TEST(Linear, BackwardRejectsShapesThatDoNotFit) {
  Problem p(4, 3, 2, Activation::kRelu);
  const auto backward = [&](auto change) {
    LinearBackward arguments = p.backward_arguments();
    change(arguments);
    return test::error_text([&] { linear_backward(arguments, CpuStream{}); });
  };
  EXPECT_EQ(backward([](LinearBackward&) {}), "no error");
  const std::string gradients = "[linear_backward] gradients do not fit: got ";
  const std::string expected = ", expected the shapes of x (4, 3), w (2, 3) and (2)";
  EXPECT_EQ(backward([](LinearBackward& a) { a.db.dims = {3}; }),
            gradients + "dx (4, 3), dw (2, 3), db (3)" + expected);
  EXPECT_EQ(backward([](LinearBackward& a) {
              a.dw.dims = {3, 2};
            }),
            gradients + "dx (4, 3), dw (3, 2), db (2)" + expected);
  EXPECT_EQ(backward([](LinearBackward& a) {
              a.dx.dims = {3, 3};
            }),
            gradients + "dx (3, 3), dw (2, 3), db (2)" + expected);
  EXPECT_NE(backward([](LinearBackward& a) { a.x.dims = {4, 2}; }), "no error");
  EXPECT_EQ(backward([](LinearBackward& a) { a.accumulate_dx = a.dx_is_dz = true; }),
            "[linear_backward] cannot add to a dx that is a dz: expected one reader of the layer");
  EXPECT_EQ(test::error_text([&] {
              activation_backward(p.dz.data(), {p.dy.data(), {3, 2}}, p.my(), Activation::kRelu,
                                  CpuStream{});
            }),
            "[activation_backward] shapes differ: got y (4, 2), dy (3, 2), expected one shape");
}

}  // namespace
}  // namespace hotrow
