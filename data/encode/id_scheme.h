// Which row id a categorical value gets.
//
// Values are numbered from first_id on, in the order of their first occurrence or by descending
// frequency (ties by first occurrence), or hashed. Those that occur fewer than min_frequency times,
// and those that a vocabulary has never seen, share the row unseen_id. The conventions of the
// systems whose files we write:
//
//   name       order      unseen  first  minimum
//   hotrow     first      0       1      1        dlrm_train's own, for raw text
//   reference  first      none    0      1        facebookresearch/dlrm's npz
//   nvidia     frequency  0       1      15       NVIDIA's DLRM, split binary
//   torchrec   first      1       2      3        TorchRec's npy; row 0 stays unused
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "data/huge_pages.h"
#include "data/mix64.h"
#include "data/schema.h"

namespace hotrow {

enum class IdOrder { kFirst, kFrequency, kHash };
std::string_view name_of(IdOrder order);  // "first", "frequency", "hash"
IdOrder parse_id_order(std::string_view name);

struct IdScheme {
  static constexpr int64_t kNoRow = -1;

  IdOrder order = IdOrder::kFirst;
  int64_t first_id = 1;
  int64_t unseen_id = 0;      // kNoRow: there is none, and such a value is an error
  int64_t min_frequency = 1;  // of columns that are not named otherwise
  int64_t hash_rows = 0;      // of kHash: ids are in [0, hash_rows)
};

// Row ids of the values of a column, in memory.
using RowIds = std::vector<uint32_t, HugePageAllocator<uint32_t>>;

// InvalidArgument that lists the names, for an unknown one.
IdScheme id_convention(std::string_view name);

// "15" or "3,C3:5,C10:1": the least frequency of each categorical column, `unset` where the text
// says nothing. InvalidArgument with what was found: a column that the schema has not or that is
// named twice, a frequency outside [1, 2^62].
std::vector<int64_t> parse_min_frequencies(std::string_view text, const Schema& schema,
                                           int64_t unset);

// DataError unless all ids of a column with a vocabulary of `entries` values are below 2^32 - 1.
void check_ids(const IdScheme& scheme, int64_t entries, std::string_view column);

// The row of a hashed value: that of Vocabulary::hashed (data/vocabulary.h) for keys of 32 bits.
inline int64_t hashed_id(uint64_t key, size_t column, int64_t hash_rows) {
  const uint64_t mixed = mix64(key ^ static_cast<uint64_t>(column) << 32);
  return static_cast<int64_t>(mixed % static_cast<uint64_t>(hash_rows));
}

}  // namespace hotrow
