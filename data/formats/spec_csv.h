// The CSV files that a feature_spec.yaml of type csv describes: input of `dlrm_data transcode`.
//
// No header, no quotes; one field a feature between commas, in the order of the chunk's `features`;
// plain or gzip. A sample is one line of each chunk: their n-th lines belong together.
//
//   label        0 or 1
//   numerical    a finite decimal number; empty: missing
//   categorical  an integer in [0, cardinality), of `auto` any from 0 on; "12.0" is 12, as programs
//                that keep a whole table in floating point write it
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "data/formats/feature_spec.h"
#include "data/rows.h"

namespace hotrow {

struct CsvLine {
  std::string_view file;
  int64_t number = 0;  // 1-based
  std::string_view text;
};

// Puts the fields of one line into sample `row` of `rows`, whose columns have room for it.
// DataError with file:line:column: too few or many fields, or a value that is none of the above.
void parse_spec_csv_line(Rows& rows, int64_t row, const CsvLine& line, const SpecChunk& chunk,
                         const Schema& schema);

// `folder` is where the description lies. Reads its part, train or test. Not to be sought in but
// for row 0. DataError besides those of the lines: chunks of different lengths.
std::unique_ptr<RowSource> open_spec_csv(FeatureSpec spec, const std::string& folder,
                                         const std::string& part);

}  // namespace hotrow
