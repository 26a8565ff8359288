// NVIDIA DLRM's description of a data set: feature_spec.yaml.
//
//   channel_spec:  {label: [NAME], numerical: [NAME, ...], categorical: [NAME, ...]}
//   feature_spec:  {NAME: {dtype: TYPE, cardinality: N}, ...}
//   source_spec:   {train: [CHUNK, ...], test: [CHUNK, ...]}
//   metadata:      {...}                                           may be missing
//   CHUNK:         {type: split_binary or csv, features: [NAME, ...], files: [PATH, ...]}
//
// Rules of both types: the three channels and nothing else, one label, names unique, feature_spec
// has exactly the names of the channels; mappings exactly train and test; each chunk has a feature
// and a file at least, and each mapping every feature once; every categorical has a cardinality.
// Rules of split_binary: one file a chunk; the label alone, of dtype bool; all numericals in one
// chunk in channel order, of dtype float16; each categorical alone, of an integer dtype that holds
// its cardinality - 1. Rules of csv: dtype may be missing and is not heeded; `cardinality: auto`
// (largest id + 1) is allowed; the files of a chunk follow each other.
//
// Our own key of metadata: `applied_transforms`, one of none, log1p and log3p a numerical, says
// what was done to the values before they were stored. Without it nothing is known to have been
// done, and training takes the values as they are.
//
// Source: NVIDIA DeepLearningExamples, PyTorch/Recommendation/DLRM, README and published files.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "data/schema.h"

namespace hotrow {

struct SpecColumn {
  enum class Kind { kLabel, kNumerical, kCategorical };
  Kind kind = Kind::kLabel;
  size_t index = 0;  // in its channel
};

struct SpecChunk {
  std::vector<SpecColumn> columns;  // in the order of the file
  std::vector<std::string> files;   // beside feature_spec.yaml, rows one after the other
};

struct FeatureSpec {
  Schema schema;     // cardinality 0: `auto`
  bool csv = false;  // else split_binary
  std::vector<SpecChunk> train, test;
};

inline constexpr std::string_view kFeatureSpecName = "feature_spec.yaml";

// `file` stands in error texts. DataError with file:line:column where a rule is broken.
FeatureSpec parse_feature_spec(const std::string& text, std::string_view file);
FeatureSpec read_feature_spec(const std::string& path);
// Of split_binary; parse_feature_spec gives `spec` back.
std::string feature_spec_text(const FeatureSpec& spec);

// The type of a categorical file: the narrowest of int8, int16 and int32 whose largest number is
// greater than the cardinality. InvalidArgument from 2^31 - 1 on, and below 1.
ColumnType split_binary_type(int64_t cardinality);
// A split_binary data set as NVIDIA's own tools lay it out: PART/label.bin, PART/numerical.bin,
// PART/cat_T.bin; types as split_binary_type gives them. `schema` needs unique names and all
// cardinalities: InvalidArgument.
FeatureSpec split_binary_spec(Schema schema);

}  // namespace hotrow
