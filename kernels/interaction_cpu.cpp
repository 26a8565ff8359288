#include "kernels/interaction.h"

#include <algorithm>

#include "kernels/core/check.h"
#include "kernels/core/parallel.h"
#include "kernels/interaction_shapes.h"

// Tiles of vectors are arrays, which vectors without a fixed size cannot form.
#define HWY_DISABLED_TARGETS (HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/interaction_cpu.cpp"
#include <hwy/foreach_target.h>
// After foreach_target.h.
#include <hwy/highway.h>

#include "kernels/core/lanes-inl.h"

// The inputs of one call, for both passes and all instruction sets.
#ifndef HOTROW_KERNELS_INTERACTION_CPU_ARGS
#define HOTROW_KERNELS_INTERACTION_CPU_ARGS
namespace hotrow {
namespace {

struct InteractionArgs {
  std::span<const Feature> x;
  int64_t D;
  bool self;

  int64_t F() const { return static_cast<int64_t>(x.size()); }
  const float* row(int64_t f, int64_t sample) const { return x[f].data + sample * x[f].stride; }
  // Where the pairs (i, 0), (i, 1), ... start, counted from the first pair.
  int64_t pairs_of(int64_t i) const { return interaction_pairs(i, self); }
};

// The rows of one sample. The addresses of the first ones, usually all, are computed once.
class SampleRows {
 public:
  SampleRows(const InteractionArgs& args, int64_t sample) : args_(args), sample_(sample) {
    const int64_t n = std::min(args.F(), kKept);
    for (int64_t f = 0; f < n; ++f) kept_[f] = args.row(f, sample);
  }
  const float* operator[](int64_t f) const { return f < kKept ? kept_[f] : args_.row(f, sample_); }

 private:
  static constexpr int64_t kKept = 64;
  const InteractionArgs& args_;
  int64_t sample_;
  const float* kept_[kKept];
};

}  // namespace
}  // namespace hotrow
#endif

HWY_BEFORE_NAMESPACE();
namespace hotrow {
namespace HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

using Tag = hn::ScalableTag<float>;
using Vec = hn::Vec<Tag>;

// Rows of a register tile: with four columns it fills 16 or 32 vector registers.
constexpr int kRows = HWY_CAP_GE512 ? 4 : 3;
constexpr int kCols = 4;

#if HWY_TARGET == HWY_SCALAR
HWY_INLINE void store_sums(float* out, Tag, Vec a, Vec b, Vec c, Vec e) {
  out[0] = hn::GetLane(a);
  out[1] = hn::GetLane(b);
  out[2] = hn::GetLane(c);
  out[3] = hn::GetLane(e);
}
#else
// Four lanes: the sum of the 128-bit blocks of v, by halving.
template <class V>
HWY_INLINE auto sum_blocks(V v) {
  const hn::DFromV<V> d;
  if constexpr (hn::MaxLanes(hn::DFromV<V>()) == 4) {
    return v;
  } else {
    const hn::Half<decltype(d)> half;
    return sum_blocks(hn::Add(hn::LowerHalf(half, v), hn::UpperHalf(half, v)));
  }
}

// out = {sum of the lanes of a, of b, of c, of e}: two transposing additions inside 128-bit blocks,
// for far fewer instructions than four sums of lanes.
HWY_INLINE void store_sums(float* out, Tag d, Vec a, Vec b, Vec c, Vec e) {
  const hn::Repartition<uint64_t, Tag> pairs;
  const auto ab =
      hn::BitCast(pairs, hn::Add(hn::InterleaveLower(d, a, b), hn::InterleaveUpper(d, a, b)));
  const auto ce =
      hn::BitCast(pairs, hn::Add(hn::InterleaveLower(d, c, e), hn::InterleaveUpper(d, c, e)));
  const Vec sums = hn::Add(hn::BitCast(d, hn::InterleaveLower(pairs, ab, ce)),
                           hn::BitCast(d, hn::InterleaveUpper(pairs, ab, ce)));
  hn::StoreU(sum_blocks(sums), hn::FixedTag<float, 4>(), out);
}
#endif

// out[r][c] = dot(a[r], b[c]).
HWY_INLINE void dot_tile(float* const (&out)[kRows], const float* const (&a)[kRows],
                         const float* const (&b)[kCols], int64_t D) {
  const Tag d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  Vec sum[kRows][kCols];
#pragma GCC unroll 4
  for (int r = 0; r < kRows; ++r) {
    sum[r][0] = sum[r][1] = sum[r][2] = sum[r][3] = hn::Zero(d);
  }
  const auto step = [&](auto load) HWY_ATTR {
    Vec ar[kRows];
#pragma GCC unroll 4
    for (int r = 0; r < kRows; ++r) ar[r] = load(a[r]);
#pragma GCC unroll 4
    for (int c = 0; c < kCols; ++c) {
      const Vec bc = load(b[c]);
#pragma GCC unroll 4
      for (int r = 0; r < kRows; ++r) sum[r][c] = hn::MulAdd(ar[r], bc, sum[r][c]);
    }
  };
  int64_t k = 0;
  for (; k + lanes <= D; k += lanes) {
    step([&](const float* p) HWY_ATTR { return hn::LoadU(d, p + k); });
  }
  if (k < D) step([&](const float* p) HWY_ATTR { return load_first(d, p + k, D - k); });
#pragma GCC unroll 4
  for (int r = 0; r < kRows; ++r) {
    store_sums(out[r], d, sum[r][0], sum[r][1], sum[r][2], sum[r][3]);
  }
}

// The lower triangle of one sample in tiles. Rows and columns past the last feature repeat it, and
// pairs above the diagonal are computed but not stored.
void forward_sample(float* z, const InteractionArgs& args, int64_t sample) {
  const int64_t F = args.F(), D = args.D, self = args.self;
  const SampleRows rows(args, sample);
  std::copy_n(args.row(0, sample), D, z);
  float tile[kRows][kCols];
  float *in_z[kRows], *out[kRows];
  const float *a[kRows], *b[kCols];
  for (int64_t i0 = 0; i0 < F; i0 += kRows) {
    for (int r = 0; r < kRows; ++r) {
      const int64_t i = std::min(i0 + r, F - 1);
      a[r] = rows[i];
      in_z[r] = z + D + args.pairs_of(i);
    }
    const int64_t i_end = std::min(i0 + kRows, F);
    for (int64_t j0 = 0; j0 < i_end - 1 + self; j0 += kCols) {
#pragma GCC unroll 4
      for (int c = 0; c < kCols; ++c) b[c] = rows[std::min(j0 + c, F - 1)];
      const bool whole = i_end == i0 + kRows && j0 + kCols <= i0 + self;
#pragma GCC unroll 4
      for (int r = 0; r < kRows; ++r) out[r] = whole ? in_z[r] + j0 : tile[r];
      dot_tile(out, a, b, D);
      if (whole) continue;
      for (int64_t r = 0; i0 + r < i_end; ++r) {
        const int64_t below = i0 + r + self - j0;  // columns of this tile that belong to the row
#pragma GCC unroll 4
        for (int c = 0; c < kCols; ++c) {
          if (c < below) in_z[r][j0 + c] = tile[r][c];
        }
      }
    }
  }
}

void forward_samples(Matrix z, const InteractionArgs& args, int64_t begin, int64_t end) {
  for (int64_t b = begin; b < end; ++b) forward_sample(z.row(b), args, b);
}

// One sample's backward pass; rows [i0, i0 + kRows) of dx are made in panels of D.
struct BackwardSample {
  const InteractionArgs& args;
  std::span<const FeatureGrad> dx;
  const float* dz;
  int64_t sample;
  SampleRows rows{args, sample};

