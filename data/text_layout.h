// A text schema beside the first line of a file: which field of a line is what.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "data/text_lines.h"
#include "data/text_schema.h"

namespace hotrow {

struct TextLayout {
  struct Column {
    TextColumn column;
    size_t place = 0;  // 0-based field of a line
  };

  TextSchema schema;
  std::string header;           // the first line of each file; empty without one
  std::vector<Column> columns;  // those that are read, by place
  text::LineShape shape;
  bool fast = true;  // no word for a missing value looks like a value
};

// `first_line` is the first of `file`, without its end. DataError as find_column, and for two
// columns of the schema that are one of the file, and a line of another length than the schema's.
TextLayout lay_out(const TextSchema& schema, const std::string& file, std::string_view first_line);

}  // namespace hotrow
