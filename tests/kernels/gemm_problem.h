// A product with its operands, and what it must come to.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "kernels/core/gemm.h"
#include "tests/reference/bf16_ref.h"
#include "tests/support/bounds.h"
#include "tests/support/instruction_sets.h"

namespace hotrow::test {

constexpr GemmLayout kLayoutsOfA[] = {GemmLayout::kRows, GemmLayout::kPanels,
                                      GemmLayout::kPanelsTransposed};

// A product with every freedom of Gemm; C's rows have a gap of 3 that must stay.
struct GemmProblem {
  static constexpr int64_t kGap = 3;
  static constexpr float kUntouched = 12345.0f;

  Gemm g;
  std::vector<float> a, b, c, bias;

  GemmProblem(int64_t m, int64_t n, int64_t k, GemmLayout a_layout, bool b_columns,
              Precision precision = Precision::kFloat32) {
    a = test::test_floats((m + kGemmPanel) * (k + kGemmPanel), 1);
    b = test::test_floats((n + 5) * (k + 4), 2);
    bias = test::test_floats(n, 3);
    c = test::test_floats(m * (n + kGap), 4);
    for (int64_t i = 0; i < std::ssize(c); ++i) {
      if (i % (n + kGap) >= n) c[static_cast<size_t>(i)] = kUntouched;
    }
    g = {.m = m,
         .n = n,
         .k = k,
         .c = nullptr,
         .c_stride = n + kGap,
         .a = {},
         .b = {},
         .precision = precision};
    g.a = {a.data(), a_layout == GemmLayout::kRows ? k + 2 : 0, a_layout};
    if (b_columns) {
      g.b = {b.data(), k + 4, GemmLayout::kColumns};
    } else {
      g.b = {b.data(), n + 5};
    }
    poison(a, m, k, [&](int64_t i, int64_t p) { return a_index(i, p); });
    poison(b, k, n, [&](int64_t p, int64_t j) { return b_index(p, j); });
  }
  GemmProblem(const GemmProblem&) = delete;  // g points into the vectors

  int64_t a_index(int64_t i, int64_t p) const {
    switch (g.a.layout) {
      case GemmLayout::kPanels:
        return panel_offset(g.k, i, p);
      case GemmLayout::kPanelsTransposed:
        return panel_offset(g.m, p, i);
      default:
        return i * g.a.stride + p;
    }
  }
  int64_t b_index(int64_t p, int64_t j) const {
    return g.b.layout == GemmLayout::kColumns ? p + j * g.b.stride : p * g.b.stride + j;
  }
  Exact element(int64_t i, int64_t j) const {
    Exact sum;
    if (g.accumulate) sum.add(c[static_cast<size_t>(i * g.c_stride + j)]);
    for (int64_t p = 0; p < g.k; ++p) {
      sum.add_product(factor(a[static_cast<size_t>(a_index(i, p))]),
                      factor(b[static_cast<size_t>(b_index(p, j))]));
    }
    if (g.bias != nullptr) sum.add(bias[static_cast<size_t>(j)]);
    if (g.relu) sum.value = std::max(sum.value, 0.0);
    return sum;
  }
  std::vector<Exact> reference() const {
    std::vector<Exact> out;
    for (int64_t i = 0; i < g.m; ++i) {
      for (int64_t j = 0; j < g.c_stride; ++j) {
        out.emplace_back();
        if (j < g.n) {
          out.back() = element(i, j);
        } else {
          out.back().value = kUntouched;  // the gap, exactly
        }
      }
    }
    return out;
  }
  std::vector<float> run() {
    std::vector<float> out = c;
    g.c = out.data();
    gemm(g);
    return out;
  }
  std::string name() const {
    return fmt::format("m={} n={} k={} a={} b={} bias={} relu={} accumulate={}", g.m, g.n, g.k,
                       static_cast<int>(g.a.layout), static_cast<int>(g.b.layout),
                       g.bias != nullptr, g.relu, g.accumulate);
  }

 private:
  // What is not of the matrix becomes NaN: it must not reach the result.
  template <class Index>
  static void poison(std::vector<float>& data, int64_t rows, int64_t columns, const Index& index) {
    std::vector<float> all(data.size(), std::numeric_limits<float>::quiet_NaN());
    for (int64_t i = 0; i < rows; ++i) {
      for (int64_t j = 0; j < columns; ++j) {
        const auto at = static_cast<size_t>(index(i, j));
        all[at] = data[at];
      }
    }
    data = all;
  }
  double factor(float v) const {
    return g.precision == Precision::kBfloat16 ? reference::round_to_bf16(v) : v;
  }
};

// Every layout of both factors, with one epilogue or another.
inline void expect_all_layouts(int64_t m, int64_t n, int64_t k, Precision precision) {
  static int count = 0;
  for (int layouts = 0; layouts < 6; ++layouts) {
    GemmProblem p(m, n, k, kLayoutsOfA[layouts / 2], layouts % 2, precision);
    if (++count % 2) p.g.bias = p.bias.data();
    p.g.relu = count % 3 == 0;
    p.g.accumulate = count % 5 == 0;
    const std::vector<Exact> want = p.reference();
    for_each_instruction_set([&] { EXPECT_TRUE(within_bound(p.run(), want, k + 2)) << p.name(); });
  }
}

// The result is 0 where the gate is shut, and lies as the panels of its transpose.
inline void expect_gated(GemmProblem p) {
  const int64_t m = p.g.m, n = p.g.n;
  const std::vector<float> gate = test_floats(m * p.g.c_stride, 5);
  p.g.gate = gate.data();
  p.c.assign(static_cast<size_t>(panel_floats(n, m)), GemmProblem::kUntouched);
  for_each_instruction_set([&] {
    const std::vector<float> c = p.run();
    for (int64_t i = 0; i < m; ++i) {
      for (int64_t j = 0; j < n; ++j) {
        const bool open = gate[static_cast<size_t>(i * p.g.c_stride + j)] > 0;
        const Exact want = open ? p.element(i, j) : Exact{};
        const float got = c[static_cast<size_t>(panel_offset(m, j, i))];
        EXPECT_TRUE(within_bound(std::span(&got, 1), std::vector{want}, p.g.k)) << p.name();
      }
    }
  });
}

}  // namespace hotrow::test
