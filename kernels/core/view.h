// Non-owning, row-major, contiguous views: the only containers that kernels share.
#pragma once

#include <array>
#include <cstdint>
#include <type_traits>

namespace hotrow {

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
