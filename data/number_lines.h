// Files of a few long lines, each of numbers between commas: access traces and their profiles.
#pragma once

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kernels/core/check.h"

namespace hotrow {

// Hands out the numbers of a file line by line. DataError with file, line and column; `subject`
// names the file's kind in it.
class NumberLines {
 public:
  NumberLines(std::string path, std::string subject)
      : path_(std::move(path)), subject_(std::move(subject)) {
    std::ifstream file(path_, std::ios::binary);
    require<DataError>(file.is_open(), "[{}] cannot be read: {}", path_, std::strerror(errno));
    text_.assign(std::istreambuf_iterator<char>(file), {});
    require<DataError>(!file.bad() && !text_.empty(),
                       "[{}] the file is empty: got 0 bytes, expected numbers", path_);
  }

  // The next line's numbers, which must be one at least. `what` names them in error texts.
  template <class T>
  std::vector<T> next(std::string_view what) {
    ++line_;
    require<DataError>(end_ < text_.size(),
                       "[{}] the file is cut short: got {} lines, expected line {} with the {}",
                       path_, line_ - 1, line_, what);
    begin_ = end_;
    end_ = std::min(text_.find('\n', begin_), text_.size());
    std::vector<T> numbers;
    size_t at = begin_;
    do {
      numbers.push_back(number<T>(at, what));
    } while (at < end_ && text_[at++] == ',');
    if (end_ < text_.size()) ++end_;
    return numbers;
  }

  bool at_end() const { return end_ >= text_.size(); }

  // Throws with the place of the number'th value (from 0) of the line last read.
  [[noreturn]] void fail(size_t number, std::string_view got, std::string_view expected) const {
    size_t at = begin_;
    for (; number > 0; --number) at = text_.find(',', at) + 1;
    fail_at(at, got, expected);
  }

 private:
  [[noreturn]] void fail_at(size_t at, std::string_view got, std::string_view expected) const {
    while (at < end_ && text_[at] == ' ') ++at;
    throw DataError(fmt::format("[{}:{}:{}] bad {}: got {}, expected {}", path_, line_,
                                at - begin_ + 1, subject_, got, expected));
  }

  void skip_spaces(size_t& at) const {
    while (at < end_ && (text_[at] == ' ' || text_[at] == '\t' || text_[at] == '\r')) ++at;
  }

  template <class T>
  T number(size_t& at, std::string_view what) {
    skip_spaces(at);
    const size_t start = at;
    T value{};
    const auto [stop, error] = std::from_chars(text_.data() + at, text_.data() + end_, value);
    at = stop - text_.data();
    skip_spaces(at);
    if (error != std::errc() || (at < end_ && text_[at] != ',')) {
      const size_t word = std::min(text_.find(',', start), end_) - start;
      fail_at(start, fmt::format("\"{}\"", text_.substr(start, std::min<size_t>(word, 40))),
              fmt::format("the {} as numbers between commas", what));
    }
    return value;
  }

  std::string path_, subject_, text_;
  size_t begin_ = 0, end_ = 0;  // of the current line, behind its newline once it is read
  int64_t line_ = 0;
};

}  // namespace hotrow
