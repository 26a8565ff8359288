// The header of .npy files: types, and the Python dictionary that names them.
#include <algorithm>
#include <array>
#include <bit>
#include <cstdio>

#include "data/excerpt.h"
#include "data/npy.h"
#include "kernels/core/check.h"

namespace hotrow {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";

struct TypeRow {
  NpyType type;
  std::string_view name, descr;
  int64_t item_bytes;
};
constexpr std::array<TypeRow, 12> kTypes = {{
    {NpyType::kBool, "bool", "|b1", 1},
    {NpyType::kInt8, "int8", "|i1", 1},
    {NpyType::kInt16, "int16", "<i2", 2},
    {NpyType::kInt32, "int32", "<i4", 4},
    {NpyType::kInt64, "int64", "<i8", 8},
    {NpyType::kUint8, "uint8", "|u1", 1},
    {NpyType::kUint16, "uint16", "<u2", 2},
    {NpyType::kUint32, "uint32", "<u4", 4},
    {NpyType::kUint64, "uint64", "<u8", 8},
    {NpyType::kFloat16, "float16", "<f2", 2},
    {NpyType::kFloat32, "float32", "<f4", 4},
    {NpyType::kFloat64, "float64", "<f8", 8},
}};

constexpr size_t kShownHeader = 200;

// Scans the header's dictionary: three keys in any order, each once.
class HeaderScanner {
 public:
  HeaderScanner(std::string_view text, const std::string& source) : text_(text), source_(source) {}

  NpyHeader scan() {
    NpyHeader header;
    bool has_descr = false, has_order = false, has_shape = false;
    expect('{');
    while (!accept('}')) {
      const std::string_view key = quoted();
      expect(':');
      if (key == "descr" && !has_descr) {
        has_descr = true;
        set_type(header, quoted());
      } else if (key == "fortran_order" && !has_order) {
        has_order = true;
        header.fortran_order = truth();
      } else if (key == "shape" && !has_shape) {
        has_shape = true;
        header.shape = tuple();
      } else {
        fail("an unknown or repeated key");
      }
      if (!accept(',')) {
        expect('}');
        break;
      }
    }
    if (!has_descr || !has_order || !has_shape) fail("fewer than the three keys");
    int64_t bytes = std::max<int64_t>(header.item_bytes, 1);
    for (int64_t extent : header.shape) {
      if (__builtin_mul_overflow(bytes, std::max<int64_t>(extent, 1), &bytes)) {
        fail("a size beyond 64 bits");
      }
    }
    return header;
  }

 private:
  [[noreturn]] void fail(std::string_view found) const {
    throw DataError(
        fmt::format("[{}] bad .npy header: got {} in {}, expected a dictionary with descr, "
                    "fortran_order and shape",
                    source_, found, quoted_excerpt(text_, kShownHeader)));
  }