  // g of the pairs inside the tile, with 2 g on the diagonal, and 0 for rows past the last feature.
  void diagonal_tile(float (&g)[kRows][kRows], int64_t i0) const {
    const float* pairs = dz + args.D;
    for (int r = 0; r < kRows; ++r) {
      for (int c = 0; c < kRows; ++c) {
        const int64_t i = i0 + std::max(r, c), j = i0 + std::min(r, c);
        const bool exists = i < args.F() && (i != j || args.self);
        g[r][c] = exists ? pairs[args.pairs_of(i) + j] * (i == j ? 2.0f : 1.0f) : 0.0f;
      }
    }
  }

  template <bool kTail>
  static HWY_INLINE Vec load(const float* p, int64_t n) {
    if constexpr (kTail) {
      return load_first(Tag(), p, n);
    } else {
      return hn::LoadU(Tag(), p);
    }
  }

  template <int C, bool kTail>
  HWY_INLINE void write(const Vec (&sum)[kRows][C], int64_t i0, int64_t k, int64_t n) const {
    const Tag d;
    const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
#pragma GCC unroll 4
    for (int r = 0; r < kRows; ++r) {
      if (i0 + r >= args.F()) break;
      const FeatureGrad& grad = dx[i0 + r];
      float* out = grad.data + sample * grad.stride + k;
#pragma GCC unroll 4
      for (int c = 0; c < C; ++c) {
        Vec v = sum[r][c];
        if (grad.accumulate) v = hn::Add(load<kTail>(out + c * lanes, n), v);
        if constexpr (kTail) {
          store_first(v, d, out, n);
        } else {
          hn::StoreU(v, d, out + c * lanes);
        }
      }
    }
  }

