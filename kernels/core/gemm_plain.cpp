// The product of a build without oneDNN: register tiles over packed panels, small enough to read.
#include <algorithm>
#include <map>
#include <memory>
#include <mutex>

#include "kernels/core/check.h"
#include "kernels/core/gemm.h"

// Tiles of vectors are arrays, which vectors without a fixed size cannot form.
#define HWY_DISABLED_TARGETS (HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/core/gemm_plain.cpp"
#include <hwy/foreach_target.h>
// After foreach_target.h.
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace hotrow {
namespace HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

constexpr int64_t kDepth = 192;    // of k a panel: 2 vectors x 192 floats lie in L1
constexpr int64_t kTile = 6;       // rows of C in registers
constexpr int64_t kMaxPanel = 32;  // columns of C in registers: two of the widest vectors

// rows x (2 vectors) of C over `depth` of k. `panel` holds B as (depth, 2 vectors), zero-padded.
template <int64_t kRows, class D>
void tile(D d, float* sums, const float* a, const GemmShape& s, const float* panel, int64_t depth) {
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  hn::Vec<D> low[kRows], high[kRows];
  for (int64_t i = 0; i < kRows; ++i) low[i] = high[i] = hn::Zero(d);
  for (int64_t p = 0; p < depth; ++p) {
    const auto b0 = hn::LoadU(d, panel + p * 2 * lanes);
    const auto b1 = hn::LoadU(d, panel + p * 2 * lanes + lanes);
    for (int64_t i = 0; i < kRows; ++i) {
      const auto x = hn::Set(d, a[i * s.a_row_stride + p * s.a_col_stride]);
      low[i] = hn::MulAdd(x, b0, low[i]);
      high[i] = hn::MulAdd(x, b1, high[i]);
    }
  }
  for (int64_t i = 0; i < kRows; ++i) {
    hn::StoreU(low[i], d, sums + i * kMaxPanel);
    hn::StoreU(high[i], d, sums + i * kMaxPanel + lanes);
  }
}

struct Operands {
  float* c;
  const float *a, *b, *bias;
};

// One panel of columns [j, j + cols), k in [p0, p0 + depth).
void panel_product(const GemmShape& s, const Operands& o, int64_t j, int64_t cols, int64_t p0,
                   int64_t depth) {
  const hn::CappedTag<float, kMaxPanel / 2> d;
  const int64_t width = 2 * static_cast<int64_t>(hn::Lanes(d));
  alignas(64) float panel[kDepth * kMaxPanel];
  for (int64_t p = 0; p < depth; ++p) {
    for (int64_t q = 0; q < width; ++q) {
      panel[p * width + q] =
          q < cols ? o.b[(p0 + p) * s.b_row_stride + (j + q) * s.b_col_stride] : 0.0f;
    }
  }
  const bool first = p0 == 0, last = p0 + depth == s.k;
  alignas(64) float sums[kTile * kMaxPanel];
  for (int64_t i = 0; i < s.m; i += kTile) {
    const int64_t rows = std::min(kTile, s.m - i);
    const float* a = o.a + i * s.a_row_stride + p0 * s.a_col_stride;
    if (rows == kTile) {
      tile<kTile>(d, sums, a, s, panel, depth);
    } else {
      for (int64_t r = 0; r < rows; ++r) {
        tile<1>(d, sums + r * kMaxPanel, a + r * s.a_row_stride, s, panel, depth);
      }
    }
    for (int64_t r = 0; r < rows; ++r) {
      float* c = o.c + (i + r) * s.c_row_stride + j;
      for (int64_t q = 0; q < cols; ++q) {
        float value = sums[r * kMaxPanel + q] + (first && !s.accumulate ? 0.0f : c[q]);
        if (last && s.has_bias) value += o.bias[j + q];
        c[q] = last && s.relu ? std::max(value, 0.0f) : value;
      }
    }
  }
}

void product(const GemmShape& s, float* c, const float* a, const float* b, const float* bias) {
  const hn::CappedTag<float, kMaxPanel / 2> d;
  const int64_t width = 2 * static_cast<int64_t>(hn::Lanes(d));
  for (int64_t p = 0; p < s.k; p += kDepth) {
    for (int64_t j = 0; j < s.n; j += width) {
      panel_product(s, {c, a, b, bias}, j, std::min(width, s.n - j), p, std::min(kDepth, s.k - p));
    }
  }
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace hotrow
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hotrow {
namespace {

HWY_EXPORT(product);

class PlainGemm final : public Gemm {
 public:
  explicit PlainGemm(const GemmShape& shape) : shape_(shape) {}
  void run(float* c, const float* a, const float* b, const float* bias) const override {
    HWY_DYNAMIC_DISPATCH(product)(shape_, c, a, b, bias);
  }

 private:
  GemmShape shape_;
};

}  // namespace

const Gemm& prepare_gemm(const GemmShape& shape) {
  require(shape.m > 0 && shape.n > 0 && shape.k > 0,
          "[gemm] empty product: got m={} n={} k={}, expected at least 1 each", shape.m, shape.n,
          shape.k);
  static std::mutex mutex;
  static std::map<GemmShape, std::unique_ptr<PlainGemm>> kernels;
  const std::lock_guard lock(mutex);
  std::unique_ptr<PlainGemm>& kernel = kernels[shape];
  if (!kernel) kernel = std::make_unique<PlainGemm>(shape);
  return *kernel;
}

std::string gemm_backend() { return "plain"; }

}  // namespace hotrow
#endif  // HWY_ONCE
