// HugeCTR's Raw format: records of 32-bit words without a header (records.h).
//
//   label int32, numerical values float32 or int32, ids uint32 table after table, a fixed number
//   each
//
// What the file does not say, HugeCTR takes from the program that trains, and this project from
// <stem>_fea_count.npz beside it (column_facts.h): table sizes, ids a sample, numerical columns (13
// without a word) and their type (float32). Of int32 the logarithm log(x + 1) is taken when they
// are read, as HugeCTR does; float32 are what the model gets. Ids count from 0 in each table
// (HugeCTR's slot_size_array).
//
// A schema file (docs/schema.md) gives names and transforms and what the column facts leave open:
// numerical columns of type int are int32, others float32; `cardinality` or `hash` is the size of a
// table, `max_values` of a list the ids of each sample.
#pragma once

#include <memory>
#include <string>

#include "data/formats.h"

namespace hotrow {

// Seekable. DataError: neither column facts nor a schema file, or both and they do not agree; see
// open_records.
std::unique_ptr<RowSource> open_hugectr_raw(const std::string& path, const SourceOptions& options);
// Writes int32 where all numerical columns are raw integers, else float32, and the column facts.
// InvalidArgument: a column whose samples differ in their number of ids.
std::unique_ptr<RowSink> create_hugectr_raw(const std::string& path, const Schema& schema,
                                            const SinkOptions& options);

extern const Format kHugectrRaw;

}  // namespace hotrow
