// One day of Criteo data in memory, on its way from text to numbers.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "data/line_reader.h"
#include "engine/rng.h"

namespace hotrow {

inline constexpr int64_t kCriteoDense = 13;
inline constexpr int64_t kCriteoTables = 26;

// How lines become numbers. A day file that was made by other rules is of no use.
struct DayRules {
  int64_t max_ind_range = -1;  // > 0: categories modulo this
  double sub_sample_rate = 0;  // > 0: the share of label-0 lines that is dropped
  int64_t raw_bytes = 0;       // size of the raw file
};

struct CriteoDay {
  std::vector<int32_t> labels;       // (N)
  std::vector<int32_t> dense;        // (N, 13)
  std::vector<int32_t> categorical;  // (N, 26)

  int64_t rows() const { return static_cast<int64_t>(labels.size()); }
  void reserve(int64_t lines);
};

// Appends the next `lines` lines of `text` to `day` as the reference does:
//   drop the line if rules.sub_sample_rate > 0 and label == 0 and u < sub_sample_rate
//   missing -> 0;  category = hex % max_ind_range if that is > 0, then the low 32 bits as an int32
// u is one uniform() of `stream` for each line, dropped or not, and none at rate 0. The lines go to
// `copy` too, if there is one, many at a time. Memory: 160 bytes a line that is kept. DataError for
// a bad line with file:line:column, or when the text ends early.
void parse_criteo_day(CriteoDay& day, LineReader& text, int64_t lines, const DayRules& rules,
                      NumpyRandom& stream, const std::function<void(std::string_view)>& copy = {});

// Passes over the lines of a day that need no parsing, with the draws that parsing would make.
void skip_criteo_day(LineReader& text, int64_t lines, const DayRules& rules, NumpyRandom& stream);

// The reference's day file: X_int int32 (N, 13); X_cat_t int32 (26, N), first index fastest; y
// int32 (N); and made_with float64 (3), the rules, which the reference would not look at.
// `progress` as NpzWriter::finish.
void write_criteo_day(const std::string& path, const CriteoDay& day, const DayRules& rules,
                      const FileProgress& progress = {});

// Reads a day file, also the reference's own. DataError if it is damaged or foreign.
CriteoDay read_criteo_day(const std::string& path);

// Whether `path` exists and was made by these rules; a file that does not tell is taken as it is. A
// rules.raw_bytes below 0 (no raw file at hand) fits every file.
bool criteo_day_fits(const std::string& path, const DayRules& rules);

}  // namespace hotrow
