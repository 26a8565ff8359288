// What the two halves of the GPU's embedding update share: kernels/embedding_update_cuda.cu sorts
// the occurrences by row and cuts them into chunks, kernels/embedding_apply_cuda.cu sums and
// applies them.
#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>
#include <span>

#include "kernels/embedding_update.h"

namespace hotrow {

constexpr int kChunk = 64;  // occurrences a partial sum, part of the contract

// A table as the kernels read it. One more behind the last has the sums of all.
struct TablePlan {
  void* rows;
  uint16_t* low;
  float* state;
  int64_t elements;         // R D
  uint64_t first_row;       // in the numbering through all tables
  uint32_t first_position;  // of its ids, in the numbering through all tables
  TableType type;
  RoundingKey rounding;
};

// What starts at a place of the sorted occurrences.
struct Chunk {
  uint32_t row;
  uint32_t table : 23;
  uint32_t is_first : 1;  // of its run
  uint32_t is_part : 1;   // of a run of several chunks
  uint32_t count : 7;     // occurrences; 0: no chunk starts here
};

// A run of several chunks.
struct LongRun {
  uint32_t begin;  // where it starts among the sorted occurrences
  uint32_t chunks;
};

// The scratch of one batch. N = max_ids; `places` are those of the sorted occurrences.
struct UpdateScratch {
  // From prepare to apply.
  TablePlan* tables;        // (T + 1)
  Chunk* chunks;            // (N), one a place
  uint32_t* bags;           // (N), one a place
  uint32_t* positions;      // (N), one a place: which id of all tables
  LongRun* long_runs;       // (N / (kChunk + 1)), in any order
  uint32_t* num_long_runs;  // (1)
  // While prepare runs: as listed, then sorted. Keys are uint32_t or uint64_t.
  void *keys, *sorted_keys;     // (N)
  uint32_t *bag_of, *unsorted;  // (N), one a position
  std::span<std::byte> sort_scratch;
  // While apply runs, in the same memory.
  float* coefficients;  // (N), one a place
  float* partials;      // (2 N / kChunk rounded up, D), see partial_slot
  size_t bytes;
};

// Keys number the rows of all tables; total_rows itself stands for no occurrence.
inline bool has_wide_keys(const UpdateSizes& sizes) { return sizes.total_rows > 0xFFFFFFFF; }

// Throws InvalidArgument for sizes or scratch that do not fit.
UpdateScratch carve_scratch(const char* op, std::span<std::byte> scratch, int64_t num_tables,
                            const UpdateSizes& sizes);

// Where a chunk of a long run that starts at `place` leaves its sum. In kChunk neighbouring places
// at most one first chunk of a long run starts, as it is full, and at most one other.
__device__ inline int64_t partial_slot(int64_t place, bool first) {
  return 2 * (place / kChunk) + (first ? 0 : 1);
}

// The first i in [begin, end) with is_behind(i), or end. Once true, is_behind stays so.
template <class IsBehind>
__device__ inline int64_t partition_point(int64_t begin, int64_t end, const IsBehind& is_behind) {
  while (begin < end) {
    const int64_t middle = begin + (end - begin) / 2;
    if (is_behind(middle)) {
      end = middle;
    } else {
      begin = middle + 1;
    }
  }
  return begin;
}

// The table of a position, or num_tables behind the last id.
__device__ inline int64_t table_of_position(const TablePlan* tables, int64_t num_tables,
                                            uint32_t position) {
  return partition_point(0, num_tables + 1,
                         [&](int64_t t) { return tables[t].first_position > position; }) -
         1;
}

}  // namespace hotrow
