// What a schema file (docs/schema.md) says of a file without a header, where it is no text.
#pragma once

#include <string>

#include "data/schema.h"
#include "data/text_schema.h"

namespace hotrow {

// `stored`, the columns of the file `path` as far as they are known, with the names and transforms
// of `text` and, where `stored` does not know them, its table sizes. Columns go by their order
// under numerical and categorical; what only text has (places, separators, rules for labels) does
// not matter. DataError that names the schema file and `path`: another number of columns, another
// size of a table, other ids a sample (max_values), numbers of type int that are not stored as
// integers or the other way round.
Schema described_by(const TextSchema& text, Schema stored, const std::string& path);

}  // namespace hotrow
