// Samples as raw Criteo lines, plain or, where the name ends in .gz, gzip.
#pragma once

#include <memory>
#include <string>

#include "data/formats.h"

namespace hotrow {

// The entry of data/formats.h. InvalidArgument unless there are 13 numerical columns without an
// applied transform and 26 categorical ones of at most 32 ids. write() throws DataError for a label
// other than 0 and 1, a number that is no 32-bit integer and an id outside [0, 2^32).
std::unique_ptr<RowSink> create_criteo_tsv(const std::string& path, const Schema& schema,
                                           const SinkOptions& options);

}  // namespace hotrow
