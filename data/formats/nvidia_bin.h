// What NVIDIA DLRM's preprocessing hands to its splitter: {train,test,validation}_data.bin beside
// model_size.json.
//
// A sample is int32 label, num_dense float32 that training takes as they are, and one int32 id a
// table, little-endian, without a header; 160 bytes at the Criteo shape. model_size.json maps a
// name of each table, in table order, to its largest id (not its cardinality, which is one more).
// The number of numericals stands nowhere: it is 13.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "data/formats.h"

namespace hotrow {

// The columns: label, I1 .. I13, and a categorical for each entry. DataError: no such map of
// integers from 0 to 2^31 - 2, or a key twice.
Schema parse_model_size(const std::string& text, std::string_view file);

// `part`: train, test or val. DataError: a length that is no whole number of samples, and when
// read, by row and column: a label that is neither 0 nor 1, a number that is not finite, an id
// beyond its cardinality.
std::unique_ptr<RowSource> open_nvidia_bin(const std::string& folder, const std::string& part);

// Whether `path` is a folder with a model_size.json.
bool fits_nvidia_bin(const std::string& path);

// --from=nvidia-bin.
extern const Format kNvidiaBin;

}  // namespace hotrow
