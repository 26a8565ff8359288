#include "kernels/core/gemm.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

#include "kernels/core/check.h"
#include "kernels/core/parallel.h"
#include "tests/support/bounds.h"

namespace hotrow {
namespace {
using test::Exact;

// A product with every freedom of GemmShape; C's rows have a gap of 3 that must stay.
struct Problem {
  static constexpr int64_t kGap = 3;
  static constexpr float kUntouched = 12345.0f;

  GemmShape s;
  std::vector<float> a, b, c, bias;

  Problem(int64_t m, int64_t n, int64_t k, bool transposed_a, bool transposed_b) {
    s = {.m = m, .n = n, .k = k};
    s.a_row_stride = transposed_a ? 1 : k + 2;
    s.a_col_stride = transposed_a ? m + 1 : 1;
    s.b_row_stride = transposed_b ? 1 : n + 5;
    s.b_col_stride = transposed_b ? k + 4 : 1;
    s.c_row_stride = n + kGap;
    a = test::test_floats((m + 1) * (k + 2), 1);
    b = test::test_floats((n + 5) * (k + 4), 2);
    bias = test::test_floats(n, 3);
    c = test::test_floats(m * s.c_row_stride, 4);
    for (int64_t i = 0; i < m * s.c_row_stride; ++i) {
      if (i % s.c_row_stride >= n) c[static_cast<size_t>(i)] = kUntouched;
    }
  }

  std::vector<Exact> reference() const {
    std::vector<Exact> out;
    for (int64_t i = 0; i < s.m; ++i) {
      for (int64_t j = 0; j < s.c_row_stride; ++j) {
        Exact sum;
        const float before = c[static_cast<size_t>(i * s.c_row_stride + j)];
        if (s.accumulate || j >= s.n) sum.add(before);
        if (j < s.n) {
          for (int64_t p = 0; p < s.k; ++p) {
            sum.add_product(a[static_cast<size_t>(i * s.a_row_stride + p * s.a_col_stride)],
                            b[static_cast<size_t>(p * s.b_row_stride + j * s.b_col_stride)]);
          }
          if (s.has_bias) sum.add(bias[static_cast<size_t>(j)]);
          if (s.relu) sum.value = std::max(sum.value, 0.0);
        } else {
          sum.magnitude = 0;  // the gap, exactly
        }
        out.push_back(sum);
      }
    }
    return out;
  }
  std::vector<float> run() const {
    std::vector<float> out = c;
    prepare_gemm(s).run(out.data(), a.data(), b.data(), bias.data());
    return out;
  }
  std::string name() const {
    return fmt::format("m={} n={} k={} a_row={} b_row={} bias={} relu={} accumulate={}", s.m, s.n,
                       s.k, s.a_row_stride, s.b_row_stride, s.has_bias, s.relu, s.accumulate);
  }
};

TEST(Gemm, EqualsTheReference) {
  int count = 0;
  for (int64_t m : {1, 6, 7, 64}) {
    for (int64_t n : {1, 16, 33, 257}) {
      for (int64_t k : {1, 13, 192, 400}) {
        for (int transposed = 0; transposed < 4; ++transposed) {
          Problem p(m, n, k, transposed & 1, transposed & 2);
          p.s.has_bias = ++count % 2;
          p.s.relu = count % 3 == 0;
          p.s.accumulate = count % 5 == 0;
          EXPECT_TRUE(test::within_bound(p.run(), p.reference(), k + 2)) << p.name();
        }
      }
    }
  }
}

TEST(Gemm, EveryEpilogue) {
  for (int bits = 0; bits < 8; ++bits) {
    Problem p(7, 33, 200, false, true);
    p.s.has_bias = bits & 1;
    p.s.relu = bits & 2;
    p.s.accumulate = bits & 4;
    EXPECT_TRUE(test::within_bound(p.run(), p.reference(), 202)) << p.name();
  }
}

TEST(Gemm, PassesNanOn) {
  for (bool relu : {false, true}) {
    Problem p(7, 33, 13, false, true);
    p.s.relu = relu;
    p.a[static_cast<size_t>(2 * p.s.a_row_stride)] = std::numeric_limits<float>::quiet_NaN();
    const std::vector<float> c = p.run();
    for (int64_t i = 0; i < p.s.m * p.s.c_row_stride; ++i) {
      const bool want = i / p.s.c_row_stride == 2 && i % p.s.c_row_stride < p.s.n;
      EXPECT_EQ(std::isnan(c[static_cast<size_t>(i)]), want) << p.name() << " at " << i;
    }
  }
}

// One kernel serves all workers at once, also those that joined after it was made.
TEST(Gemm, RunsOnAllThreadsAtOnce) {
  Problem p(64, 100, 77, true, false);
  p.s.has_bias = true;
  const std::vector<float> want = p.run();
  set_num_threads(8);
  constexpr int64_t kTasks = 200;
  std::vector<std::vector<float>> results(kTasks, p.c);
  const Gemm& gemm = prepare_gemm(p.s);
  parallel_for(kTasks, [&](int64_t task) {
    gemm.run(results[static_cast<size_t>(task)].data(), p.a.data(), p.b.data(), p.bias.data());
  });
  set_num_threads(1);
  for (const std::vector<float>& result : results) EXPECT_EQ(result, want);
}

TEST(Gemm, IsMadeOnce) {
  const Problem p(5, 4, 3, false, false), q(5, 4, 2, false, false);
  EXPECT_EQ(&prepare_gemm(p.s), &prepare_gemm(p.s));
  EXPECT_NE(&prepare_gemm(p.s), &prepare_gemm(q.s));
}

TEST(Gemm, NamesItsBackend) {
  const std::string name = gemm_backend();
  EXPECT_TRUE(name == "plain" || name.starts_with("oneDNN ")) << name;
}

TEST(Gemm, RejectsAnEmptyProduct) {
  for (int empty = 0; empty < 3; ++empty) {
    GemmShape shape = Problem(2, 3, 4, false, false).s;
    (empty == 0 ? shape.m : empty == 1 ? shape.n : shape.k) = 0;
    try {
      prepare_gemm(shape);
      ADD_FAILURE() << "no error";
    } catch (const InvalidArgument& e) {
      EXPECT_EQ(std::string(e.what()),
                fmt::format("[gemm] empty product: got m={} n={} k={}, expected at least 1 each",
                            shape.m, shape.n, shape.k));
    }
  }
}

}  // namespace
}  // namespace hotrow
