#include "data/text_parser.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>

#include "data/excerpt.h"
#include "data/line_marks.h"
#include "data/short_fields.h"
#include "data/text_field.h"
#include "data/text_values.h"

namespace hotrow {
namespace {

using text::Field;
using text::FieldError;
using text::LineBlock;
using Role = TextColumn::Role;

static_assert(LineBlock::kMaxLines <= text::ShortFields::kMost);

constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();

class Parser {
 public:
  Parser(RawRows& rows, const TextLayout& layout, std::string_view file, const TextPiece& piece)
      : rows_(rows),
        layout_(layout),
        schema_(layout.schema),
        file_(file),
        first_line_(piece.first_line),
        text_(piece.text.data(), piece.text.size()),
        block_(layout.shape) {}

  void run() {
    make_room();
    for (size_t at = 0; at < text_.size();) {
      at = block_.take(text_, at);
      read_block();
      row_ += block_.rows();
    }
    finish();
  }

 private:
  size_t num_dense() const { return schema_.schema.num_dense(); }

  // What the vectors held is overwritten, not cleared.
  void make_room() {
    lines_ = static_cast<size_t>(text::count_newlines(text_));
    lines_ += !text_.empty() && text_.back() != '\n';
    rows_.labels.resize(lines_);
    rows_.dense.resize(lines_ * num_dense());
    rows_.sparse.resize(schema_.schema.num_tables());
    rows_.bad.clear();
    for (const TextLayout::Column& c : layout_.columns) {
      if (c.column.role != Role::kCategorical) continue;
      RawFeature& feature = rows_.sparse[c.column.index];
      feature.offsets.resize(lines_ + 1);
      std::iota(feature.offsets.begin(), feature.offsets.end(), 0);
      feature.keys.resize(is_list(c.column) ? 0 : lines_);
    }
  }

  static bool is_list(const TextColumn& column) { return column.list_separator != '\0'; }

  // Columns of one value a field take a line's place in their vectors; lists are appended last,
  // when it is known which lines are good.
  void read_block() {
    for (size_t r = 0; r < block_.rows(); ++r) {
      // The loops read eight bytes before the end of a field, and the one behind it.
      const bool plain = block_.fields(r) == layout_.shape.num_columns && !block_.quoted(r) &&
                         block_.line_begin(r) >= 8 && block_.line_end(r) < text_.size();
      state_[r] = plain && layout_.fast ? kGood : kDoubtful;
    }
    for (const TextLayout::Column& c : layout_.columns) {
      if (!is_list(c.column)) read_column(c);
    }
    for (size_t r = 0; r < block_.rows(); ++r) {
      if (state_[r] == kDoubtful) read_line(r);
    }
    for (const TextLayout::Column& c : layout_.columns) {
      if (is_list(c.column)) read_list_column(c);
    }
  }

  Field field(size_t r, size_t place) const {
    const uint32_t begin = block_.begin(r, place);
    return {text_.data() + begin, block_.end(r, place) - begin};
  }

  // read(r, field) gives whether it could.
  template <class Read>
  void for_good_lines(size_t place, Read&& read) {
    for (size_t r = 0; r < block_.rows(); ++r) {
      if (state_[r] == kGood && !read(r, field(r, place))) state_[r] = kDoubtful;
    }
  }

  // The fields of a column of the good lines, an empty one for others. False if one is longer.
  bool load_short_fields(size_t place) {
    size_t sizes = 0;
    for (size_t r = 0; r < block_.rows(); ++r) {
      if (state_[r] != kGood) {
        short_.sizes[r] = 0;
        continue;
      }
      const Field f = field(r, place);
      std::memcpy(&short_.bytes[r], f.end() - 8, 8);
      short_.sizes[r] = f.size;
      sizes = std::max(sizes, f.size);
    }
    return sizes <= text::kMaxFast;
  }

  void read_column(const TextLayout::Column& c) {
    switch (c.column.role) {
      case Role::kLabel:
        return read_labels(c.place);
      case Role::kNumerical:
        return read_numbers(c);
      case Role::kCategorical:
        return read_keys(c);
    }
  }

  void read_labels(size_t place) {
    float* labels = rows_.labels.data() + row_;
    const LabelRule& rule = schema_.label;
    if (rule.kind == LabelRule::Kind::kBinary) {
      return for_good_lines(place, [&](size_t r, Field field) {
        labels[r] = static_cast<float>(*field.begin & 1);
        return field.size == 1 && (*field.begin | 1) == '1';
      });
    }
    for_good_lines(place, [&](size_t r, Field field) {
      double number = 0;
      if (rule.kind == LabelRule::Kind::kEquals) {
        labels[r] = field.text() == rule.text ? 1.0f : 0.0f;
        return true;
      }
      const bool ok = text::read_real(field, number);
      if (rule.kind == LabelRule::Kind::kNumber) {
        labels[r] = static_cast<float>(number);
        return ok && std::isfinite(labels[r]);
      }
      labels[r] = number >= rule.bound ? 1.0f : 0.0f;
      return ok;
    });
  }

