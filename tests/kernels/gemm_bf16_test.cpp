#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "kernels/core/gemm.h"
#include "kernels/core/parallel.h"
#include "tests/kernels/gemm_problem.h"
#include "tests/reference/bf16_ref.h"
#include "tests/support/bounds.h"
#include "tests/support/instruction_sets.h"

namespace hotrow {
namespace {
using test::Exact;
using Problem = test::GemmProblem;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

Problem problem(int64_t m, int64_t n, int64_t k, GemmLayout a_layout, bool b_columns) {
  return {m, n, k, a_layout, b_columns, Precision::kBfloat16};
}

TEST(GemmBf16, EqualsTheReferenceOfRoundedFactors) {
  for (int64_t m : {1, 3, 12, 21}) {
    for (int64_t n : {1, 3, 33, 257}) {
      for (int64_t k : {1, 2, 31, 600}) {
        test::expect_all_layouts(m, n, k, Precision::kBfloat16);
      }
    }
  }
}

TEST(GemmBf16, GatesAndTransposes) {
  test::expect_gated(problem(39, 257, 1101, GemmLayout::kPanelsTransposed, false));
}

// All upper halves of a float with lower halves around the ties, times 1: what is left is what
// rounding made of them. Zeros, infinities, NaN and numbers too small for bf16 are among them.
std::vector<float> many_bit_patterns() {
  std::vector<float> values;
  for (uint32_t upper = 0; upper < 0x10000; ++upper) {
    for (const uint32_t lower : {0x0000u, 0x0001u, 0x7FFFu, 0x8000u, 0x8001u, 0xFFFFu}) {
      values.push_back(std::bit_cast<float>(upper << 16 | lower));
    }
  }
  return values;
}

bool is_rounded(float got, float from) {
  const double want = reference::round_to_bf16(from);
  return std::isnan(want) ? std::isnan(got) : static_cast<double>(got) == want;
}

TEST(GemmBf16, RoundsAsTheFormatSays) {
  const std::vector<float> values = many_bit_patterns();
  const auto count = std::ssize(values);
  const std::vector<float> ones(4, 1.0f);
  std::vector<float> c(values.size() * 4);
  const auto check = [&](const Gemm& g, const char* which) {
    test::for_each_instruction_set([&] {
      std::fill(c.begin(), c.end(), kNan);
      gemm(g);
      int64_t wrong = 0;
      for (size_t i = 0; i < values.size(); ++i) {
        const size_t at = g.m == count ? i * static_cast<size_t>(g.n) : i;
        wrong += !is_rounded(c[at], values[i]);
      }
      EXPECT_EQ(wrong, 0) << which;
    });
  };
  Gemm g{.m = count,
         .n = 4,
         .k = 1,
         .c = c.data(),
         .c_stride = 4,
         .a = {values.data(), 1},
         .b = {ones.data(), 4},
         .precision = Precision::kBfloat16};
  check(g, "A by rows");
  g.a = {values.data(), 0, GemmLayout::kPanels};
  check(g, "A by panels");
  g = {.m = 4,
       .n = count,
       .k = 1,
       .c = c.data(),
       .c_stride = count,
       .a = {ones.data(), 1},
       .b = {values.data(), count},
       .precision = Precision::kBfloat16};
  check(g, "B by rows");
  g.b = {values.data(), 1, GemmLayout::kColumns};
  check(g, "B by columns");
  g.m = 1;
  check(g, "few rows");
}

TEST(GemmBf16, PassesNanOn) {
  for (GemmLayout layout : test::kLayoutsOfA) {
    for (int64_t m : {3, 7}) {
      Problem p = problem(m, 33, 13, layout, true);
      p.a[static_cast<size_t>(p.a_index(2, 0))] = kNan;
      const std::vector<float> c = p.run();
      for (int64_t i = 0; i < m * p.g.c_stride; ++i) {
        const bool want = i / p.g.c_stride == 2 && i % p.g.c_stride < p.g.n;
        EXPECT_EQ(std::isnan(c[static_cast<size_t>(i)]), want) << p.name() << " at " << i;
      }
    }
  }
}

// Neither threads nor instruction sets, AVX512-BF16 among them, nor the other rows decide a bit.
TEST(GemmBf16, BitsDependOnTheElementAlone) {
  for (GemmLayout layout : test::kLayoutsOfA) {
    Problem p = problem(300, 100, 1031, layout, layout == GemmLayout::kPanels);
    const std::vector<float> want = p.run();
    for (int threads : {2, 3, 8}) {
      set_num_threads(threads);
      EXPECT_EQ(p.run(), want) << threads;
    }
    set_num_threads(1);
    test::for_each_instruction_set([&] { EXPECT_EQ(p.run(), want) << p.name(); });
    if (layout == GemmLayout::kPanelsTransposed) continue;  // where rows lie depends on their count
    p.g.m = 21;
    p.c.resize(static_cast<size_t>(21 * p.g.c_stride));
    const std::vector<float> fewer = p.run();
    EXPECT_TRUE(std::equal(fewer.begin(), fewer.end(), want.begin()));
  }
}

}  // namespace
}  // namespace hotrow