  void skip_spaces() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n')) ++at_;
  }
  bool accept(char c) {
    skip_spaces();
    if (at_ == text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  void expect(char c) {
    if (!accept(c)) fail(fmt::format("no '{}' at character {}", c, at_));
  }
  bool accept_word(std::string_view word) {
    skip_spaces();
    if (text_.substr(at_, word.size()) != word) return false;
    at_ += word.size();
    return true;
  }

  std::string_view quoted() {
    skip_spaces();
    if (accept('[')) fail("a record type (structured arrays are not supported)");
    const char quote = accept('"') ? '"' : '\'';
    if (quote == '\'') expect('\'');
    const size_t end = text_.find(quote, at_);
    if (end == std::string_view::npos) fail("an unclosed string");
    const std::string_view word = text_.substr(at_, end - at_);
    at_ = end + 1;
    return word;
  }

  bool truth() {
    if (accept_word("True")) return true;
    if (!accept_word("False")) fail("neither True nor False");
    return false;
  }

  int64_t count() {
    skip_spaces();
    const size_t begin = at_;
    int64_t value = 0;
    for (; at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9'; ++at_) {
      if (__builtin_mul_overflow(value, int64_t{10}, &value) ||
          __builtin_add_overflow(value, int64_t{text_[at_] - '0'}, &value)) {
        fail("a count beyond 64 bits");
      }
    }
    if (at_ == begin) fail("a shape that is no tuple of counts");
    accept('L');  // Python 2 wrote long integers so
    return value;
  }

  std::vector<int64_t> tuple() {
    std::vector<int64_t> shape;
    expect('(');
    while (!accept(')')) {
      shape.push_back(count());
      if (!accept(',')) {
        expect(')');
        break;
      }
    }
    return shape;
  }

  void set_type(NpyHeader& header, std::string_view descr) const {
    for (const TypeRow& row : kTypes) {
      if (row.descr.substr(1) == descr.substr(std::min<size_t>(1, descr.size())) &&
          (descr[0] == row.descr[0] || (row.item_bytes == 1 && descr[0] == '<'))) {
        header.type = row.type;
        header.item_bytes = row.item_bytes;
        return;
      }
    }
    int length = 0, used = 0;
    const std::string copy(descr);
    const bool is_text = std::sscanf(copy.c_str(), "<U%9d%n", &length, &used) == 1 &&
                         used == static_cast<int>(copy.size()) && length >= 0;
    require<DataError>(is_text,
                       "[{}] values of an unsupported type: got {}, expected little-endian bool, "
                       "integers, f2, f4, f8 or text",
                       source_, quoted_excerpt(descr));
    header.type = NpyType::kText;
    header.item_bytes = 4 * int64_t{length};
  }

  std::string_view text_;
  const std::string& source_;
  size_t at_ = 0;
};

}  // namespace

std::string_view npy_type_name(NpyType type) {
  for (const TypeRow& row : kTypes) {
    if (row.type == type) return row.name;
  }
  return "text";
}

int64_t NpyHeader::size() const {
  int64_t n = 1;
  for (int64_t extent : shape) n *= extent;
  return n;
}

std::string encode_npy_header(const NpyHeader& header) {
  std::string descr = fmt::format("<U{}", header.item_bytes / 4);
  for (const TypeRow& row : kTypes) {
    if (row.type == header.type) descr = row.descr;
  }
  std::string shape;
  for (int64_t extent : header.shape) shape += fmt::format("{}, ", extent);
  if (header.shape.size() > 1) shape.resize(shape.size() - 2);
  if (header.shape.size() == 1) shape.pop_back();
  std::string text = fmt::format("{{'descr': '{}', 'fortran_order': {}, 'shape': ({}), }}", descr,
                                 header.fortran_order ? "True" : "False", shape);
  constexpr size_t kFixed = 10;  // magic, version, length
  const size_t total = (kFixed + text.size() + 1 + 63) / 64 * 64;
  text.resize(total - kFixed - 1, ' ');
  text += '\n';
  std::string out(kMagic);
  out += {'\1', '\0', static_cast<char>(text.size() & 0xff), static_cast<char>(text.size() >> 8)};
  return out + text;
}

NpyHeader decode_npy_header(const ByteReader& read, const std::string& source) {
  std::array<char, 8> start;
  read(std::as_writable_bytes(std::span(start)));
  require<DataError>(
      std::string_view(start.data(), kMagic.size()) == kMagic,
      "[{}] no NumPy array: got other bytes, expected the magic \\x93NUMPY at the start", source);
  const int major = start[6];
  require<DataError>(major >= 1 && major <= 3, "[{}] .npy version: got {}, expected 1 to 3", source,
                     major);
  std::array<uint8_t, 4> length{};
  read(std::as_writable_bytes(std::span(length)).first(major == 1 ? 2 : 4));
  const uint32_t bytes = std::bit_cast<uint32_t>(length);
  require<DataError>(bytes <= (1u << 20),
                     "[{}] length of the .npy header: got {}, expected at most 1 MiB", source,
                     bytes);
  std::string text(bytes, '\0');
  read(std::as_writable_bytes(std::span(text)));
  return HeaderScanner(text, source).scan();
}

}  // namespace hotrow
