// One line of raw Criteo data: `label \t I1 .. I13 \t C1 .. C26`, no header, empty fields are
// missing.
//
//   row.label       = field 0, "0" or "1"
//   row.dense[i]    = field 1 + i as a decimal int32, or 0 with row.dense_missing[i] = 1
//   row.categorical = the text of the other fields; parse_criteo_hex reads one value of them
//
// A trailing "\n" or "\r\n" is not part of the last field. Nothing is allocated once a row has been
// made: one scan of the line, about 250 bytes and as many comparisons at the Criteo shape. Errors
// are DataError `[file:line:column] ...`; columns are bytes from 1, as editors count them. Source:
// the data sets' own description (Criteo Display Advertising Challenge, Criteo 1TB Click Logs).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace hotrow {

// One line and where it stands. `text` must outlive the views that a row keeps into it.
struct CriteoLine {
  std::string_view file;  // for error texts
  int64_t number = 0;     // 1-based
  std::string_view text;
};

// The fields of one line; the sizes of its vectors are the number of fields that a line must have.
struct CriteoRow {
  explicit CriteoRow(int64_t num_dense = 13, int64_t num_categorical = 26);

  int32_t label = 0;                   // 0 or 1
  std::vector<int32_t> dense;          // (num_dense), 0 where missing, may be negative
  std::vector<uint8_t> dense_missing;  // (num_dense), 1 where the field is empty
  std::vector<std::string_view>
      categorical;  // (num_categorical), views into the line, may be empty
};

// Fills `row` with the fields of `line`. Throws DataError on too few or too many fields, a label
// that is neither 0 nor 1, and a dense field that is not an int32. Categorical text is not looked
// at.
void parse_criteo_line(CriteoRow& row, const CriteoLine& line);

// The value of one categorical: up to 8 hexadecimal digits of either case; empty is 0 (missing).
// `value` is a part of `line.text`, so that an error can name its column.
uint32_t parse_criteo_hex(std::string_view value, const CriteoLine& line);

// `file:line:column` of `part`, which lies inside line.text.
std::string criteo_position(const CriteoLine& line, std::string_view part);

// Raw bytes for an error text: in quotes, at most 32 of them, unprintable ones as \xNN.
std::string quoted_excerpt(std::string_view bytes);

}  // namespace hotrow
