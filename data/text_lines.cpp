#include "data/text_lines.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "data/line_marks.h"

namespace hotrow::text {
namespace {

// The end of the field that begins at `at`: its separator's place, or line.size().
size_t field_end(std::string_view line, size_t at, char separator, bool quotes) {
  if (quotes && at < line.size() && line[at] == '"') {
    size_t quote = line.find('"', at + 1);
    while (quote != std::string_view::npos && quote + 1 < line.size() && line[quote + 1] == '"') {
      quote = line.find('"', quote + 2);
    }
    if (quote == std::string_view::npos) return line.size();
    at = quote + 1;
  }
  return std::min(line.find(separator, at), line.size());
}

}  // namespace

LineBlock::LineBlock(const LineShape& shape)
    : shape_(shape), places_(kMaxLines * (shape.num_columns + 1) + kMarkRoom) {}

size_t LineBlock::take(std::string_view text, size_t begin) {
  quoted_.fill(false);
  places_[0] = static_cast<uint32_t>(begin) - 1;
  first_[0] = 0;
  LineMarks marks{.separator = shape_.separator,
                  .quotes = shape_.quotes,
                  .most_lines = kMaxLines,
                  .first = first_.data(),
                  .quoted = quoted_.data(),
                  .at = begin,
                  .count = 1};
  while (marks.lines < kMaxLines && marks.at < text.size()) {
    if (places_.size() < marks.count + kMarkRoom) places_.resize(2 * places_.size());
    marks.places = places_;
    mark_lines(marks, text);
  }
  rows_ = marks.lines;
  const bool open = rows_ < kMaxLines && places_[first_[rows_]] + 1 < text.size();
  if (open) {  // the last line has no end of its own
    places_[marks.count] = static_cast<uint32_t>(text.size());
    first_[++rows_] = static_cast<uint32_t>(marks.count + 1);
  }
  const size_t behind = open ? text.size() : places_[first_[rows_]] + 1;
  for (size_t row = 0; row < rows_; ++row) end_line(text, row);
  return behind;
}

void LineBlock::end_line(std::string_view text, size_t row) {
  uint32_t& end = places_[first_[row + 1] - 1];
  if (end > line_begin(row) && text[end - 1] == '\r') --end;
  line_ends_[row] = end;
  fields_[row] = first_[row + 1] - first_[row] - 1;
  if (quoted_[row]) cut_quoted(text, row);
}

// Fields as quotes make them: there are no more than separators.
void LineBlock::cut_quoted(std::string_view text, size_t row) {
  const size_t first = line_begin(row);
  const std::string_view line = text.substr(first, line_ends_[row] - first);
  uint32_t fields = 0;
  for (size_t end = field_end(line, 0, shape_.separator, true);;) {
    places_[first_[row] + ++fields] = static_cast<uint32_t>(first + end);
    if (end == line.size()) break;
    end = field_end(line, end + 1, shape_.separator, true);
  }
  fields_[row] = fields;
}

std::vector<std::string_view> cut_fields(std::string_view line, char separator, bool quotes) {
  std::vector<std::string_view> fields;
  for (size_t begin = 0;;) {
    const size_t end = field_end(line, begin, separator, quotes);
    fields.push_back(line.substr(begin, end - begin));
    if (end == line.size()) return fields;
    begin = end + 1;
  }
}

bool unquote(std::string& out, std::string_view field, QuoteFault& fault) {
  out.clear();
  if (!field.starts_with('"')) {
    fault = {field.find('"'), "quotes around the whole field, and two for one inside"};
    out = field;
    return fault.at == std::string_view::npos;
  }
  for (size_t at = 1; at < field.size(); ++at) {
    if (field[at] == '"') {
      if (++at == field.size()) return true;
      fault = {at, "the end of the field behind its quote, or a second quote"};
      if (field[at] != '"') return false;
    }
    out += field[at];
  }
  fault = {field.size(), "a quote that ends the field, on its line"};
  return false;
}

}  // namespace hotrow::text