  // Columns [k, k + C * lanes) of the tile, or the last n < lanes columns when kTail.
  template <int C, bool kTail>
  HWY_INLINE void panel(int64_t i0, const float (&diagonal)[kRows][kRows], int64_t k,
                        int64_t n) const {
    const Tag d;
    const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
    Vec sum[kRows][C];
#pragma GCC unroll 4
    for (int c = 0; c < C; ++c) {
#pragma GCC unroll 4
      for (int r = 0; r < kRows; ++r) sum[r][c] = hn::Zero(d);
      if (i0 == 0) sum[0][c] = load<kTail>(dz + k + c * lanes, n);
    }
    const auto add = [&](int64_t j, auto g) HWY_ATTR {
      const float* x = rows[j] + k;
      Vec gr[kRows];
#pragma GCC unroll 4
      for (int r = 0; r < kRows; ++r) gr[r] = hn::Set(d, g(r));
#pragma GCC unroll 4
      for (int c = 0; c < C; ++c) {
        const Vec xc = load<kTail>(x + c * lanes, n);
#pragma GCC unroll 4
        for (int r = 0; r < kRows; ++r) sum[r][c] = hn::MulAdd(gr[r], xc, sum[r][c]);
      }
    };
    const int64_t F = args.F(), i_end = std::min(i0 + kRows, F);
    const float* pairs = dz + args.D;
    const float* left[kRows];  // g of row i0 + r and the columns left of the tile
#pragma GCC unroll 4
    for (int r = 0; r < kRows; ++r) left[r] = pairs + args.pairs_of(std::min(i0 + r, F - 1));
    for (int64_t j = 0; j < i0; ++j) add(j, [&](int r) HWY_ATTR { return left[r][j]; });
    for (int64_t j = i0; j < i_end; ++j) {
      add(j, [&](int r) HWY_ATTR { return diagonal[r][j - i0]; });
    }
    for (int64_t j = i_end; j < F; ++j) {
      const float* below = pairs + args.pairs_of(j) + i0;
      add(j, [&](int r) HWY_ATTR { return below[r]; });
    }
    write<C, kTail>(sum, i0, k, n);
  }

  void run() const {
    const int64_t D = args.D, lanes = static_cast<int64_t>(hn::Lanes(Tag()));
    float diagonal[kRows][kRows];
    for (int64_t i0 = 0; i0 < args.F(); i0 += kRows) {
      diagonal_tile(diagonal, i0);
      int64_t k = 0;
      for (; k + 4 * lanes <= D; k += 4 * lanes) panel<4, false>(i0, diagonal, k, 0);
      for (; k + 2 * lanes <= D; k += 2 * lanes) panel<2, false>(i0, diagonal, k, 0);
      for (; k + lanes <= D; k += lanes) panel<1, false>(i0, diagonal, k, 0);
      if (k < D) panel<1, true>(i0, diagonal, k, D - k);
    }
  }
};

void backward_samples(std::span<const FeatureGrad> dx, ConstMatrix dz, const InteractionArgs& args,
                      int64_t begin, int64_t end) {
  for (int64_t b = begin; b < end; ++b) BackwardSample{args, dx, dz.row(b), b}.run();
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace hotrow
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hotrow {
namespace {

HWY_EXPORT(forward_samples);
HWY_EXPORT(backward_samples);

void check_shapes(const char* op, ConstMatrix z, std::span<const Feature> x, int64_t D, bool self) {
  const int64_t F = static_cast<int64_t>(x.size());
  check_interaction_shapes(op, z.cols(), F, D, self);
  for (int64_t f = 0; f < F; ++f) {
    require(x[f].stride >= D, "[{}] rows of feature {} overlap: got a stride of {}, expected >= {}",
            op, f, x[f].stride, D);
  }
}

// Samples a task takes, by shape alone: about 2^19 multiply-adds, tens of microseconds.
int64_t samples_per_task(int64_t F, int64_t D) {
  return std::max<int64_t>(1, (int64_t{1} << 19) / (F * F * D));
}

}  // namespace

void interaction_forward(Matrix z, std::span<const Feature> x, int64_t D, bool self_interaction,
                         CpuStream) {
  check_shapes("interaction", z, x, D, self_interaction);
  const InteractionArgs args{x, D, self_interaction};
  const int64_t B = z.rows(), grain = samples_per_task(args.F(), D);
  parallel_for(ceil_div(B, grain), [&](int64_t task) {
    HWY_DYNAMIC_DISPATCH(forward_samples)
    (z, args, task * grain, std::min(B, (task + 1) * grain));
  });
}

void interaction_backward(std::span<const FeatureGrad> dx, ConstMatrix dz,
                          std::span<const Feature> x, int64_t D, bool self_interaction, CpuStream) {
  check_shapes("interaction backward", dz, x, D, self_interaction);
  check_gradient_count(dx.size(), x.size());
  for (size_t f = 0; f < dx.size(); ++f) {
    require(dx[f].stride >= D,
            "[interaction backward] rows of gradient {} overlap: got a stride of {}, expected >= "
            "{}",
            f, dx[f].stride, D);
  }
  const InteractionArgs args{x, D, self_interaction};
  const int64_t B = dz.rows(), grain = samples_per_task(args.F(), D);
  parallel_for(ceil_div(B, grain), [&](int64_t task) {
    HWY_DYNAMIC_DISPATCH(backward_samples)
    (dx, dz, args, task * grain, std::min(B, (task + 1) * grain));
  });
}

}  // namespace hotrow
#endif  // HWY_ONCE
