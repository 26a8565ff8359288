// Samples of any schema, made of random numbers, as a source that every format can be written from.
//
//   ids     fixed hotness h: h of them, else 1 to h with equal probability; each drawn on its own
//   by
//           the popularity of the table's rows, which are spread over the table, or by the reuse
//           distances of a trace
//   dense   integer types: 0 to 4094, log-uniform; floating types: uniform in [0, 1)
//   label   1 with a probability that depends on the first id of each table, so that a model has
//           something to learn; about a quarter of them are 1
//
// The same seed gives the same samples on every machine: basic arithmetic on MT19937 only, and one
// power that is rounded to 30 binary digits. Source: own derivation.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "data/locality.h"
#include "data/rows.h"

namespace hotrow {

struct GenerateConfig {
  enum class Ids {
    kUniform,
    kZipf,      // popularity ~ rank^-zipf, equal within each octave of ranks
    kLocality,  // as `locality` says
    kTrace,     // by the stack distances of trace_file, ids modulo the table's rows
  };

  int64_t rows = 1;
  uint32_t seed = 1;
  uint32_t part = 0;  // other samples of the same tables: test data beside training data
  Ids ids = Ids::kZipf;
  double zipf = 1.05;           // in [0, 4]
  Locality locality = {};       // of kLocality
  std::string trace_file = {};  // of kTrace, with a "j" for the table's number (data/trace.h)
};

// InvalidArgument: rows below 1, a cardinality that is not known, a zipf outside its range, no
// classes of locality. DataError as read_trace_distribution.
std::unique_ptr<RowSource> generate_rows(const Schema& schema, const GenerateConfig& config);

}  // namespace hotrow
