#include <algorithm>
#include <atomic>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "kernels/argument_checks.h"
#include "kernels/core/parallel.h"
#include "kernels/sparse_route.h"

namespace hotrow {
namespace {

constexpr int64_t kIdsPerTask = 32768;  // 256 KB of 64-bit ids

// Calls find(range), which returns a position in the range or -1, for all of [0, n) in parallel;
// returns the smallest position found, or -1.
template <class Find>
int64_t find_first(int64_t n, Find find) {
  std::atomic<int64_t> first{n};
  const int64_t tasks = ceil_div(n, kIdsPerTask);
  parallel_for(tasks, [&](int64_t task) {
    const int64_t found = find(part(n, tasks, task));
    int64_t seen = first.load(std::memory_order_relaxed);
    while (found >= 0 && found < seen &&
           !first.compare_exchange_weak(seen, found, std::memory_order_relaxed)) {
    }
  });
  const int64_t found = first.load(std::memory_order_relaxed);
  return found < n ? found : -1;
}

// The sign bit of outside(id, last) is set unless 0 <= id <= last. Unsigned arithmetic wraps, and
// every vector unit has it for 64 bits, where a compare is missing from the oldest.
template <class Id>
std::make_unsigned_t<Id> outside(Id id, Id last) {
  using Bits = std::make_unsigned_t<Id>;
  return static_cast<Bits>(id) | (static_cast<Bits>(last) - static_cast<Bits>(id));
}

template <class Id>
bool is_outside(std::make_unsigned_t<Id> bits) {
  return static_cast<Id>(bits) < 0;
}

// The largest good id as an Id; -1 for an empty table.
template <class Id>
Id last_row(int64_t rows) {
  return static_cast<Id>(std::min<int64_t>(rows - 1, std::numeric_limits<Id>::max()));
}

}  // namespace

// Both loops only gather whether anything is wrong, so that they have no branch; where it stands is
// looked up then.
template <class Out, class In>
int64_t copy_ids(Out* out, const In* ids, int64_t n, int64_t rows, CpuStream) {
  check_holds<Out>("copy_ids", rows - 1);
  const In last = last_row<In>(rows);
  return find_first(n, [=](Range range) {
    std::make_unsigned_t<In> bits = 0;
    for (int64_t i = range.begin; i < range.end; ++i) {
      bits |= outside(ids[i], last);
      out[i] = static_cast<Out>(ids[i]);
    }
    if (!is_outside<In>(bits)) return int64_t{-1};
    const auto bad = [=](In id) { return is_outside<In>(outside(id, last)); };
    return std::find_if(ids + range.begin, ids + range.end, bad) - ids;
  });
}

template <class Out, class In>
int64_t copy_offsets(Out* out, const In* offsets, int64_t bags, int64_t num_ids, CpuStream) {
  check_holds<Out>("copy_offsets", num_ids);
  if (offsets[0] != 0) return 0;
  out[0] = 0;
  const In last = last_row<In>(num_ids + 1);
  const int64_t bad = find_first(bags, [=](Range range) {
    using Bits = std::make_unsigned_t<In>;
    Bits bits = 0;
    for (int64_t b = range.begin; b < range.end; ++b) {
      // The sign of the difference is right where both are in [0, last].
      bits |= outside(offsets[b + 1], last) |
              (static_cast<Bits>(offsets[b + 1]) - static_cast<Bits>(offsets[b]));
      out[b + 1] = static_cast<Out>(offsets[b + 1]);
    }
    if (!is_outside<In>(bits)) return int64_t{-1};
    int64_t b = range.begin;
    while (b < range.end && offsets[b + 1] >= offsets[b] && offsets[b + 1] <= last) ++b;
    return b < range.end ? b + 1 : int64_t{-1};  // -1: a bad offset of the range before
  });
  if (bad >= 0) return bad;
  return offsets[bags] == num_ids ? -1 : bags;
}

template <class Id>
void quotient_remainder(Id* quotient, Id* remainder, const Id* ids, int64_t n, Id collisions,
                        CpuStream) {
  check_collisions(collisions);
  const int64_t tasks = ceil_div(n, kIdsPerTask);
  parallel_for(tasks, [=](int64_t task) {
    const Range range = part(n, tasks, task);
    for (int64_t i = range.begin; i < range.end; ++i) {
      quotient[i] = ids[i] / collisions;
      remainder[i] = ids[i] - quotient[i] * collisions;
    }
  });
}

#define HOTROW_INSTANTIATE(Id)                                                     \
  template int64_t copy_ids(int32_t*, const Id*, int64_t, int64_t, CpuStream);     \
  template int64_t copy_ids(int64_t*, const Id*, int64_t, int64_t, CpuStream);     \
  template int64_t copy_offsets(int32_t*, const Id*, int64_t, int64_t, CpuStream); \
  template int64_t copy_offsets(int64_t*, const Id*, int64_t, int64_t, CpuStream); \
  template void quotient_remainder(Id*, Id*, const Id*, int64_t, Id, CpuStream);
HOTROW_INSTANTIATE(int32_t)
HOTROW_INSTANTIATE(int64_t)
#undef HOTROW_INSTANTIATE

}  // namespace hotrow
