// What a file without a header does not say of its columns, kept beside it in the file in which
// facebookresearch/dlrm keeps table sizes, <stem>_fea_count.npz:
//
//   counts      int32 or int64 (T)   rows of each table; the reference's own, all others are ours
//   hotness     int64 (T)            ids of a sample in each table, at the most
//   variable    bool (T)             samples may have fewer; without it they do not
//   key_begin   int64 (T)            stored key of id 0; without it 0
//   num_dense   int64 ()             numerical columns
//   dense_type  text ()              how they are stored: "int32" or "float32"
//   rows        int64 ()             samples of a file of records, so that one cut short is noticed
//
// Each may be missing; then the data or a schema file tells it, or what a format says of its own.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "data/npz.h"
#include "data/schema.h"

namespace hotrow {

struct ColumnFacts {
  std::string path;                  // where they stand, for error texts
  std::optional<size_t> num_tables;  // T, where there is one of the lists
  // (T) each, or empty: not known.
  std::vector<int64_t> counts;     // each from 1 to 2^62
  std::vector<int64_t> hotness;    // each from 1 to 65536
  std::vector<uint8_t> variable;   // 0 or 1
  std::vector<int64_t> key_begin;  // each from 0 to 2^62
  std::optional<int64_t> num_dense;
  std::optional<ColumnType> dense_type;
  std::optional<int64_t> rows;  // B

  // Of the columns of a schema; sizes that it does not know are 0.
  static ColumnFacts of(const Schema& schema);
};

// Reads the facts of the file or folder `path`: DIR/x_fea_count.npz for DIR/x.bin and DIR/x.
// Nothing without such a file. DataError if it is damaged or says what cannot be.
std::optional<ColumnFacts> find_column_facts(const std::string& path);

// For formats that need only table sizes: `num_tables` of them, or 0 each where nothing is known.
// They may also stand in the only *_fea_count.npz of the folder, where the reference keeps them
// under the name of its raw data. DataError also if they are of another number of tables.
std::vector<int64_t> find_table_sizes(const std::string& path, int64_t num_tables);

// Writes DIR/x_fea_count.npz for DIR/x.bin, with all arrays but that of rows that are not
// known, each size known; it has its name once it is published. Sizes of 2^31 and more are written
// as int64.
[[nodiscard]] NpzWriter write_column_facts(const std::string& path, const ColumnFacts& facts);

}  // namespace hotrow
