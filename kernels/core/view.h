// Non-owning, row-major, contiguous views: the only containers that kernels share.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>

#include "kernels/core/check.h"

namespace hotrow {

// Bytes of (rows, cols) items. Throws InvalidArgument, naming `what`, above 2^48: no machine has
// them, and sizes that large would wrap around once they are added or multiplied.
inline size_t array_bytes(std::string_view what, int64_t rows, int64_t cols, size_t item_bytes) {
  constexpr size_t kMost = size_t{1} << 48;
  size_t bytes = 0;
  const bool fits =
      !__builtin_mul_overflow(static_cast<size_t>(rows), static_cast<size_t>(cols), &bytes) &&
      !__builtin_mul_overflow(bytes, item_bytes, &bytes) && bytes <= kMost;
  require(fits, "[{}] too large: got {} x {} items of {} bytes, expected at most {} bytes", what,
          rows, cols, item_bytes, kMost);
  return bytes;
}

// dims[0] is the live row count; the memory behind it may hold more rows (capacity).
template <class T, int Rank>
struct View {
  T* data = nullptr;
  std::array<int64_t, Rank> dims{};

  int64_t rows() const { return dims[0]; }
  int64_t cols() const requires(Rank == 2) { return dims[1]; }
  int64_t size() const {
    int64_t n = 1;
    for (int64_t d : dims) n *= d;
    return n;
  }
  T* row(int64_t i) const requires(Rank == 2) { return data + i * dims[1]; }
  T& operator[](int64_t i) const requires(Rank == 1) { return data[i]; }
  // A mutable view reads as a const one.
  operator View<const T, Rank>() const requires(!std::is_const_v<T>) { return {data, dims}; }
};

using Vector = View<float, 1>;
using ConstVector = View<const float, 1>;
using Matrix = View<float, 2>;
using ConstMatrix = View<const float, 2>;

}  // namespace hotrow
