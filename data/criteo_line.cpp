#include "data/criteo_line.h"

#include <algorithm>
#include <charconv>

#include "kernels/core/check.h"

namespace hotrow {
namespace {

constexpr size_t kMaxExcerpt = 32;
constexpr size_t kMaxHexDigits = 8;

// Value of a hexadecimal digit, or -1.
int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

std::string_view without_line_end(std::string_view text) {
  if (text.ends_with('\n')) text.remove_suffix(1);
  if (text.ends_with('\r')) text.remove_suffix(1);
  return text;
}

// Cuts the fields of a line off one by one.
class FieldCutter {
 public:
  FieldCutter(const CriteoRow& row, const CriteoLine& line)
      : row_(row), line_(line), rest_(without_line_end(line.text)) {}

  std::string_view next() {
    if (done_) [[unlikely]]
      fail(rest_);
    const size_t tab = rest_.find('\t');
    const std::string_view field = rest_.substr(0, tab);
    done_ = tab == std::string_view::npos;
    rest_.remove_prefix(done_ ? rest_.size() : tab + 1);
    return field;
  }

  void expect_end() const {
    if (!done_) [[unlikely]]
      fail(rest_);
  }

 private:
  [[noreturn]] void fail(std::string_view at) const {
    const std::string_view whole = without_line_end(line_.text);
    throw DataError(
        fmt::format("[{}] wrong number of tab-separated fields: got {}, expected {} "
                    "(a label, {} integers, {} categories)",
                    criteo_position(line_, at), 1 + std::count(whole.begin(), whole.end(), '\t'),
                    1 + row_.dense.size() + row_.categorical.size(), row_.dense.size(),
                    row_.categorical.size()));
  }

  const CriteoRow& row_;
  const CriteoLine& line_;
  std::string_view rest_;
  bool done_ = false;
};

int32_t parse_label(std::string_view field, const CriteoLine& line) {
  if (field != "0" && field != "1") [[unlikely]] {
    throw DataError(fmt::format("[{}] label: got {}, expected 0 or 1", criteo_position(line, field),
                                quoted_excerpt(field)));
  }
  return field[0] - '0';
}

int32_t parse_dense(std::string_view field, size_t index, const CriteoLine& line) {
  int32_t value = 0;
  const char* end = field.data() + field.size();
  const auto [stop, error] = std::from_chars(field.data(), end, value);
  if (error != std::errc() || stop != end) [[unlikely]] {
    throw DataError(
        fmt::format("[{}] integer field {}: got {}, expected a 32-bit integer or nothing",
                    criteo_position(line, field), index + 1, quoted_excerpt(field)));
  }
  return value;
}

}  // namespace

CriteoRow::CriteoRow(int64_t num_dense, int64_t num_categorical) {
  require(
      num_dense >= 0 && num_categorical >= 0,
      "[criteo_line] number of fields: got {} integers and {} categories, expected none below 0",
      num_dense, num_categorical);
  dense.resize(static_cast<size_t>(num_dense));
  dense_missing.resize(static_cast<size_t>(num_dense));
  categorical.resize(static_cast<size_t>(num_categorical));
}

void parse_criteo_line(CriteoRow& row, const CriteoLine& line) {
  FieldCutter fields(row, line);
  row.label = parse_label(fields.next(), line);
  for (size_t i = 0; i < row.dense.size(); ++i) {
    const std::string_view field = fields.next();
    row.dense_missing[i] = field.empty();
    row.dense[i] = field.empty() ? 0 : parse_dense(field, i, line);
  }
  for (std::string_view& field : row.categorical) field = fields.next();
  fields.expect_end();
}

uint32_t parse_criteo_hex(std::string_view value, const CriteoLine& line) {
  uint32_t result = 0;
  bool ok = value.size() <= kMaxHexDigits;
  for (size_t i = 0; ok && i < value.size(); ++i) {
    const int digit = hex_digit(value[i]);
    ok = digit >= 0;
    result = result << 4 | static_cast<uint32_t>(digit & 15);
  }
  if (!ok) [[unlikely]] {
    throw DataError(
        fmt::format("[{}] categorical value: got {}, expected up to {} hexadecimal digits",
                    criteo_position(line, value), quoted_excerpt(value), kMaxHexDigits));
  }
  return result;
}

std::string criteo_position(const CriteoLine& line, std::string_view part) {
  return fmt::format("{}:{}:{}", line.file, line.number, part.data() - line.text.data() + 1);
}

std::string quoted_excerpt(std::string_view bytes) {
  std::string text = "'";
  for (char c : bytes.substr(0, kMaxExcerpt)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7f) {
      text += c;
    } else {
      text += fmt::format("\\x{:02x}", byte);
    }
  }
  text += bytes.size() > kMaxExcerpt ? "'..." : "'";
  return text;
}

}  // namespace hotrow
