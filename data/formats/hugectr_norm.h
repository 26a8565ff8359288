// HugeCTR's Norm format: a list of files, each of samples of any number of ids.
//
// The list is text: the number of files, then their names, a line each: a name is looked for
// from the list's folder on, then in that folder without its own folders, so that a data set can
// be moved, and last from the current folder on. A file, little-endian:
//
//   header      int64 error_check, records, label_dim, dense_dim, slot_num, 3 reserved
//   a sample    float32 labels (label_dim), float32 numerical values (dense_dim),
//               for each slot: int32 n, then n keys of uint32 or int64
//
// With error_check = 1, header and each sample are wrapped: int32 length, the bytes, and a byte
// that is the sum of them. Source: HugeCTR's documentation ("Norm") and its reader's checks.
//
// Keys of all slots lie in one range: id i of table t is key key_begin[t] + i. That, the table
// sizes and the ids a sample stand in <stem>_fea_count.npz beside the list (column_facts.h).
// Without it the files are read once before: key_begin is 0, the size of a table its largest key
// + 1.
#pragma once

#include <memory>
#include <string>

#include "data/formats.h"

namespace hotrow {

// `path`: a list, or one file. From front to back only; memory is 1 MiB and a sample. Whether keys
// take 4 or 8 bytes is found by reading the first file: only one of both ends where the file does.
// DataError: files of different columns or more than one label, a length that does not fit, a wrong
// sum, a key outside its table.
std::unique_ptr<RowSource> open_hugectr_norm(const std::string& path, const SourceOptions& options);
// Writes the list `path` (NAME.txt), the files NAME_0.data, NAME_1.data, ... of about 64 MiB, with
// sums, and the column facts. Keys are of 8 bytes where they need it. Memory: 64 MiB.
std::unique_ptr<RowSink> create_hugectr_norm(const std::string& path, const Schema& schema,
                                             const SinkOptions& options);

extern const Format kHugectrNorm;

}  // namespace hotrow
