// Memory for large arrays in pages of 2 MiB, where the system has them: 100 MB that are new take 50
// faults instead of 25,000, each of which costs as much as some thousand values.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstdlib>
#include <new>
#include <utility>

namespace hotrow {

// Numbers that a vector gets without a value are not set.
template <class T>
class HugePageAllocator {
 public:
  using value_type = T;

  HugePageAllocator() = default;
  template <class U>
  explicit HugePageAllocator(const HugePageAllocator<U>&) {}

  T* allocate(size_t count) {
    const size_t bytes = count * sizeof(T), whole = bytes / kPage * kPage;
    if (whole == 0) return static_cast<T*>(::operator new(bytes));
    void* const memory = std::aligned_alloc(kPage, (bytes + kPage - 1) / kPage * kPage);
    if (memory == nullptr) throw std::bad_alloc();
    madvise(memory, whole, MADV_HUGEPAGE);  // what it refuses has small pages
    return static_cast<T*>(memory);
  }
  void deallocate(T* memory, size_t count) {
    count * sizeof(T) < kPage ? ::operator delete(memory) : std::free(memory);
  }

  template <class U>
  void construct(U* place) {
    ::new (static_cast<void*>(place)) U;
  }
  template <class U, class... Values>
  void construct(U* place, Values&&... values) {
    ::new (static_cast<void*>(place)) U(std::forward<Values>(values)...);
  }

  bool operator==(const HugePageAllocator&) const { return true; }

 private:
  static constexpr size_t kPage = size_t{2} << 20;
};

}  // namespace hotrow
