// Where arrays begin in a block of memory that they share: each on a cache line of its own.
#pragma once

#include <cstddef>

namespace hotrow {

constexpr size_t kAlignment = 64;

constexpr size_t align_up(size_t bytes) {
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

}  // namespace hotrow
