// What the system has given of a block of memory that it promised.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace hotrow::test {

// Pages of [data, data + bytes), which begins on a page, that have no memory behind them yet; -1
// where the system does not tell.
inline int64_t pages_not_there(void* data, size_t bytes) {
  std::vector<unsigned char> there((bytes + 4095) / 4096);
  if (mincore(data, bytes, there.data()) != 0) return -1;
  int64_t missing = 0;
  for (const unsigned char page : there) missing += (page & 1) == 0;
  return missing;
}

}  // namespace hotrow::test
