// The last stage of the encoder: ids, labels and dense values to a format.
#pragma once

#include <string>
#include <vector>

#include "data/encode/progress.h"
#include "data/encode/segments.h"
#include "data/rows.h"
#include "data/schema.h"

namespace hotrow {

struct WriteWork {
  const Segments* segments;
  std::vector<std::string> ids;  // one file of encode_column a column
  const Schema* schema;          // of what is written
  Transform dense;  // to be applied to the parsed values; kNone leaves them as they are
  RowSink* sink;
};

// Writes all samples, in order and in blocks of 16384, but does not finish the sink. The next block
// is put together while the sink writes the last one. Memory: 2 * 16384 samples, 17 MB at the
// Criteo shape.
void write_rows(const WriteWork& work, const EncodeProgress& progress);

}  // namespace hotrow
