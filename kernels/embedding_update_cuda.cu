#include <cuda_runtime.h>

#include <algorithm>
#include <bit>
#include <cstdint>

#include "kernels/argument_checks.h"
#include "kernels/core/carver.h"
#include "kernels/core/check.h"
#include "kernels/core/device_sort.h"
#include "kernels/core/launch.cuh"
#include "kernels/core/parallel.h"
#include "kernels/core/warp.cuh"
#include "kernels/embedding_update_cuda.cuh"

// One thread a position or place, and binary searches for all that depends on neighbours far away:
// the table and bag of an id, the begin and the end of a run. No scan, no second pass, balanced
// for any bags, and all of it beside the step before.

namespace hotrow {
namespace {

constexpr const char* kOp = "embedding_update_prepare";
constexpr int kThreads = 256;

// Inclusive sum over the lanes up to this one.
__device__ int64_t sum_of_lanes_up_to_this(int64_t x) {
  for (int step = 1; step < kWarpSize; step *= 2) {
    const int64_t below = __shfl_up_sync(kFullMask, x, static_cast<unsigned>(step));
    if (lane() >= step) x += below;
  }
  return x;
}

// One warp.
template <class Id>
__global__ void plan_tables(TablePlan* plans, uint32_t* num_long_runs,
                            const TableUpdate<Id>* tables, int64_t num_tables, int64_t batch) {
  int64_t first_row = 0, first_position = 0;
  for (int64_t base = 0; base <= num_tables; base += kWarpSize) {
    const int64_t t = base + lane();
    TablePlan plan{};
    int64_t rows = 0, ids = 0;
    if (t < num_tables) {
      const TableUpdate<Id>& table = tables[t];
      rows = table.rows.dims[0];
      ids = table.bags.offsets == nullptr ? batch : int64_t{table.bags.offsets[batch]};
      plan = {table.rows.data, table.rows.low, table.state, rows * table.rows.dims[1], 0, 0,
              table.rows.type, table.rounding};
    }
    const int64_t rows_so_far = first_row + sum_of_lanes_up_to_this(rows);
    const int64_t ids_so_far = first_position + sum_of_lanes_up_to_this(ids);
    plan.first_row = static_cast<uint64_t>(rows_so_far - rows);
    plan.first_position = static_cast<uint32_t>(ids_so_far - ids);
    if (t <= num_tables) plans[t] = plan;
    first_row = __shfl_sync(kFullMask, rows_so_far, kWarpSize - 1);
    first_position = __shfl_sync(kFullMask, ids_so_far, kWarpSize - 1);
  }
  if (lane() == 0) *num_long_runs = 0;
}

template <class Id, class Key>
__global__ void list_occurrences(Key* keys, uint32_t* bag_of, uint32_t* positions,
                                 const TableUpdate<Id>* tables, const TablePlan* plans,
                                 int64_t num_tables, int64_t batch, int64_t max_ids) {
  const int64_t p = int64_t{blockIdx.x} * kThreads + threadIdx.x;
  if (p >= max_ids) return;
  const auto position = static_cast<uint32_t>(p);
  const int64_t t = table_of_position(plans, num_tables, position);
  Key key = static_cast<Key>(plans[num_tables].first_row);
  if (t < num_tables) {
    const Bags<Id> bags = tables[t].bags;
    const int64_t j = position - plans[t].first_position;
    const int64_t bag = bags.offsets == nullptr ? j : partition_point(0, batch, [&](int64_t b) {
      return bags.offsets[b + 1] > j;
    });
    key = static_cast<Key>(plans[t].first_row + static_cast<uint64_t>(bags.ids[j]));
    bag_of[p] = static_cast<uint32_t>(bag);
  }
  keys[p] = key;
  positions[p] = position;
}

// The chunk that starts at `place`, if one does; appends a long run to the list.
template <class Key>
__device__ Chunk find_chunk(LongRun* long_runs, uint32_t* num_long_runs, const Key* keys,
                            int64_t place, int64_t max_ids) {
  const Key key = keys[place];
  const auto is_other = [&](int64_t i) { return keys[i] != key; };
  Chunk chunk{};
  chunk.is_first = place == 0 || is_other(place - 1);
  if (!chunk.is_first) {
    if (place < kChunk || is_other(place - kChunk)) return chunk;
    const int64_t begin = partition_point(0, place, [&](int64_t i) { return keys[i] == key; });
    if ((place - begin) % kChunk != 0) return chunk;
  }
  const int64_t full = place + kChunk;
  const int64_t end = partition_point(place + 1, full < max_ids ? full : max_ids, is_other);
  chunk.count = static_cast<uint32_t>(end - place);
  chunk.is_part = !chunk.is_first || (full < max_ids && !is_other(full));
  if (chunk.is_first && chunk.is_part) {
    const int64_t run = partition_point(full, max_ids, is_other) - place;
    const uint32_t i = atomicAdd(num_long_runs, 1u);
    long_runs[i] = {static_cast<uint32_t>(place),
                    static_cast<uint32_t>((run + kChunk - 1) / kChunk)};
  }
  return chunk;
}

template <class Key>
__global__ void mark_chunks(UpdateScratch scratch, int64_t num_tables, int64_t max_ids) {
  const int64_t place = int64_t{blockIdx.x} * kThreads + threadIdx.x;
  if (place >= max_ids) return;
  const Key* keys = static_cast<const Key*>(scratch.sorted_keys);
  const TablePlan* plans = scratch.tables;
  const uint64_t key = keys[place];
  Chunk chunk{};
  if (key < plans[num_tables].first_row) {
    scratch.bags[place] = scratch.bag_of[scratch.positions[place]];
    chunk = find_chunk(scratch.long_runs, scratch.num_long_runs, keys, place, max_ids);
  }
  if (chunk.count != 0) {
    const int64_t t =
        partition_point(0, num_tables, [&](int64_t i) { return plans[i].first_row > key; }) - 1;
    chunk.table = static_cast<uint32_t>(t);
    chunk.row = static_cast<uint32_t>(key - plans[t].first_row);
  }
  scratch.chunks[place] = chunk;
}

UpdateScratch lay_out(const void* scratch, int64_t num_tables, const UpdateSizes& sizes) {
  const auto n = static_cast<size_t>(sizes.max_ids);
  const bool wide = has_wide_keys(sizes);
  Carver carver(scratch);
  UpdateScratch s{};
  s.tables = carver.take<TablePlan>((static_cast<size_t>(num_tables) + 1) * sizeof(TablePlan));
  s.chunks = carver.take<Chunk>(n * sizeof(Chunk));
  s.bags = carver.take<uint32_t>(n * sizeof(uint32_t));
  s.positions = carver.take<uint32_t>(n * sizeof(uint32_t));
  s.long_runs = carver.take<LongRun>(n / (kChunk + 1) * sizeof(LongRun));
  s.num_long_runs = carver.take<uint32_t>(sizeof(uint32_t));

  Carver for_apply = carver;
  const size_t slots = 2 * ((n + kChunk - 1) / kChunk);
  s.coefficients = for_apply.take<float>(n * sizeof(float));
  s.partials = for_apply.take<float>(slots * static_cast<size_t>(sizes.dim) * sizeof(float));

  const size_t key_bytes = n * (wide ? sizeof(uint64_t) : sizeof(uint32_t));
  const size_t sort_bytes = wide ? sort_pairs_scratch_bytes<uint64_t>(sizes.max_ids)
                                 : sort_pairs_scratch_bytes<uint32_t>(sizes.max_ids);
  s.keys = carver.take<std::byte>(key_bytes);
  s.sorted_keys = carver.take<std::byte>(key_bytes);
  s.bag_of = carver.take<uint32_t>(n * sizeof(uint32_t));
  s.unsorted = carver.take<uint32_t>(n * sizeof(uint32_t));
  s.sort_scratch = {carver.take<std::byte>(sort_bytes), sort_bytes};
  s.bytes = std::max(carver.scratch_bytes(), for_apply.scratch_bytes());
  return s;
}

void check_sizes(const char* op, int64_t num_tables, const UpdateSizes& sizes) {
  constexpr int64_t kMaxIds = int64_t{1} << 31, kMaxTables = int64_t{1} << 23;
  require(num_tables < kMaxTables, "[{}] too many tables: got {}, expected at most {}", op,
          num_tables, kMaxTables - 1);
  require(sizes.max_ids < kMaxIds, "[{}] too many ids for one call: got {}, expected at most {}",
          op, sizes.max_ids, kMaxIds - 1);
  check_updated_rows(op, sizes.most_rows);
}

template <class Id, class Key>
void sort_and_mark(std::span<const TableUpdate<Id>> tables, const UpdateSizes& sizes,
                   const UpdateScratch& s, CudaStream stream) {
  const int64_t num_tables = std::ssize(tables);
  const LaunchShape shape{ceil_div(sizes.max_ids, kThreads), kThreads};
  auto* keys = static_cast<Key*>(s.keys);
  auto* sorted_keys = static_cast<Key*>(s.sorted_keys);
  launch(kOp, list_occurrences<Id, Key>, shape, stream, keys, s.bag_of, s.unsorted, tables.data(),
         s.tables, num_tables, sizes.batch, sizes.max_ids);
  const int bits = std::bit_width(static_cast<uint64_t>(sizes.total_rows));
  sort_pairs(sorted_keys, s.positions, keys, s.unsorted, sizes.max_ids, bits, s.sort_scratch,
             stream);
  launch(kOp, mark_chunks<Key>, shape, stream, s, num_tables, sizes.max_ids);
}

}  // namespace

UpdateScratch carve_scratch(const char* op, std::span<std::byte> scratch, int64_t num_tables,
                            const UpdateSizes& sizes) {
  check_sizes(op, num_tables, sizes);
  const UpdateScratch s = lay_out(scratch.data(), num_tables, sizes);
  require(scratch.size() >= s.bytes, "[{}] scratch too small: got {} bytes, expected at least {}",
          op, scratch.size(), s.bytes);
  return s;
}

size_t embedding_update_scratch_bytes(int64_t num_tables, const UpdateSizes& sizes) {
  check_sizes("embedding_update", num_tables, sizes);
  return lay_out(nullptr, num_tables, sizes).bytes;
}

template <class Id>
void embedding_update_prepare(std::span<const TableUpdate<Id>> tables, const UpdateSizes& sizes,
                              std::span<std::byte> scratch, CudaStream stream) {
  if (tables.empty() || sizes.max_ids == 0) return;
  const UpdateScratch s = carve_scratch(kOp, scratch, std::ssize(tables), sizes);
  launch(kOp, plan_tables<Id>, {1, kWarpSize}, stream, s.tables, s.num_long_runs, tables.data(),
         std::ssize(tables), sizes.batch);
  if (has_wide_keys(sizes)) {
    sort_and_mark<Id, uint64_t>(tables, sizes, s, stream);
  } else {
    sort_and_mark<Id, uint32_t>(tables, sizes, s, stream);
  }
}

template void embedding_update_prepare(std::span<const TableUpdate<int32_t>>, const UpdateSizes&,
                                       std::span<std::byte>, CudaStream);
template void embedding_update_prepare(std::span<const TableUpdate<int64_t>>, const UpdateSizes&,
                                       std::span<std::byte>, CudaStream);

}  // namespace hotrow
