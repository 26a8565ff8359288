// Gradients of a program against central differences, with a bound from rounding theory.
//
// A program is written once, as a template over its number type, from tests/reference/ops_ref.h. In
// double it gives the differences; on Slope it is differentiated along one input, and every number
// carries the size of the terms that made it, which is what roundings are relative to. So a wrong
// gradient has to agree with the differences, and the bound is first-order error analysis, not
// taste:
//
//     |got - difference| <= (k(terms) eps + 1e-7) * size,   k as in tests/support/bounds.h
//
// 1e-7: the error of central_difference(). `terms` is the longest chain of additions on the way.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "tests/support/bounds.h"

namespace hotrow::test {

// A number and its derivative, each with the size that its rounding errors are relative to.
struct Slope {
  double value = 0, value_size = 0;
  double slope = 0, slope_size = 0;

  Slope() = default;
  Slope(double v) : value(v), value_size(std::abs(v)) {}  // NOLINT: a constant is a number
  Slope(double v, double vs, double s, double ss)
      : value(v), value_size(vs), slope(s), slope_size(ss) {}
};

inline Slope operator+(const Slope& a, const Slope& b) {
  return {a.value + b.value, a.value_size + b.value_size, a.slope + b.slope,
          a.slope_size + b.slope_size};
}
inline Slope operator-(const Slope& a, const Slope& b) {
  return {a.value - b.value, a.value_size + b.value_size, a.slope - b.slope,
          a.slope_size + b.slope_size};
}
inline Slope operator*(const Slope& a, const Slope& b) {
  const double x = std::abs(a.value), y = std::abs(b.value);
  return {a.value * b.value, x * b.value_size + y * a.value_size,
          a.value * b.slope + b.value * a.slope,
          x * b.slope_size + y * a.slope_size + a.value_size * std::abs(b.slope) +
              b.value_size * std::abs(a.slope)};
}

// f(a), from f and its first two derivatives at a.
inline Slope smooth(const Slope& a, double f, double f1, double f2) {
  const double slope = f1 * a.slope;
  return {f, std::abs(f1) * a.value_size + std::abs(f), slope,
          std::abs(f1) * a.slope_size + std::abs(f2 * a.slope) * a.value_size + std::abs(slope)};
}

inline double number(double a) { return a; }
inline double number(const Slope& a) { return a.value; }

// Row-major (rows, cols).
template <class T>
struct Table2d {
  int64_t rows = 0, cols = 0;
  std::vector<T> data;

  Table2d() = default;
  Table2d(int64_t rows_, int64_t cols_)
      : rows(rows_), cols(cols_), data(static_cast<size_t>(rows_ * cols_)) {}
  T& at(int64_t r, int64_t c) { return data[static_cast<size_t>(r * cols + c)]; }
  const T& at(int64_t r, int64_t c) const { return data[static_cast<size_t>(r * cols + c)]; }
};

// What a program is a function of: one block each for parameters, tables, inputs.
template <class T>
using Blocks = std::vector<Table2d<T>>;

inline Blocks<Slope> constants(const Blocks<double>& blocks) {
  Blocks<Slope> out;
  for (const Table2d<double>& block : blocks) {
    Table2d<Slope>& copy = out.emplace_back(block.rows, block.cols);
    std::copy(block.data.begin(), block.data.end(), copy.data.begin());
  }
  return out;
}

// `got` is the engine's gradient of program(blocks) for blocks[which]; `slack`, if given, is an
// absolute error of each element beyond its rounding.
template <class Program>
::testing::AssertionResult gradient_is(std::span<const double> got, const Program& program,
                                       const Blocks<double>& blocks, size_t which, int64_t terms,
                                       std::span<const double> slack = {}) {
  const std::vector<double>& x = blocks[which].data;
  if (got.size() != x.size()) {
    return ::testing::AssertionFailure() << got.size() << " gradients for " << x.size();
  }
  Blocks<double> moved = blocks;
  const auto f = [&](std::span<const double> values) {
    std::copy(values.begin(), values.end(), moved[which].data.begin());
    return program(moved);
  };
  Blocks<Slope> along = constants(blocks);
  double largest = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    const double want = central_difference(f, x, i);
    Slope& input = along[which].data[i];
    input.slope = input.slope_size = 1;
    const Slope result = program(along);
    input.slope = input.slope_size = 0;
    const double eps = std::numeric_limits<float>::epsilon();
    const double bound =
        (bound_k(terms) * eps + 1e-7) * result.slope_size + (slack.empty() ? 0 : slack[i]);
    if (!(std::abs(result.slope - want) <= 1e-7 * result.slope_size)) {
      return ::testing::AssertionFailure() << fmt::format(
                 "element {}: the reference disagrees with itself: slope {}, difference {}", i,
                 result.slope, want);
    }
    if (!(std::abs(got[i] - want) <= bound)) {
      return ::testing::AssertionFailure() << fmt::format(
                 "element {}: got {}, expected {}, allowed +-{}", i, got[i], want, bound);
    }
    largest = std::max(largest, std::abs(want));
  }
  if (!(largest > 0)) return ::testing::AssertionFailure() << "every gradient is 0: nothing tested";
  return ::testing::AssertionSuccess();
}

}  // namespace hotrow::test
