// How close a float result must come to an exact one, from rounding theory and nothing else.
//
// A reference computes in double, from the very floats that the kernel reads, two numbers an
// element: the value, and its magnitude = the sum of |term| over the terms that were added up
// (sum |a||b| for a dot product). A result passes when
//
//     |got - value| <= k(terms) * eps * magnitude,   eps = distance from 1 to the next number
//     k(terms) = 2 + sqrt(terms)
//
// `terms` is how many roundings lie one behind the other in the longest chain: D for a dot product
// of D terms, the operations of a formula for an element-wise one. The worst case grows with
// terms / 2 eps; the errors of real data have random signs and grow with its root (Higham and Mary,
// "A new approach to probabilistic rounding error analysis", 2019), which is the bound used here,
// with room for the few extra roundings of an epilogue. It is tight enough to see one dropped,
// doubled or swapped term.
//
// NaN never passes, on either side; an infinity passes only against the same infinity.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <random>
#include <ranges>
#include <span>
#include <vector>

namespace hotrow::test {

// An exact sum that remembers the size of its terms.
struct Exact {
  double value = 0;
  double magnitude = 0;

  void add(double term) {
    value += term;
    magnitude += std::abs(term);
  }
  void add_product(double a, double b) { add(a * b); }
};

inline double bound_k(int64_t terms) { return 2 + std::sqrt(static_cast<double>(terms)); }

// What comparing found: the element that used the largest share of its bound.
struct BoundReport {
  bool ok = true;
  int64_t worst = -1;  // index, or -1 when there was nothing to compare
  double used = 0;     // |got - value| / allowed there; infinite or NaN for NaN and infinity
  double got = 0, want = 0, allowed = 0;
};

// Compares element by element; `got` is any contiguous range of float (or double).
template <std::ranges::contiguous_range Got>
BoundReport compare(const Got& got, std::span<const Exact> want, int64_t terms) {
  using T = std::ranges::range_value_t<Got>;
  using Limits = std::numeric_limits<T>;
  BoundReport report;
  for (size_t i = 0; i < want.size(); ++i) {
    const double g = static_cast<double>(std::ranges::data(got)[i]);
    const double w = want[i].value;
    const double allowed = bound_k(terms) * Limits::epsilon() * want[i].magnitude +
                           static_cast<double>(terms) * Limits::denorm_min();
    const double diff = g == w ? 0 : std::abs(g - w);  // g == w: equal infinities
    const bool ok = diff == 0 || (std::isfinite(allowed) && diff <= allowed);
    const double used = diff == 0 ? 0 : diff / allowed;
    // Among failures the first is kept unless a later one is larger; NaN counts as largest.
    const bool larger = !(used <= report.used) && !std::isnan(report.used);
    if (report.worst < 0 || (report.ok && !ok) || (ok == report.ok && larger)) {
      report = {report.ok && ok, static_cast<int64_t>(i), used, g, w, allowed};
    }
  }
  return report;
}

// EXPECT_TRUE(within_bound(got, want, terms)); the text of a failure names the worst element.
template <std::ranges::contiguous_range Got>
::testing::AssertionResult within_bound(const Got& got, std::span<const Exact> want,
                                        int64_t terms) {
  if (std::ranges::size(got) != want.size()) {
    return ::testing::AssertionFailure()
           << "got " << std::ranges::size(got) << " elements, expected " << want.size();
  }
  const BoundReport r = compare(got, want, terms);
  return (r.ok ? ::testing::AssertionSuccess() : ::testing::AssertionFailure())
         << "worst element " << r.worst << ": got " << r.got << ", expected " << r.want
         << ", allowed +-" << r.allowed << ", " << 100 * r.used << " % of the bound used";
}

// d f / d x[i] by central differences of a function in double. With h = 1e-4 max(1, |x|) the error
// is about h^2 / 6 |f'''| + 1e-12 |f|, so 1e-7 of the size of f's terms is a safe bound for a
// smooth f.
inline double central_difference(const std::function<double(std::span<const double>)>& f,
                                 std::vector<double> x, size_t i) {
  const double x0 = x[i];
  const double h = 1e-4 * std::max(1.0, std::abs(x0));
  x[i] = x0 + h;
  const double above = f(x);
  x[i] = x0 - h;
  const double below = f(x);
  return (above - below) / (2 * h);
}

// Floats of both signs whose sizes span three decades, so that a term that is lost, doubled or
// taken from the wrong place shows.
inline std::vector<float> test_floats(int64_t n, uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::uniform_real_distribution<float> decade(-2, 1);
  std::vector<float> x(static_cast<size_t>(n));
  for (float& v : x) v = normal(random) * std::pow(10.0f, decade(random));
  return x;
}

}  // namespace hotrow::test
