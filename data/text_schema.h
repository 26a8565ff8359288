// How the lines of a CSV or TSV file become samples: docs/schema.md, whose YAML files
// load_text_schema() reads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "data/schema.h"

namespace hotrow {

// A column of the file, by its name in the header or by its place.
struct ColumnRef {
  std::string name;    // empty: by place
  size_t place = 0;    // 0-based
  std::string origin;  // for error texts: file:line:column of the schema file
};

// Which labels a text has.
struct LabelRule {
  enum class Kind {
    kBinary,   // "0" and "1" are the labels
    kAtLeast,  // a number: 1 if it is at least `bound`, 0 if it is less
    kEquals,   // a text: 1 if it is `text`, 0 for any other
    kNumber,   // any finite number
  };
  Kind kind = Kind::kBinary;
  double bound = 0;
  std::string text;
};

// One column that is read.
struct TextColumn {
  enum class Role : uint8_t { kLabel, kNumerical, kCategorical };

  ColumnRef ref;
  Role role = Role::kCategorical;
  std::string name;                     // for error texts
  ColumnType type = ColumnType::kText;  // int32, int64, hex32, float64 or text
  size_t index = 0;                     // among the schema's columns of its role
  // Of categorical columns.
  char list_separator = '\0';  // several values in a field; '\0': one
  int64_t max_values = 1;      // at the most in a field
  bool empty_is_zero = true;   // a missing field is one value 0 (of a list: else no value)
  // How training makes row ids of the values. At most one of the three is set; with none of them
  // the values are counted.
  int64_t hash_rows = 0;      // > 0: into so many rows
  int64_t cardinality = 0;    // > 0: they are row ids in [0, cardinality) already
  int64_t min_frequency = 0;  // > 0: counted; rarer ones share row 0
};

struct TextSchema {
  std::string origin = "schema";     // for error texts: a file
  char separator = ',';              // never '"', '\n' or '\r'
  bool header = false;               // the first line of each file names the columns
  bool quotes = false;               // fields may stand in quotes (RFC 4180), but within one line
  std::vector<std::string> missing;  // fields that hold no value
  size_t num_columns = 0;            // of a line; 0: as many as the first line has
  LabelRule label;
  std::vector<TextColumn> columns;  // those that are read, in the order of the schema file
  std::vector<ColumnRef> time;      // none or one: the column to split by
  Schema schema;                    // what comes out
};

// label \t I1 .. \t C1 ..: raw Criteo lines. A field of a category may hold up to max_values values
// `a|b|c`; an empty field is one value 0, as facebookresearch/dlrm has it.
TextSchema criteo_text_schema(int64_t num_dense = 13, int64_t num_categorical = 26,
                              int64_t max_values = 1);

// Reads docs/schema.md's YAML. DataError [file:line:column] on unknown or repeated keys, values of
// the wrong kind or out of range, and columns that are named twice; a path that cannot be read.
TextSchema load_text_schema(const std::string& path);

// That of `path`, or of raw Criteo lines where it is empty.
TextSchema criteo_or_schema_file(const std::string& path, int64_t max_values = 1);
// The same from memory; `origin` stands for the path in error texts.
TextSchema parse_text_schema(const std::string& yaml, const std::string& origin);

// Where in a line `ref` stands, for a file whose first line has these fields. DataError that names
// `file` where there is no such column, or two of its name.
size_t find_column(const TextSchema& schema, const ColumnRef& ref, const std::string& file,
                   const std::vector<std::string>& first_line);

}  // namespace hotrow
