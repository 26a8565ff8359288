// Where the fields of lines stand: one pass over the text, 64 bytes at once.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace hotrow::text {

struct LineShape {
  char separator = '\t';
  bool quotes = false;     // RFC 4180: "a,b" and "say ""so""" are one field each
  size_t num_columns = 1;  // that a line should have
};

// A run of lines, cut into fields.
class LineBlock {
 public:
  static constexpr size_t kMaxLines = 64;  // text, places and values of a block stay in the caches

  explicit LineBlock(const LineShape& shape);

  // Takes the lines of `text` from byte `begin` on, kMaxLines or as many as there are; gives the
  // byte behind them. A "\r" before the end of a line belongs to no field. text.size() < 2^31.
  size_t take(std::string_view text, size_t begin);

  size_t rows() const { return rows_; }
  size_t fields(size_t row) const { return fields_[row]; }
  // Whether the line has a quote, where they mean something. Its fields are cut heeding them, but
  // are not checked and stand as they are in the text.
  bool quoted(size_t row) const { return quoted_[row]; }
  // Bytes [begin, end) of `text` that are field `column` < fields(row).
  uint32_t begin(size_t row, size_t column) const { return places_[first_[row] + column] + 1; }
  uint32_t end(size_t row, size_t column) const { return places_[first_[row] + column + 1]; }
  // Of the line without its end.
  uint32_t line_begin(size_t row) const { return begin(row, 0); }
  uint32_t line_end(size_t row) const { return line_ends_[row]; }

 private:
  void end_line(std::string_view text, size_t row);
  void cut_quoted(std::string_view text, size_t row);

  LineShape shape_;
  size_t rows_ = 0;
  std::vector<uint32_t> places_;  // of each line: the byte before it, then the ends of its fields
  std::array<uint32_t, kMaxLines + 1> first_{};  // of a line in places_; one more for the next
  std::array<uint32_t, kMaxLines> fields_{}, line_ends_{};
  std::array<bool, kMaxLines> quoted_{};
};

// The fields of one line without its end, cut as LineBlock does.
std::vector<std::string_view> cut_fields(std::string_view line, char separator, bool quotes);

// The text of a field that may stand in quotes. False, with `fault` at the byte of the field that
// is wrong and what was expected there, if the quotes do not fit.
struct QuoteFault {
  size_t at = 0;
  std::string_view expected;
};
bool unquote(std::string& out, std::string_view field, QuoteFault& fault);

}  // namespace hotrow::text
