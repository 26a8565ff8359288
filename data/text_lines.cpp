#include "data/text_lines.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "data/text_numbers.h"

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
    : shape_(shape), stride_(shape.num_columns + 1), bounds_(kMaxLines * stride_) {}

void LineBlock::start_line(size_t at) {
  fields_[rows_] = 0;
  quoted_[rows_] = false;
  bounds_[rows_ * stride_] = static_cast<uint32_t>(at) - 1;
}

void LineBlock::end_field(size_t at) {
  uint32_t& fields = fields_[rows_];
  if (fields < shape_.num_columns) {
    bounds_[rows_ * stride_ + ++fields] = static_cast<uint32_t>(at);
  } else {
    fields = static_cast<uint32_t>(shape_.num_columns) + 1;
  }
}

void LineBlock::cut_quoted(std::string_view text, size_t at) {
  const size_t first = line_begin(rows_);
  const std::string_view line = text.substr(first, at - first);
  fields_[rows_] = 0;
  for (size_t end = field_end(line, 0, shape_.separator, true);;) {
    end_field(first + end);
    if (end == line.size()) return;
    end = field_end(line, end + 1, shape_.separator, true);
  }
}

void LineBlock::end_line(std::string_view text, size_t at) {
  const size_t next = at + 1;
  if (at > line_begin(rows_) && text[at - 1] == '\r') --at;
  line_ends_[rows_] = static_cast<uint32_t>(at);
  if (quoted_[rows_]) {
    cut_quoted(text, at);
  } else {
    end_field(at);
  }
  if (++rows_ < kMaxLines) start_line(next);
}

size_t LineBlock::take(std::string_view text, size_t begin) {
  rows_ = 0;
  start_line(begin);
  const auto separator = static_cast<uint8_t>(shape_.separator);
  for (size_t at = begin; at < text.size(); at += 8) {
    uint64_t bytes = 0;  // behind the end: nothing that is looked for, for no separator is NUL
    if (at + 8 <= text.size()) [[likely]] {
      std::memcpy(&bytes, text.data() + at, 8);
    } else {
      std::memcpy(&bytes, text.data() + at, text.size() - at);
    }
    uint64_t found = bytes_equal(bytes, separator) | bytes_equal(bytes, '\n');
    if (shape_.quotes) found |= bytes_equal(bytes, '"');
    for (; found != 0; found &= found - 1) {
      const size_t place = at + static_cast<size_t>(std::countr_zero(found)) / 8;
      if (text[place] == '\n') {
        end_line(text, place);
        if (rows_ == kMaxLines) return place + 1;
      } else if (text[place] == shape_.separator) {
        end_field(place);
      } else {
        quoted_[rows_] = true;
      }
    }
  }
  if (line_begin(rows_) < text.size()) end_line(text, text.size());
  return text.size();
}

int64_t count_newlines(std::string_view text) {
  constexpr size_t kRound = 255 * 8;  // as far as a count in each byte goes
  int64_t count = 0;
  size_t at = 0;
  while (text.size() - at >= 8) {
    uint64_t counts = 0;  // one in each byte
    for (const size_t end = at + std::min(kRound, (text.size() - at) & ~size_t{7}); at < end;
         at += 8) {
      uint64_t bytes;
      std::memcpy(&bytes, text.data() + at, sizeof(bytes));
      counts += bytes_equal(bytes, '\n') >> 7;
    }
    const uint64_t pairs = (counts & 0x00ff00ff00ff00ffu) + ((counts >> 8) & 0x00ff00ff00ff00ffu);
    count += static_cast<int64_t>((pairs * 0x0001000100010001u) >> 48);
  }
  return count + std::count(text.begin() + static_cast<std::ptrdiff_t>(at), text.end(), '\n');
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