  void read_numbers(const TextLayout::Column& c) {
    double* column = rows_.dense.data() + row_ * num_dense() + c.column.index;
    const size_t stride = num_dense();
    if (c.column.type == ColumnType::kFloat64) {
      return for_good_lines(c.place, [=](size_t r, Field field) {
        double number = kMissing;
        const bool ok = field.size == 0 || text::read_real(field, number);
        column[r * stride] = number;
        return ok;
      });
    }
    if (load_short_fields(c.place) && text::read_decimals(numbers_, short_, block_.rows())) {
      for (size_t r = 0; r < block_.rows(); ++r) column[r * stride] = numbers_[r];
      return;
    }
    for_good_lines(c.place, [=](size_t r, Field field) {
      int64_t number = 0;
      const bool ok = text::read_integer(field, number);
      column[r * stride] = field.size == 0 ? kMissing : static_cast<double>(number);
      return ok;
    });
  }

  // read(field, value) gives whether it could; what is none of the column's ids it could not.
  template <class Read>
  void read_integer_keys(const TextLayout::Column& c, Read&& read) {
    uint64_t* keys = rows_.sparse[c.column.index].keys.data() + row_;
    const uint64_t largest = static_cast<uint64_t>(c.column.cardinality) - 1;  // of all, for 0
    for_good_lines(c.place, [&](size_t r, Field field) {
      int64_t value = 0;
      const bool ok = read(field, value);
      keys[r] = static_cast<uint64_t>(value);
      return ok && keys[r] <= largest;
    });
  }

  void read_keys(const TextLayout::Column& c) {
    if (c.column.type == ColumnType::kHex32) {
      if (c.column.cardinality == 0 && read_short_hex(c)) return;
      return read_integer_keys(c, [](Field f, int64_t& value) { return text::read_hex(f, value); });
    }
    if (c.column.type != ColumnType::kText) {
      return read_integer_keys(
          c, [](Field f, int64_t& value) { return text::read_long_integer(f, value); });
    }
    uint64_t* keys = rows_.sparse[c.column.index].keys.data() + row_;
    for_good_lines(c.place, [&](size_t r, Field field) {
      keys[r] = text::is_missing(schema_, field.text()) ? 0 : text::key_of_text(field.text());
      return true;
    });
  }

  bool read_short_hex(const TextLayout::Column& c) {
    if (!load_short_fields(c.place) || !text::read_hexadecimals(words_, short_, block_.rows())) {
      return false;
    }
    std::copy_n(words_.begin(), block_.rows(), rows_.sparse[c.column.index].keys.begin() + row_);
    return true;
  }

  void read_list_column(const TextLayout::Column& c) {
    RawFeature& feature = rows_.sparse[c.column.index];
    const bool hex = c.column.type == ColumnType::kHex32 && c.column.cardinality == 0;
    for (size_t r = 0; r < block_.rows(); ++r) {
      int64_t value = 0;
      const bool one = hex && state_[r] == kGood && field(r, c.place).size > 0 &&
                       text::read_hex(field(r, c.place), value);
      if (one) {
        feature.keys.push_back(static_cast<uint64_t>(value));
      } else if (state_[r] != kBad) {
        with_care(r, [&] { text::append_keys(feature.keys, schema_, c.column, care(r, c.place)); });
      }
      feature.offsets[row_ + r + 1] = std::ssize(feature.keys);
    }
  }

  // Runs read(), whose FieldError makes the line a bad one.
  template <class Read>
  void with_care(size_t r, Read&& read) {
    try {
      read();
    } catch (const FieldError& error) {
      state_[r] = kBad;
      bad_rows_.push_back(row_ + r);
      const int64_t line = first_line_ + static_cast<int64_t>(row_ + r);
      const size_t column = at_ + (unquoted_ ? 0 : error.at) - block_.line_begin(r) + 1;
      rows_.bad.push_back(
          {line, error.fault, fmt::format("[{}:{}:{}] {}", file_, line, column, error.what)});
    }
  }

