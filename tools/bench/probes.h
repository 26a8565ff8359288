// Loops that do nothing but move memory, with the widest vectors of the machine: what its rates are
// measured with. On the calling thread.
#pragma once

#include <cstdint>

namespace hotrow {

// n is a multiple of kProbeGrain, memory is aligned to a cache line.
inline constexpr int64_t kProbeGrain = 512;

// The sum keeps the compiler from leaving the reads out.
float probe_read(const float* from, int64_t n);
void probe_copy(float* to, const float* from, int64_t n);
// As probe_copy, but written past the caches: faster where `to` would not stay in them.
void probe_stream_copy(float* to, const float* from, int64_t n);

// Rows (ids[i] ^ salt) & mask of a table with mask + 1 rows, in that order.
struct RandomRows {
  float* rows = nullptr;  // (mask + 1, width)
  int64_t width = 0;      // floats, a multiple of 16
  uint32_t mask = 0;      // row count - 1, the count a power of two
  const uint32_t* ids = nullptr;
  int64_t count = 0;  // a multiple of 4
  uint32_t salt = 0;  // another one gives other rows
  int64_t ahead = 0;  // rows that are asked for before they are needed; 0: none
};
float probe_read_rows(const RandomRows& r);
// Reads and writes every row.
void probe_update_rows(const RandomRows& r);

}  // namespace hotrow
