// What a file without a header does not say of its columns, kept beside it in the file in which
// facebookresearch/dlrm keeps table sizes, <stem>_fea_count.npz:
//
//   counts      int32 or int64 (T)   rows of each table; the reference's own, all others are ours
//   hotness     int64 (T)            ids of a sample in each table; without it 1
//   num_dense   int64 ()             numerical columns
//   dense_type  text ()              how they are stored: "int32" or "float32"
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "data/schema.h"

namespace hotrow {

struct ColumnFacts {
  std::string path;              // where they stand, for error texts
  std::vector<int64_t> counts;   // (T), each from 1 to 2^32
  std::vector<int64_t> hotness;  // (T), each from 1 to 65536
  std::optional<int64_t> num_dense;
  std::optional<ColumnType> dense_type;
};

// Reads the facts of the file or folder `path`: DIR/x_fea_count.npz for DIR/x.bin and DIR/x, or
// else the only *_fea_count.npz in DIR. Nothing if there is none, or more than one and none by that
// name. DataError if it is damaged or says what cannot be.
std::optional<ColumnFacts> find_column_facts(const std::string& path);

// As find_column_facts, for formats that need only table sizes: `num_tables` of them, 0 where
// nothing is known. DataError if they are as many as another data set has.
std::vector<int64_t> find_table_sizes(const std::string& path, int64_t num_tables);

// Writes DIR/x_fea_count.npz for DIR/x.bin, with all four arrays. Sizes of 2^31 and more are
// written as int64.
void write_column_facts(const std::string& path, const ColumnFacts& facts);

}  // namespace hotrow
