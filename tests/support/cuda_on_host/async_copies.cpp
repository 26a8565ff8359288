// Copies that land some time between their start and the wait for them. The seed decides when;
// until then their target is poisoned.
#include <bit>
#include <cstring>

#include "kernels/core/async.cuh"

namespace hotrow {
namespace cuda_on_host {
namespace {

// What the 64 bits of a Barrier hold.
struct Phase {
  uint32_t arrivals : 15;  // that end a phase
  uint32_t pending : 15;   // of them still missing
  uint32_t parity : 1;     // of the phase under way
  uint32_t unused : 1;
  int32_t bytes;  // expected and not landed; below 0 where they landed before they were expected
};
constexpr unsigned kMaxArrivals = 1024;
constexpr unsigned kMaxBytes = 1u << 20;

Phase read(const Barrier* barrier) {
  check_shared("a barrier", barrier, sizeof(Barrier), alignof(Barrier));
  const auto phase = std::bit_cast<Phase>(barrier->word);
  check(phase.arrivals > 0 && phase.arrivals <= kMaxArrivals,
        "a barrier is used before barrier_init has made it one");
  return phase;
}

void write(Barrier* barrier, Phase phase) {
  const bool ends = phase.pending == 0 && phase.bytes == 0;
  if (ends) {
    phase.pending = phase.arrivals;
    phase.parity ^= 1;
  }
  barrier->word = std::bit_cast<uint64_t>(phase);
  if (ends) release(barrier);
}

void land(void* to, const void* from, unsigned bytes, Barrier* barrier) {
  std::memcpy(to, from, bytes);
  auto phase = std::bit_cast<Phase>(barrier->word);
  phase.bytes -= static_cast<int32_t>(bytes);
  write(barrier, phase);
}

bool lands_now() { return random_bits() % 2 == 0; }
void poison(void* p, unsigned bytes) { std::memset(p, 0xFF, bytes); }

}  // namespace

void copy_async(void* shared_to, const void* global_from, unsigned bytes) {
  check_shared("the target of an asynchronous copy", shared_to, bytes, bytes);
  check(reinterpret_cast<uintptr_t>(global_from) % bytes == 0,
        "the source of an asynchronous copy of {} bytes is not aligned to them", bytes);
  if (lands_now()) {
    std::memcpy(shared_to, global_from, bytes);
  } else {
    poison(shared_to, bytes);
    pending_copies().copies.push_back({shared_to, global_from, bytes});
  }
}

void copy_async_wait(int groups) {
  auto& [copies, ends] = pending_copies();
  if (ends.size() <= static_cast<size_t>(groups)) return;
  const auto done = ends.end() - groups;
  const auto landing = static_cast<ptrdiff_t>(*(done - 1));
  for (auto copy = copies.begin(); copy != copies.begin() + landing; ++copy) {
    std::memcpy(copy->to, copy->from, copy->bytes);
  }
  copies.erase(copies.begin(), copies.begin() + landing);
  ends.erase(ends.begin(), done);
  for (size_t& end : ends) end -= static_cast<size_t>(landing);
}

void barrier_wait(Barrier* barrier, unsigned parity, Where where) {
  check(parity <= 1, "barrier_wait for a phase of parity {}, expected 0 or 1", parity);
  while (read(barrier).parity == parity) wait_for(barrier, "barrier_wait", where);
}

}  // namespace cuda_on_host

void copy_async_commit() {
  auto& [copies, ends] = cuda_on_host::pending_copies();
  ends.push_back(copies.size());
}

void barrier_init(Barrier* barrier, int arrivals) {
  using namespace cuda_on_host;
  check_shared("a barrier", barrier, sizeof(Barrier), alignof(Barrier));
  check(arrivals > 0 && static_cast<unsigned>(arrivals) <= kMaxArrivals,
        "barrier_init for {} arrivals, expected 1 to {}", arrivals, kMaxArrivals);
  const auto count = static_cast<uint32_t>(arrivals);
  barrier->word = std::bit_cast<uint64_t>(Phase{count, count, 0, 0, 0});
}

void barrier_expect(Barrier* barrier, unsigned bytes) {
  using namespace cuda_on_host;
  Phase phase = read(barrier);
  check(bytes < kMaxBytes, "barrier_expect of {} bytes, expected less than {}", bytes, kMaxBytes);
  check(phase.pending > 0, "more arrivals at a barrier in one phase than the {} it is made for",
        uint32_t{phase.arrivals});
  --phase.pending;
  phase.bytes += static_cast<int32_t>(bytes);
  write(barrier, phase);
}

void bulk_copy(void* shared_to, const void* global_from, unsigned bytes, Barrier* barrier) {
  using namespace cuda_on_host;
  check(bytes % 16 == 0 && bytes > 0 && bytes < kMaxBytes,
        "bulk_copy of {} bytes, expected a multiple of 16 below {}", bytes, kMaxBytes);
  check_shared("the target of a bulk copy", shared_to, bytes, 16);
  check(reinterpret_cast<uintptr_t>(global_from) % 16 == 0,
        "the source of a bulk copy is not aligned to 16 bytes");
  read(barrier);
  if (lands_now()) return land(shared_to, global_from, bytes, barrier);
  poison(shared_to, bytes);
  run_later([=] { land(shared_to, global_from, bytes, barrier); });
}

}  // namespace hotrow
