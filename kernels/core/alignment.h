// Where arrays begin in a block of memory that they share: each on a cache line of its own.
#pragma once

#include <cstddef>
#include <cstdint>

namespace hotrow {

constexpr size_t kAlignment = 64;

constexpr size_t align_up(size_t bytes) {
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

// Floats of a row of so many columns that is whole 16 bytes.
constexpr int64_t whole_row(int64_t columns) { return (columns + 3) / 4 * 4; }

}  // namespace hotrow
