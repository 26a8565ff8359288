#include "kernels/concat.h"

#include <gtest/gtest.h>

#include <numeric>
#include <string>

#include "kernels/core/check.h"
#include "kernels/core/parallel.h"
#include "tests/reference/concat_ref.h"
#include "tests/support/bounds.h"
#include "tests/support/error_text.h"

namespace hotrow {
namespace {

// Parts whose rows have gaps of different sizes.
struct Problem {
  int64_t B;
  std::vector<int64_t> widths, strides;
  std::vector<std::vector<float>> memory, grads;

  Problem(int64_t B_, std::vector<int64_t> widths_) : B(B_), widths(std::move(widths_)) {
    for (size_t i = 0; i < widths.size(); ++i) {
      strides.push_back(widths[i] + static_cast<int64_t>(i % 3));
      memory.push_back(test::test_floats(B * strides[i], static_cast<uint32_t>(i)));
      grads.push_back(test::test_floats(B * strides[i], static_cast<uint32_t>(50 + i)));
    }
  }
  int64_t cols() const { return std::accumulate(widths.begin(), widths.end(), int64_t{0}); }
  std::vector<Part> parts() const {
    std::vector<Part> list;
    for (size_t i = 0; i < widths.size(); ++i) {
      list.push_back({memory[i].data(), strides[i], widths[i]});
    }
    return list;
  }
  std::vector<PartGrad> part_grads() {
    std::vector<PartGrad> list;
    for (size_t i = 0; i < widths.size(); ++i) {
      list.push_back({grads[i].data(), strides[i], widths[i], i % 2 == 1});
    }
    return list;
  }
  std::vector<float> reference_forward() const {
    std::vector<std::vector<std::vector<float>>> rows(widths.size());
    for (size_t i = 0; i < widths.size(); ++i) {
      for (int64_t b = 0; b < B; ++b) {
        const float* row = memory[i].data() + b * strides[i];
        rows[i].emplace_back(row, row + widths[i]);
      }
    }
    std::vector<float> flat;
    for (const auto& row : reference::concat(rows, static_cast<size_t>(B))) {
      flat.insert(flat.end(), row.begin(), row.end());
    }
    return flat;
  }
};

const std::vector<std::vector<int64_t>> kWidths = {
    {1}, {13}, {1, 1}, {16, 16, 16}, {3, 0, 5}, {64, 13, 1, 128}, {}};

TEST(Concat, ForwardEqualsTheReference) {
  for (const auto& widths : kWidths) {
    for (int64_t B : {0, 1, 7, 500}) {
      const Problem p(B, widths);
      std::vector<float> out(static_cast<size_t>(B * p.cols()));
      concat_forward({out.data(), {B, p.cols()}}, p.parts(), CpuStream{});
      EXPECT_EQ(out, p.reference_forward());
    }
  }
}

// Backward writes or adds what forward would have read, and leaves the gaps between rows alone.
TEST(Concat, BackwardSlices) {
  for (const auto& widths : kWidths) {
    for (int64_t B : {0, 1, 7, 500}) {
      Problem p(B, widths);
      const auto before = p.grads;
      const auto dout = test::test_floats(B * p.cols(), 99);
      concat_backward(p.part_grads(), {dout.data(), {B, p.cols()}}, CpuStream{});
      int64_t first = 0;
      for (size_t i = 0; i < widths.size(); ++i) {
        for (int64_t at = 0; at < B * p.strides[i]; ++at) {
          const int64_t b = at / p.strides[i], c = at % p.strides[i];
          const float old = before[i][static_cast<size_t>(at)];
          float want = old;
          if (c < widths[i]) {
            const float g = dout[static_cast<size_t>(b * p.cols() + first + c)];
            want = i % 2 == 1 ? old + g : g;
          }
          ASSERT_EQ(p.grads[i][static_cast<size_t>(at)], want) << "part " << i << " at " << at;
        }
        first += widths[i];
      }
    }
  }
}

TEST(Concat, BitsDoNotDependOnThreads) {
  const Problem p(3000, {16, 13, 64});
  const auto want = p.reference_forward();
  for (int threads : {1, 2, 3, 8}) {
    set_num_threads(threads);
    std::vector<float> out(want.size());
    concat_forward({out.data(), {p.B, p.cols()}}, p.parts(), CpuStream{});
    EXPECT_EQ(out, want) << threads;
  }
  set_num_threads(1);
}

TEST(Concat, RejectsShapesThatDoNotFit) {
  std::vector<float> m(16);
  const CpuStream s;
  const Matrix out{m.data(), {1, 8}};
  const auto forward = [&](int64_t stride, int64_t width) {
    const Part parts[] = {{m.data(), 4, 4}, {m.data(), stride, width}};
    return test::error_text([&] { concat_forward(out, parts, s); });
  };
  EXPECT_EQ(forward(4, 4), "no error");
  EXPECT_EQ(forward(4, -1), "[concat] bad width of part 1: got -1, expected >= 0");
  EXPECT_EQ(forward(3, 4), "[concat] rows of part 1 overlap: got a stride of 3, expected >= 4");
  EXPECT_EQ(forward(4, 3), "[concat] wrong number of columns: got 8, expected 7");
  const PartGrad grads[] = {{m.data(), 4, 4, false}};
  EXPECT_EQ(test::error_text([&] { concat_backward(grads, out, s); }),
            "[concat backward] wrong number of columns: got 8, expected 4");
}

}  // namespace
}  // namespace hotrow
