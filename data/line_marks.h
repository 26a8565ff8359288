// The bytes of text that separate fields and end lines, 64 bytes at once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace hotrow::text {

// Room for marks that one step may take, used or not.
inline constexpr size_t kMarkRoom = 160;

// Where marking stands. Line r has places[first[r]], the byte before it, then the place of each of
// its separators, then that of its '\n'.
struct LineMarks {
  char separator;
  bool quotes;  // '"' is looked for
  size_t most_lines;
  uint32_t* first;   // (most_lines + 1): of each line that has ended, and of the one after it
  bool* quoted;      // (most_lines): set where a line has a '"'; with `quotes`
  size_t at;         // byte of the text
  size_t count;      // of places
  size_t lines = 0;  // that have ended
  std::span<uint32_t> places = {};
};

// Goes on until most_lines have ended, the text has, or fewer than kMarkRoom places are left. Where
// lines are enough, `at` says nothing. The separator is not NUL, text.size() < 2^32.
void mark_lines(LineMarks& marks, std::string_view text);

// The number of '\n'.
int64_t count_newlines(std::string_view text);

}  // namespace hotrow::text
