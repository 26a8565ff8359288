// Memory that is taken once and never moves.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace hotrow {

// Every tensor begins on a cache line of its own.
inline constexpr size_t kAlignment = 64;
inline size_t align_up(size_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

// Zeroed pages straight from the system, on huge pages where it grants them (random rows of large
// tables are bound by address translation otherwise). Throws DeviceError, with the bytes asked for,
// when the system has no more.
class Arena {
 public:
  Arena() = default;
  explicit Arena(size_t bytes);
  ~Arena();
  Arena(Arena&& other) noexcept;
  Arena& operator=(Arena&& other) noexcept;

  // Writes the pages from all threads, in parts of the order of memory: on a machine with several
  // memory nodes they come to lie on all that the threads run on, and taking a large block from the
  // system is shared work. The bytes stay what they were.
  void spread() const;

  std::byte* data() const { return data_; }
  size_t size() const { return size_; }
  template <class T>
  T* as(size_t offset = 0) const {
    return reinterpret_cast<T*>(data_ + offset);
  }

 private:
  std::byte* data_ = nullptr;
  size_t size_ = 0;
};

// One line of the table of memory that is printed before training starts.
struct MemoryUse {
  std::string purpose;
  size_t bytes = 0;
};

}  // namespace hotrow
