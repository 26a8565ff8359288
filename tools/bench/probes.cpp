#include "tools/bench/probes.h"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tools/bench/probes.cpp"
#include <hwy/foreach_target.h>
// After foreach_target.h.
#include <hwy/cache_control.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace hotrow {
namespace HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

// At most 16 floats, so that rows of one cache line need no remainder.
using Tag = hn::CappedTag<float, 16>;
using Vec = hn::Vec<Tag>;

constexpr int64_t kLineFloats = 16;

int64_t lanes() { return static_cast<int64_t>(hn::Lanes(Tag())); }

float read(const float* from, int64_t n) {
  const Tag d;
  const int64_t step = lanes();
  Vec a = hn::Zero(d), b = a, c = a, e = a;
  for (int64_t i = 0; i < n; i += 4 * step) {
    a = hn::Add(a, hn::Load(d, from + i));
    b = hn::Add(b, hn::Load(d, from + i + step));
    c = hn::Add(c, hn::Load(d, from + i + 2 * step));
    e = hn::Add(e, hn::Load(d, from + i + 3 * step));
  }
  return hn::GetLane(hn::Add(hn::Add(a, b), hn::Add(c, e)));
}

void copy(float* to, const float* from, int64_t n) {
  const Tag d;
  for (int64_t i = 0; i < n; i += lanes()) hn::Store(hn::Load(d, from + i), d, to + i);
}

void stream_copy(float* to, const float* from, int64_t n) {
  const Tag d;
  for (int64_t i = 0; i < n; i += lanes()) hn::Stream(hn::Load(d, from + i), d, to + i);
  hwy::FlushStream();
}

HWY_INLINE float* row(const RandomRows& r, int64_t i) {
  return r.rows + static_cast<int64_t>((r.ids[i] ^ r.salt) & r.mask) * r.width;
}

// Calls body with four rows at a time, so that four sums run side by side.
template <class Body>
HWY_INLINE void for_each_four(const RandomRows& r, const Body& body) {
  for (int64_t i = 0; i < r.count; i += 4) {
    for (int64_t k = i + r.ahead; r.ahead > 0 && k < std::min(i + r.ahead + 4, r.count); ++k) {
      const float* next = row(r, k);
      for (int64_t c = 0; c < r.width; c += kLineFloats) __builtin_prefetch(next + c, 0, 2);
    }
    body(row(r, i), row(r, i + 1), row(r, i + 2), row(r, i + 3));
  }
}

float read_rows(const RandomRows& r) {
  const Tag d;
  Vec sum[4] = {hn::Zero(d), hn::Zero(d), hn::Zero(d), hn::Zero(d)};
  for_each_four(r, [&](const float* a, const float* b, const float* c, const float* e) HWY_ATTR {
    for (int64_t k = 0; k < r.width; k += lanes()) {
      sum[0] = hn::Add(sum[0], hn::Load(d, a + k));
      sum[1] = hn::Add(sum[1], hn::Load(d, b + k));
      sum[2] = hn::Add(sum[2], hn::Load(d, c + k));
      sum[3] = hn::Add(sum[3], hn::Load(d, e + k));
    }
  });
  return hn::GetLane(hn::Add(hn::Add(sum[0], sum[1]), hn::Add(sum[2], sum[3])));
}

void update_rows(const RandomRows& r) {
  const Tag d;
  const Vec one = hn::Set(d, 1.0f);
  for_each_four(r, [&](float* a, float* b, float* c, float* e) HWY_ATTR {
    for (float* to : {a, b, c, e}) {
      for (int64_t k = 0; k < r.width; k += lanes()) {
        hn::Store(hn::Add(hn::Load(d, to + k), one), d, to + k);
      }
    }
  });
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace hotrow
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hotrow {
namespace {

HWY_EXPORT(read);
HWY_EXPORT(copy);
HWY_EXPORT(stream_copy);
HWY_EXPORT(read_rows);
HWY_EXPORT(update_rows);

}  // namespace

float probe_read(const float* from, int64_t n) { return HWY_DYNAMIC_DISPATCH(read)(from, n); }
void probe_copy(float* to, const float* from, int64_t n) {
  HWY_DYNAMIC_DISPATCH(copy)(to, from, n);
}
void probe_stream_copy(float* to, const float* from, int64_t n) {
  HWY_DYNAMIC_DISPATCH(stream_copy)(to, from, n);
}
float probe_read_rows(const RandomRows& r) { return HWY_DYNAMIC_DISPATCH(read_rows)(r); }
void probe_update_rows(const RandomRows& r) { HWY_DYNAMIC_DISPATCH(update_rows)(r); }

}  // namespace hotrow
#endif  // HWY_ONCE
