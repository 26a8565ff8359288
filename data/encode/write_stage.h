// The last stage of the encoder: ids, labels and dense values to a format.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "data/encode/id_scheme.h"
#include "data/encode/progress.h"
#include "data/encode/segments.h"
#include "data/rows.h"
#include "data/schema.h"

namespace hotrow {

// The row ids of one column, uint32 each, in order.
struct IdColumn {
  std::string path;  // a file that has them; empty: in memory
  RowIds ids;        // there
};

struct WriteWork {
  const Segments* segments;
  const std::vector<IdColumn>* ids;
  const Schema* schema;  // of what is written
  Transform dense;       // to be applied to the parsed values; kNone leaves them as they are
  RowSink* sink;
};

// Writes all samples, in order and in blocks of 16384, but does not finish the sink. Threads share
// the columns of a block; how they share the sink's work is the sink's. Memory: 16384 samples, 9 MB
// at the Criteo shape.
void write_rows(const WriteWork& work, const EncodeProgress& progress);

}  // namespace hotrow
