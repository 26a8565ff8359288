// Any bytes as a schema in JSON: a DataError, or a schema that survives being written.
#pragma once

#include <cstdlib>
#include <string>
#include <string_view>

#include "data/schema_json.h"
#include "kernels/core/check.h"

namespace hotrow::fuzz {

// Gives whether it was one.
inline bool read_schema_json(std::string_view text) {
  Schema schema;
  try {
    schema = schema_from_json(text, "fuzz");
  } catch (const DataError&) {
    return false;
  }
  const std::string written = schema_to_json(schema);
  if (schema_to_json(schema_from_json(written, "written")) != written) std::abort();
  return true;
}

}  // namespace hotrow::fuzz
