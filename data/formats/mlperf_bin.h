// MLPerf's binary Criteo data, as facebookresearch/dlrm makes it with --mlperf-bin-loader:
// 40 little-endian int32 a sample, no header.
//
//   [0] label   [1 .. 13] numerical, 0 and up   [14 .. 39] ids
//
// Logarithm and modulo are applied when it is read, so that the schema has I1 .. I13 with log1p.
// The sizes of the 26 tables come from <stem>_fea_count.npz (column_facts.h) or from a schema file,
// which also gives names and transforms (schema_columns.h); they are not known without.
#pragma once

#include <memory>
#include <string>

#include "data/formats.h"
#include "data/formats/records.h"

namespace hotrow {

RecordLayout mlperf_layout();
// `path` is a .bin file, or what the reference puts before _train.bin, _test.bin and _val.bin: then
// options.part chooses. DataError: see open_records.
std::unique_ptr<RowSource> open_mlperf_bin(const std::string& path, const SourceOptions& options);
// Writes `path` and its column facts. InvalidArgument: a schema of other than 13 numerical and 26
// categorical columns of one id each, or with a transform applied already.
std::unique_ptr<RowSink> create_mlperf_bin(const std::string& path, const Schema& schema,
                                           const SinkOptions& options);

extern const Format kMlperfBin;

}  // namespace hotrow
