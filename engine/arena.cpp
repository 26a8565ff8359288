#include "engine/arena.h"

#include <sys/mman.h>

#include <algorithm>
#include <utility>

#include "kernels/core/check.h"
#include "kernels/core/parallel.h"

namespace hotrow {

Arena::Arena(size_t bytes) : size_(bytes) {
  if (bytes == 0) return;
  void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  require<DeviceError>(memory != MAP_FAILED,
                       "[arena] out of memory: got no room for {} bytes ({:.1f} GiB), expected "
                       "that the system has it",
                       bytes, static_cast<double>(bytes) / (1 << 30));
  constexpr size_t kHugePage = size_t{2} << 20;
  if (bytes >= kHugePage)
    madvise(memory, bytes, MADV_HUGEPAGE);  // a hint: refusal costs only speed
  data_ = static_cast<std::byte*>(memory);
}

void Arena::spread() const {
  constexpr size_t kPart = size_t{2} << 20, kPage = 4096;  // a huge page, the smallest page
  parallel_for(static_cast<int64_t>((size_ + kPart - 1) / kPart), [&](int64_t task) {
    const size_t begin = static_cast<size_t>(task) * kPart;
    for (size_t at = begin; at < std::min(begin + kPart, size_); at += kPage) {
      volatile std::byte* byte = data_ + at;
      *byte = *byte;
    }
  });
}

Arena::~Arena() {
  if (data_ != nullptr) munmap(data_, size_);
}

Arena::Arena(Arena&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

Arena& Arena::operator=(Arena&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

}  // namespace hotrow