  void read_line(size_t r) {
    with_care(r, [&] {
      check_fields(r);
      for (const TextLayout::Column& c : layout_.columns) {
        const std::string_view field = care(r, c.place);
        const TextColumn& column = c.column;
        if (column.role == Role::kLabel) {
          rows_.labels[row_ + r] = text::label_of(schema_, column, field);
        } else if (column.role == Role::kNumerical) {
          rows_.dense[(row_ + r) * num_dense() + column.index] =
              text::number_of(schema_, column, field);
        } else {
          keys_.clear();
          text::append_keys(keys_, schema_, column, field);
          if (!is_list(column)) rows_.sparse[column.index].keys[row_ + r] = keys_.front();
        }
      }
    });
  }

  void check_fields(size_t r) {
    const size_t expected = layout_.shape.num_columns;
    if (block_.fields(r) == expected) return;
    const std::string_view line =
        text_.substr(block_.line_begin(r), block_.line_end(r) - block_.line_begin(r));
    const auto fields = text::cut_fields(line, schema_.separator, schema_.quotes);
    unquoted_ = false;
    at_ = fields.size() > expected ? static_cast<size_t>(fields[expected].data() - text_.data())
                                   : block_.line_end(r);
    throw FieldError{LineFault::kFields, fmt::format("wrong number of fields: got {}, expected {}",
                                                     fields.size(), expected)};
  }

  // The text of a field that may stand in quotes.
  std::string_view care(size_t r, size_t place) {
    at_ = block_.begin(r, place);
    const std::string_view field = text_.substr(at_, block_.end(r, place) - at_);
    unquoted_ = false;
    if (!block_.quoted(r)) return field;
    text::QuoteFault fault;
    if (!text::unquote(scratch_, field, fault)) {
      throw FieldError{LineFault::kQuotes,
                       fmt::format("quotes: got {}, expected {}",
                                   quoted_excerpt(field.substr(fault.at)), fault.expected),
                       fault.at};
    }
    unquoted_ = scratch_.size() != field.size();
    return scratch_;
  }

  void finish() {
    rows_.rows = static_cast<int64_t>(lines_ - bad_rows_.size());
    if (bad_rows_.empty()) return;
    std::sort(bad_rows_.begin(), bad_rows_.end());
    std::stable_sort(rows_.bad.begin(), rows_.bad.end(),
                     [](const BadLine& a, const BadLine& b) { return a.line < b.line; });
    std::vector<size_t> kept;
    for (size_t row = 0, next = 0; row < lines_; ++row) {
      const bool bad = next < bad_rows_.size() && bad_rows_[next] == row;
      next += bad;
      if (!bad) kept.push_back(row);
    }
    keep(kept);
  }

  void keep(const std::vector<size_t>& kept) {
    const size_t width = num_dense();
    for (size_t to = 0; to < kept.size(); ++to) {
      rows_.labels[to] = rows_.labels[kept[to]];
      std::copy_n(rows_.dense.begin() + kept[to] * width, width, rows_.dense.begin() + to * width);
    }
    rows_.labels.resize(kept.size());
    rows_.dense.resize(kept.size() * width);
    for (RawFeature& feature : rows_.sparse) {
      int64_t count = 0;
      for (size_t to = 0; to < kept.size(); ++to) {
        const int64_t begin = feature.offsets[kept[to]], end = feature.offsets[kept[to] + 1];
        std::copy(feature.keys.begin() + begin, feature.keys.begin() + end,
                  feature.keys.begin() + count);
        feature.offsets[to] = count;
        count += end - begin;
      }
      feature.offsets.resize(kept.size() + 1);
      feature.offsets.back() = count;
      feature.keys.resize(static_cast<size_t>(count));
    }
  }

  enum State : uint8_t { kGood, kDoubtful, kBad };

  RawRows& rows_;
  const TextLayout& layout_;
  const TextSchema& schema_;
  const std::string_view file_;
  const int64_t first_line_;
  const std::string_view text_;
  LineBlock block_;
  size_t lines_ = 0;
  size_t row_ = 0;  // of the block's first line
  std::array<State, LineBlock::kMaxLines> state_;
  std::vector<size_t> bad_rows_;
  text::ShortFields short_;  // of one column of the block, and what they are
  text::ShortFields::Words words_;
  std::array<double, text::ShortFields::kMost> numbers_;
  // Of the field that is being read with care.
  size_t at_ = 0;          // its first byte in text_
  bool unquoted_ = false;  // its text is not that of the file
  std::string scratch_;
  std::vector<uint64_t> keys_;
};

}  // namespace

void parse_text(RawRows& rows, const TextLayout& layout, std::string_view file,
                const TextPiece& piece) {
  Parser(rows, layout, file, piece).run();
}

}  // namespace hotrow
