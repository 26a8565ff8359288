// Copies that land some time between their start and the wait for them. The seed decides when;
// until then their target is poisoned.
#include <cstring>

#include "kernels/core/async.cuh"

namespace hotrow {
namespace cuda_on_host {

void copy_async(void* shared_to, const void* global_from, unsigned bytes) {
  check_shared("the target of an asynchronous copy", shared_to, bytes, bytes);
  check(reinterpret_cast<uintptr_t>(global_from) % bytes == 0,
        "the source of an asynchronous copy of {} bytes is not aligned to them", bytes);
  if (random_bits() % 2 == 0) {
    std::memcpy(shared_to, global_from, bytes);
  } else {
    std::memset(shared_to, 0xFF, bytes);
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

}  // namespace cuda_on_host

void copy_async_commit() {
  auto& [copies, ends] = cuda_on_host::pending_copies();
  ends.push_back(copies.size());
}

}  // namespace hotrow
