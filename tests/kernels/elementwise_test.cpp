#include "kernels/elementwise.h"

#include <gtest/gtest.h>

#include <string>

#include "kernels/core/check.h"
#include "kernels/core/parallel.h"
#include "tests/reference/elementwise_ref.h"
#include "tests/support/bounds.h"
#include "tests/support/error_text.h"
#include "tests/support/instruction_sets.h"

namespace hotrow {
namespace {

constexpr int64_t kSizes[] = {0, 1, 3, 16, 37, 1000, 70001};

using Floats = std::vector<float>;

std::vector<test::Exact> expect_each(const Floats& a, const Floats& b, const Floats& before,
                                     bool accumulate) {
  std::vector<test::Exact> want;
  for (size_t i = 0; i < a.size(); ++i) {
    want.push_back(reference::multiply_add(a[i], b[i], before[i], accumulate));
  }
  return want;
}

void check_all(int64_t n) {
  const CpuStream s;
  const Floats a = test::test_floats(n, 1), b = test::test_floats(n, 2);
  const Floats before = test::test_floats(n, 3), ones(a.size(), 1.0f);
  Floats out = before;
  copy(out.data(), a.data(), n, false, s);
  EXPECT_EQ(out, a);
  out = before;
  copy(out.data(), a.data(), n, true, s);
  EXPECT_TRUE(test::within_bound(out, expect_each(a, ones, before, true), 1));
  out = before;
  add(out.data(), a.data(), b.data(), n, s);
  EXPECT_TRUE(test::within_bound(out, expect_each(a, ones, b, true), 1));
  out = before;
  multiply(out.data(), a.data(), b.data(), n, s);
  EXPECT_TRUE(test::within_bound(out, expect_each(a, b, before, false), 1));
  out = a;
  multiply(out.data(), out.data(), b.data(), n, s);
  EXPECT_TRUE(test::within_bound(out, expect_each(a, b, before, false), 1)) << "in place";
  out = b;
  add(out.data(), a.data(), out.data(), n, s);
  EXPECT_TRUE(test::within_bound(out, expect_each(a, ones, b, true), 1)) << "in place";
}

void check_backward(int64_t n, bool accumulate_da, bool accumulate_db) {
  const Floats dout = test::test_floats(n, 4), a = test::test_floats(n, 5);
  const Floats b = test::test_floats(n, 6);
  const Floats da0 = test::test_floats(n, 7), db0 = test::test_floats(n, 8);
  Floats da = da0, db = db0;
  const auto want =
      reference::multiply_backward(dout, a, b, da0, accumulate_da, db0, accumulate_db);
  multiply_backward({da.data(), accumulate_da, db.data(), accumulate_db}, dout.data(), a.data(),
                    b.data(), n, CpuStream{});
  EXPECT_TRUE(test::within_bound(da, want.da, 2));
  EXPECT_TRUE(test::within_bound(db, want.db, 2));
}

TEST(Elementwise, MatchesDoubleWithEveryInstructionSet) {
  test::for_each_instruction_set([&] {
    for (int64_t n : kSizes) {
      check_all(n);
      for (int flags = 0; flags < 4; ++flags) check_backward(n, flags & 1, flags & 2);
    }
  });
}

TEST(Elementwise, ReferenceGradientMatchesCentralDifferences) {
  const Floats dout = test::test_floats(5, 4), a = test::test_floats(5, 5);
  const Floats b = test::test_floats(5, 6);
  const auto want = reference::multiply_backward(dout, a, b, a, false, b, false);
  std::vector<double> x(a.begin(), a.end());
  x.insert(x.end(), b.begin(), b.end());
  const auto f = [&](std::span<const double> v) {
    double sum = 0;
    for (size_t i = 0; i < 5; ++i) sum += dout[i] * v[i] * v[5 + i];
    return sum;
  };
  double size = 0;
  for (size_t i = 0; i < 5; ++i) size += std::abs(dout[i] * x[i] * x[5 + i]);
  for (size_t i = 0; i < 5; ++i) {
    EXPECT_NEAR(want.da[i].value, test::central_difference(f, x, i), 1e-7 * size);
    EXPECT_NEAR(want.db[i].value, test::central_difference(f, x, 5 + i), 1e-7 * size);
  }
}

TEST(Elementwise, GradientOfASquareAddsBothHalves) {
  const float dout[] = {2, 3, 5}, a[] = {7, 11, 13};
  float da[] = {0, 0, 0};
  multiply_backward({da, false, da, true}, dout, a, a, 3, CpuStream{});
  EXPECT_EQ((Floats{da, da + 3}), (Floats{28, 66, 130}));
}

TEST(Elementwise, NullGradientIsSkipped) {
  const float dout[] = {2}, a[] = {7}, b[] = {11};
  float d = 1;
  multiply_backward({nullptr, false, &d, false}, dout, a, b, 1, CpuStream{});
  EXPECT_EQ(d, 14);
  multiply_backward({&d, false, nullptr, false}, dout, a, b, 1, CpuStream{});
  EXPECT_EQ(d, 22);
}

TEST(Elementwise, BitsDoNotDependOnThreads) {
  const int64_t n = 200003;
  const Floats a = test::test_floats(n, 1), b = test::test_floats(n, 2);
  Floats one = a;
  multiply_backward({one.data(), true, nullptr, false}, a.data(), b.data(), b.data(), n,
                    CpuStream{});
  for (int threads : {2, 3, 8}) {
    set_num_threads(threads);
    Floats many = a;
    multiply_backward({many.data(), true, nullptr, false}, a.data(), b.data(), b.data(), n,
                      CpuStream{});
    EXPECT_EQ(one, many) << threads;
  }
  set_num_threads(1);
}

TEST(Elementwise, RejectsANegativeSize) {
  float x = 0;
  const CpuStream s;
  EXPECT_EQ(test::error_text([&] { copy(&x, &x, -1, false, s); }),
            "[copy] bad number of elements: got -1, expected >= 0");
  EXPECT_EQ(test::error_text([&] { add(&x, &x, &x, -2, s); }),
            "[add] bad number of elements: got -2, expected >= 0");
  EXPECT_EQ(test::error_text([&] { multiply(&x, &x, &x, -3, s); }),
            "[multiply] bad number of elements: got -3, expected >= 0");
  EXPECT_EQ(test::error_text([&] {
              multiply_backward({&x, false, &x, true}, &x, &x, &x, -4, s);
            }),
            "[multiply backward] bad number of elements: got -4, expected >= 0");
}

}  // namespace
}  // namespace hotrow
