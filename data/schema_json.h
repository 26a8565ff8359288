// A Schema as JSON, the form in which files carry it:
//
//   {"label": {"name": "label", "type": "int32"},
//    "numerical": [{"name": "I1", "type": "int32", "applied": "none", "transform": "log1p"}, ...],
//    "categorical": [{"name": "C1", "type": "hex32", "cardinality": 1460, "hotness": 1,
//                     "fixed_hotness": true}, ...]}
#pragma once

#include <string>
#include <string_view>

#include "data/schema.h"

namespace hotrow {

// On one line; the same schema, the same text.
std::string schema_to_json(const Schema& schema);

// The inverse. DataError that starts with [`source`] for anything else: no JSON, a key that is
// missing or of the wrong kind, an unknown type, a negative cardinality, a hotness outside
// [1, 2^31).
Schema schema_from_json(std::string_view text, std::string_view source);

}  // namespace hotrow
