#include <algorithm>
#include <cmath>
#include <cstdint>

#include "kernels/embedding_entries_cpu.h"

// As kernels/embedding_bag_cpu.cpp, and for the same reasons.
#define HWY_DISABLED_TARGETS \
  (HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV | HWY_SSSE3 | HWY_SSE4 | HWY_AVX3_DL)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/embedding_apply_cpu.cpp"
#include <hwy/foreach_target.h>
// After foreach_target.h.
#include <hwy/highway.h>

#include "kernels/embedding_rounding_cpu-inl.h"
#include "kernels/embedding_rows_cpu-inl.h"

HWY_BEFORE_NAMESPACE();
namespace hotrow {
namespace HWY_NAMESPACE {
namespace {

constexpr int64_t kChunk = 64;     // occurrences a partial sum, part of the contract
constexpr int64_t kBlock = kFold;  // columns of a row in flight

HWY_INLINE const float* gradient(const RowTarget& t, uint32_t bag) {
  return t.dout + bag * t.dout_stride;
}

template <class P>
HWY_INLINE void add_occurrence(P& sum, const PlainEntry&, const float* dout) {
  sum.add(dout);
}
template <class P>
HWY_INLINE void add_occurrence(P& sum, const ScaledEntry& entry, const float* dout) {
  sum.add_scaled(entry.coefficient, dout);
}

// g[0 .. width) = the gradient of the run's row in columns [column, column + width).
template <class Entry>
HWY_INLINE void sum_run(float* g, const RowTarget& t, const Entry* run, int64_t n, int64_t column,
                        int64_t width) {
  for (int64_t begin = 0; begin < n; begin += kChunk) {
    const int64_t end = std::min(n, begin + kChunk);
    for_each_piece(width, [&](auto piece, int64_t c) HWY_ATTR {
      Piece<piece()> sum;
      sum.clear();
      for (int64_t i = begin; i < end; ++i) {
        add_occurrence(sum, run[i], gradient(t, run[i].bag) + column + c);
      }
      if (begin > 0) sum.add(g + c);
      sum.store(g + c);
    });
  }
}

HWY_INLINE void apply_sgd(float* w, const float* g, int64_t width, float rate) {
  for_each_vector(width, [&](auto d, int64_t c) HWY_ATTR {
    const auto step = hn::Set(d, rate);
    hn::StoreU(hn::NegMulAdd(step, hn::LoadU(d, g + c), hn::LoadU(d, w + c)), d, w + c);
  });
}

HWY_INLINE void apply_adagrad(float* w, float* s, const float* g, int64_t width,
                              const UpdateConstants& rule) {
  for_each_vector(width, [&](auto d, int64_t c) HWY_ATTR {
    const auto grad = hn::LoadU(d, g + c);
    const auto sum = hn::MulAdd(grad, grad, hn::LoadU(d, s + c));
    const auto step = hn::Div(grad, hn::Add(hn::Sqrt(sum), hn::Set(d, rule.eps)));
    hn::StoreU(sum, d, s + c);
    hn::StoreU(hn::NegMulAdd(hn::Set(d, rule.table_rate), step, hn::LoadU(d, w + c)), d, w + c);
  });
}

HWY_INLINE void apply_adam(float* w, float* m, float* v, const float* g, int64_t width,
                           const UpdateConstants& rule) {
  for_each_vector(width, [&](auto d, int64_t c) HWY_ATTR {
    const auto grad = hn::LoadU(d, g + c);
    const auto old_mean = hn::LoadU(d, m + c);
    const auto old_square = hn::LoadU(d, v + c);
    const auto mean = hn::MulAdd(hn::Set(d, rule.blend1), hn::Sub(grad, old_mean), old_mean);
    const auto square =
        hn::MulAdd(hn::Set(d, rule.blend2), hn::MulSub(grad, grad, old_square), old_square);
    const auto step = hn::Div(mean, hn::Add(hn::Sqrt(square), hn::Set(d, rule.eps)));
    hn::StoreU(mean, d, m + c);
    hn::StoreU(square, d, v + c);
    hn::StoreU(hn::NegMulAdd(hn::Set(d, rule.table_rate), step, hn::LoadU(d, w + c)), d, w + c);
  });
}

// Adds the mean square of the row's gradient to its state; returns the row's own learning rate. `g`
// holds the last block of the gradient afterwards.
template <class Entry>
HWY_INLINE float rowwise_rate(float* g, const RowTarget& t, const Entry* run, int64_t n,
                              int64_t dim) {
  float squares = 0;
  for (int64_t column = 0; column < dim; column += kBlock) {
    const int64_t width = std::min(kBlock, dim - column);
    sum_run(g, t, run, n, column, width);
    squares += dot(g, g, width);
  }
  float& state = t.state[run->row];
  state += squares / static_cast<float>(dim);
  return t.rule.constants.table_rate / (std::sqrt(state) + t.rule.constants.eps);
}

// Applies the rule to w[0 .. width), elements `at`, `at` + 1, ... of the table.
HWY_INLINE void apply_rule(const RowTarget& t, float* w, const float* g, int64_t at, int64_t width,
                           float rate) {
  switch (t.rule.kind) {
    case UpdateKind::kSgd:
    case UpdateKind::kRowwiseAdagrad:
      return apply_sgd(w, g, width, rate);
    case UpdateKind::kAdagrad:
      return apply_adagrad(w, t.state + at, g, width, t.rule.constants);
    case UpdateKind::kAdam:
      return apply_adam(w, t.state + at, t.state + t.rows.size() + at, g, width, t.rule.constants);
  }
}

template <TableType kType, class Entry>
HWY_INLINE void update_row(const RowTarget& t, const Entry* run, int64_t n, int64_t dim) {
  alignas(64) float g[kBlock];
  const bool rowwise = t.rule.kind == UpdateKind::kRowwiseAdagrad;
  const float rate = rowwise ? rowwise_rate(g, t, run, n, dim) : t.rule.constants.table_rate;
  for (int64_t column = 0; column < dim; column += kBlock) {
    const int64_t width = std::min(kBlock, dim - column);
    // A row of one block is still in g after rowwise_rate.
    if (!rowwise || dim > kBlock) sum_run(g, t, run, n, column, width);
    const int64_t at = run->row * dim + column;
    if constexpr (kType == TableType::kFloat32) {
      apply_rule(t, t.rows.as<float>() + at, g, at, width, rate);
    } else {
      alignas(64) float w[kBlock];
      load_block<kType>(w, t.rows, at, width);
      apply_rule(t, w, g, at, width, rate);
      store_block<kType>(t.rows, at, w, width,
                         {t.rounding, t.rule.constants.step, run->row, column});
    }
  }
}

template <TableType kType>
HWY_INLINE void prefetch_entry(const RowTarget& t, uint32_t row, uint32_t bag, int64_t dim) {
  prefetch_row(gradient(t, bag), dim);
  if constexpr (kType == TableType::kFloat32) {
    prefetch_row(t.rows.as<float>() + row * dim, dim);
  } else {
    prefetch_row(t.rows.as<uint16_t>() + row * dim, dim);
    if (kType == TableType::kSplitBf16) prefetch_row(t.rows.low + row * dim, dim);
  }
  switch (t.rule.kind) {
    case UpdateKind::kSgd:
      break;
    case UpdateKind::kRowwiseAdagrad:
      __builtin_prefetch(t.state + row, 0, 2);
      break;
    case UpdateKind::kAdam:
      prefetch_row(t.state + t.rows.size() + row * dim, dim);
      [[fallthrough]];
    case UpdateKind::kAdagrad:
      prefetch_row(t.state + row * dim, dim);
      break;
  }
}

// kDim is D where the compiler shall know it, or 0.
template <TableType kType, int64_t kDim, class Entry>
void apply_runs(const RowTarget& t, const Entry* entries, int64_t n) {
  const int64_t dim = kDim > 0 ? kDim : t.rows.cols();
  const int64_t ahead = rows_ahead<float>(dim);
  int64_t fetched = 0;
  for (int64_t begin = 0, end; begin < n; begin = end) {
    const uint32_t row = entries[begin].row;
    for (end = begin + 1; end < n && entries[end].row == row;) ++end;
    const int64_t fetch_end = std::min(n, std::min(end, begin + kChunk) + ahead);
    for (fetched = std::max(fetched, begin); fetched < fetch_end; ++fetched) {
      prefetch_entry<kType>(t, entries[fetched].row, entries[fetched].bag, dim);
    }
    update_row<kType>(t, entries + begin, end - begin, dim);
  }
}

template <TableType kType, class Entry>
HWY_INLINE void apply_rows(const RowTarget& t, const Entry* entries, int64_t n) {
  switch (t.rows.cols()) {
    case 16:
      return apply_runs<kType, 16>(t, entries, n);
    case 32:
      return apply_runs<kType, 32>(t, entries, n);
    case 64:
      return apply_runs<kType, 64>(t, entries, n);
    case 128:
      return apply_runs<kType, 128>(t, entries, n);
    default:
      return apply_runs<kType, 0>(t, entries, n);
  }
}

template <class Entry>
HWY_INLINE void apply_any(const RowTarget& t, const Entry* entries, int64_t n) {
  switch (t.rows.type) {
    case TableType::kFloat32:
      return apply_rows<TableType::kFloat32>(t, entries, n);
    case TableType::kSplitBf16:
      return apply_rows<TableType::kSplitBf16>(t, entries, n);
    case TableType::kBf16:
      return apply_rows<TableType::kBf16>(t, entries, n);
    case TableType::kFp16:
      return apply_rows<TableType::kFp16>(t, entries, n);
  }
}
void apply_plain(const RowTarget& t, const PlainEntry* entries, int64_t n) {
  apply_any(t, entries, n);
}
void apply_scaled(const RowTarget& t, const ScaledEntry* entries, int64_t n) {
  apply_any(t, entries, n);
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace hotrow
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hotrow {
namespace {
HWY_EXPORT(apply_plain);
HWY_EXPORT(apply_scaled);
}  // namespace

void apply_entries(const RowTarget& target, const PlainEntry* entries, int64_t n) {
  HWY_DYNAMIC_DISPATCH(apply_plain)(target, entries, n);
}
void apply_entries(const RowTarget& target, const ScaledEntry* entries, int64_t n) {
  HWY_DYNAMIC_DISPATCH(apply_scaled)(target, entries, n);
}

}  // namespace hotrow
#endif  // HWY_ONCE
