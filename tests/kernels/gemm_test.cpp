#include "kernels/core/gemm.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <string>
#include <vector>

#include "kernels/core/check.h"
#include "kernels/core/gemm_panels.h"
#include "kernels/core/parallel.h"
#include "tests/kernels/gemm_problem.h"
#include "tests/support/bounds.h"
#include "tests/support/error_text.h"
#include "tests/support/instruction_sets.h"

namespace hotrow {
namespace {
using test::Exact;
using Problem = test::GemmProblem;

TEST(Gemm, EqualsTheReference) {
  for (int64_t m : {1, 3, 6, 21, 64}) {
    for (int64_t n : {1, 3, 16, 33, 65, 257}) {
      for (int64_t k : {1, 13, 192, 1100}) {
        test::expect_all_layouts(m, n, k, Precision::kFloat32);
      }
    }
  }
}

TEST(Gemm, EveryEpilogue) {
  for (int64_t m : {2, 7}) {
    for (int bits = 0; bits < 8; ++bits) {
      Problem p(m, 33, 600, GemmLayout::kRows, true);
      if (bits & 1) p.g.bias = p.bias.data();
      p.g.relu = bits & 2;
      p.g.accumulate = bits & 4;
      EXPECT_TRUE(test::within_bound(p.run(), p.reference(), 602)) << p.name();
    }
  }
}

TEST(Gemm, GatesAndTransposes) {
  for (int64_t m : {1, 7, 40}) {
    for (int64_t n : {1, 8, 20, 257}) {
      for (int64_t k : {5, 1100}) {
        test::expect_gated({m, n, k, GemmLayout::kPanelsTransposed, false});
        test::expect_gated({m, n, k, GemmLayout::kRows, true});
      }
    }
  }
}

TEST(Gemm, PassesNanOn) {
  for (int64_t m : {3, 7}) {
    for (bool relu : {false, true}) {
      Problem p(m, 33, 13, GemmLayout::kRows, true);
      p.g.relu = relu;
      p.a[static_cast<size_t>(2 * p.g.a.stride)] = std::numeric_limits<float>::quiet_NaN();
      const std::vector<float> c = p.run();
      for (int64_t i = 0; i < m * p.g.c_stride; ++i) {
        const bool want = i / p.g.c_stride == 2 && i % p.g.c_stride < p.g.n;
        EXPECT_EQ(std::isnan(c[static_cast<size_t>(i)]), want) << p.name() << " at " << i;
      }
    }
  }
}

// Neither threads nor instruction sets nor the other rows decide a bit.
TEST(Gemm, BitsDependOnTheElementAlone) {
  const std::pair<GemmLayout, bool> layouts[] = {
      {GemmLayout::kRows, false}, {GemmLayout::kRows, true}, {GemmLayout::kPanels, false}};
  for (const auto& [layout, b_columns] : layouts) {
    Problem p(300, 100, 1030, layout, b_columns);
    const std::vector<float> want = p.run();
    for (int threads : {2, 3, 8}) {
      set_num_threads(threads);
      EXPECT_EQ(p.run(), want) << threads;
    }
    set_num_threads(1);
    test::for_each_fma_instruction_set([&] { EXPECT_EQ(p.run(), want); });
    p.g.m = 21;
    p.c.resize(static_cast<size_t>(21 * p.g.c_stride));
    const std::vector<float> fewer = p.run();
    EXPECT_TRUE(std::equal(fewer.begin(), fewer.end(), want.begin()));
  }
}

TEST(Gemm, PanelsCoverEveryColumnOnce) {
  for (int64_t lanes : {1, 4, 8, 16}) {
    for (int64_t columns = 1; columns < 300; ++columns) {
      const Panels panels(columns, lanes);
      int64_t next = 0;
      for (int64_t i = 0; i < panels.count(); ++i) {
        EXPECT_EQ(panels.at(i).column, next);
        EXPECT_TRUE(panels.at(i).vectors >= 1 && panels.at(i).vectors <= kPanelVectors);
        next += panels.at(i).vectors * lanes;
      }
      EXPECT_TRUE(next >= columns && next < columns + lanes) << columns << " " << lanes;
    }
  }
}

TEST(Gemm, RejectsAGateWithMoreToDo) {
  const float gate[8] = {}, bias[4] = {};
  const auto error = [&](auto change) {
    Problem p(2, 3, 4, GemmLayout::kRows, false);
    p.g.gate = gate;
    change(p.g);
    return test::error_text([&] { gemm(p.g); });
  };
  const char* text =
      "[gemm] got a gate with more to do for C, expected it without accumulate, ReLU and bias";
  EXPECT_EQ(error([](Gemm& g) { g.accumulate = true; }), text);
  EXPECT_EQ(error([](Gemm& g) { g.relu = true; }), text);
  EXPECT_EQ(error([&](Gemm& g) { g.bias = bias; }), text);
}

TEST(Gemm, RejectsAnEmptyProduct) {
  for (int empty = 0; empty < 3; ++empty) {
    Gemm g = Problem(2, 3, 4, GemmLayout::kRows, false).g;
    (empty == 0 ? g.m : empty == 1 ? g.n : g.k) = 0;
    EXPECT_EQ(test::error_text([&] { gemm(g); }),
              fmt::format("[gemm] empty product: got m={} n={} k={}, expected at least 1 each", g.m,
                          g.n, g.k));
  }
}

}  // namespace
}  // namespace hotrow
