// NVIDIA DLRM's split-binary data: a folder with feature_spec.yaml and, for each part, files of one
// channel each without a header.
//
//   label.bin      bool, one byte a sample
//   numerical.bin  float16 (B, num_dense), row-major
//   cat_T.bin      one integer a sample: int8, int16 or int32
//
// All little-endian. Where files lie and which types they have is said by feature_spec.yaml
// (data/formats/feature_spec.h); a folder `validation` beside `test` is the part "val", which the
// description does not mention.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "data/formats.h"
#include "data/formats/feature_spec.h"

namespace hotrow {

// `path`: the folder, or its feature_spec.yaml, of split_binary or csv files (spec_csv.h). `part`:
// train, test or val. DataError: a broken rule, a missing file, a length that is no whole number of
// samples, files of different lengths, and when read, by row and column: a label that is neither 0
// nor 1, a number that is not finite, an id beyond its cardinality.
std::unique_ptr<RowSource> open_feature_spec(const std::string& path, const std::string& part);

// Writes folder/PART/*.bin and folder/feature_spec.yaml. Numericals are stored as training wants
// them: transformed, a missing value as 0, rounded to float16.
//
// The description speaks of train and test, so parts written later must agree with one that is
// there: DataError otherwise. InvalidArgument: an unknown cardinality or one from 2^31 - 1 on,
// names that repeat, a column that may have several ids.
//
// The first file of its close() is the description.
std::unique_ptr<RowSink> create_split_binary(const std::string& folder, const Schema& schema,
                                             const std::string& part);

// Whether `path` is a folder with a feature_spec.yaml, or that file.
bool fits_feature_spec(const std::string& path);

// --to=split-binary, --from=split-binary.
extern const Format kSplitBinary;

}  // namespace hotrow
