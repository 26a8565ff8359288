// Reads any file as any format. What comes out is a DataError or samples that keep the contract of
// RowSource; anything else ends the process.
#pragma once

#include <string>

#include "data/formats.h"
#include "kernels/core/check.h"
#include "tests/data/formats/rows_check.h"

namespace hotrow::fuzz {

// Gives whether `path` was good data throughout.
inline bool read_format(const char* format, const std::string& path) {
  try {
    const auto source = find_format(format).open(path, {});
    const Rows rows = test::read_all(*source, 64);
    if (rows.rows != source->num_rows()) throw std::logic_error("number of rows");
    return true;
  } catch (const DataError&) {
    return false;
  }
}

}  // namespace hotrow::fuzz
