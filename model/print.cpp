#include "model/print.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <functional>
#include <limits>
#include <string_view>

#include "kernels/core/check.h"

namespace hotrow {
namespace {

constexpr int64_t kSummarizeAbove = 1000;  // elements
constexpr int64_t kEdge = 3;               // items shown on each side of the dots

template <class T>
void check_dims(std::span<const T> data, const std::vector<int64_t>& dims) {
  require(!dims.empty(), "[print] array has no dimensions: got 0, expected at least 1");
  int64_t elements = 1;
  for (int64_t d : dims) {
    require(d >= 0, "[print] dimension is negative: got {}, expected at least 0", d);
    elements *= d;
  }
  require(elements == std::ssize(data),
          "[print] dimensions do not fit the data: got {} elements, expected {}", data.size(),
          elements);
}

// Positions along one dimension that are shown; kDots stands for those that are not.
constexpr int64_t kDots = -1;
std::vector<int64_t> shown(int64_t length, bool summarize) {
  std::vector<int64_t> at;
  const bool dots = summarize && length > 2 * kEdge;
  for (int64_t i = 0; i < (dots ? kEdge : length); ++i) at.push_back(i);
  if (!dots) return at;
  at.push_back(kDots);
  for (int64_t i = length - kEdge; i < length; ++i) at.push_back(i);
  return at;
}

// The elements that are shown, in order: widths are taken from these alone.
template <class T>
void collect(std::span<const T> data, std::span<const int64_t> dims, bool summarize,
             std::vector<T>& out) {
  if (dims.empty()) {
    out.push_back(data[0]);
    return;
  }
  const int64_t stride = std::ssize(data) / dims[0];
  for (int64_t i : shown(dims[0], summarize)) {
    if (i != kDots) collect(data.subspan(i * stride, stride), dims.subspan(1), summarize, out);
  }
}

template <class T>
std::vector<T> shown_elements(std::span<const T> data, const std::vector<int64_t>& dims) {
  std::vector<T> out;
  if (!data.empty()) collect<T>(data, dims, std::ssize(data) > kSummarizeAbove, out);
  return out;
}

template <class Value, class... Format>
std::string chars(Value value, Format... format) {
  char text[512];  // the widest is a float's 39 digits and a precision
  return {text, std::to_chars(text, text + sizeof text, value, format...).ptr};
}

std::string padded(std::string text, size_t width) {
  return text.size() < width ? std::string(width - text.size(), ' ') + text : text;
}

// --- NumPy -------------------------------------------------------------------------------------

// A number cut at its point and its exponent: "-12.5e+03" is {"-12", "5", "+03"}.
struct Parts {
  std::string whole, fraction, exponent;
};

Parts split(std::string text) {
  Parts p;
  if (const size_t e = text.find('e'); e != std::string::npos) {
    p.exponent = text.substr(e + 1);
    text.resize(e);
  }
  const size_t point = text.find('.');
  p.whole = text.substr(0, point);
  if (point != std::string::npos) p.fraction = text.substr(point + 1);
  return p;
}

// The shortest digits that name the float, or, where they are too many, the value rounded to
// `precision` digits after the point and without trailing zeros.
Parts unique_digits(float x, std::chars_format format, int precision) {
  Parts p = split(chars(x, format));
  if (std::ssize(p.fraction) > precision) {
    p = split(chars(static_cast<double>(x), format, precision));
    p.fraction.erase(p.fraction.find_last_not_of('0') + 1);
  }
  return p;
}

// One width for all elements of an array, found from the finite ones that are shown.
class NumpyFloatFormat {
 public:
  NumpyFloatFormat(std::span<const float> values, int precision) : precision_(precision) {
    choose_notation(values);
    size_t whole = 0, exponent = 0;
    bool nan = false, inf = false, negative_inf = false;
    for (float x : values) {
      nan |= std::isnan(x);
      inf |= std::isinf(x);
      negative_inf |= std::isinf(x) && x < 0;
      if (!std::isfinite(x)) continue;
      const Parts p = unique_digits(x, format(), precision);
      whole = std::max(whole, p.whole.size());
      fraction_ = std::max(fraction_, p.fraction.size());
      exponent = std::max(exponent, p.exponent.size());
    }
    const size_t right = 1 + fraction_ + (exponential_ ? 1 + exponent : 0);
    width_ = whole + right;
    // The reference pads for both words as soon as one non-finite value is there.
    if (nan || inf) width_ = std::max({width_, size_t{3}, size_t{3} + negative_inf});
  }

  std::string operator()(float x) const {
    if (std::isnan(x)) return padded("nan", width_);
    if (std::isinf(x)) return padded(x < 0 ? "-inf" : "inf", width_);
    // With powers of ten all elements get the same number of digits, true ones and not zeros.
    if (exponential_ && fraction_ > 0) {
      return padded(chars(double{x}, format(), static_cast<int>(fraction_)), width_);
    }
    const Parts p = unique_digits(x, format(), precision_);
    std::string text = p.whole + "." + p.fraction;
    if (exponential_) {
      text += "e" + p.exponent;
    } else {
      text += std::string(fraction_ - p.fraction.size(), ' ');
    }
    return padded(std::move(text), width_);
  }

 private:
  std::chars_format format() const {
    return exponential_ ? std::chars_format::scientific : std::chars_format::fixed;
  }

  void choose_notation(std::span<const float> values) {
    float largest = 0, smallest = std::numeric_limits<float>::infinity();
    for (float x : values) {
      if (!std::isfinite(x) || x == 0) continue;
      largest = std::max(largest, std::abs(x));
      smallest = std::min(smallest, std::abs(x));
    }
    exponential_ =
        largest > 0 && (largest >= 1e6f || smallest < 1e-4f || largest / smallest > 1000.0f);
  }

  int precision_;
  bool exponential_ = false;
  size_t fraction_ = 0, width_ = 0;
};

// Lays out any array of which element i is printed as word(i).
class NumpyLayout {
 public:
  NumpyLayout(std::span<const int64_t> dims, bool summarize,
              std::function<std::string(int64_t)> word)
      : dims_(dims), summarize_(summarize), word_(std::move(word)) {}

  std::string text() const { return block(0, 0, kLineWidth); }

 private:
  static constexpr int64_t kLineWidth = 75;

  // `first` is the index of the block's first sub-block, counted at its own level.
  std::string block(size_t axis, int64_t first, int64_t width) const {
    return axis + 1 == dims_.size() ? row(axis, first, width) : rows(axis, first, width);
  }

  std::string row(size_t axis, int64_t first, int64_t width) const {
    const std::string indent(axis + 1, ' ');
    std::string done, line = indent;
    for (int64_t i : shown(dims_[axis], summarize_)) {
      const std::string word = i == kDots ? "..." : word_(first + i);
      if (line.size() > indent.size()) {  // not the first of its line
        if (std::ssize(line) + 1 + std::ssize(word) > width - 1) {
          done += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
          line = indent;
        } else {
          line += ' ';
        }
      }
      line += word;
    }
    return "[" + (done + line).substr(indent.size()) + "]";
  }

  std::string rows(size_t axis, int64_t first, int64_t width) const {
    const std::string separator = std::string(dims_.size() - axis - 1, '\n');
    const std::string indent(axis + 1, ' ');
    std::string out;
    for (int64_t i : shown(dims_[axis], summarize_)) {
      if (!out.empty()) out += separator + indent;
      out += i == kDots ? "..." : block(axis + 1, (first + i) * dims_[axis + 1], width - 1);
    }
    return "[" + out + "]";
  }

  std::span<const int64_t> dims_;
  bool summarize_;
  std::function<std::string(int64_t)> word_;
};

// --- PyTorch -----------------------------------------------------------------------------------

class TorchFloatFormat {
 public:
  TorchFloatFormat(std::span<const float> values, int precision) : precision_(precision) {
    double largest = 0, smallest = std::numeric_limits<double>::infinity();
    for (float x : values) {
      if (!counts(x)) continue;
      largest = std::max(largest, std::abs(double{x}));
      smallest = std::min(smallest, std::abs(double{x}));
      integers_ &= x == std::ceil(x);
    }
    if (largest == 0) return;
    exponential_ = largest / smallest > 1000 || largest > 1e8 || smallest < 1e-4;
    for (float x : values) {
      if (counts(x)) width_ = std::max(width_, (*this)(x).size());
    }
  }

  // Right-aligned in width_; a value that is not finite may be wider than that, as in PyTorch.
  std::string operator()(float x) const { return padded(digits(x), width_); }
  size_t width() const { return width_; }

 private:
  static bool counts(float x) { return std::isfinite(x) && x != 0; }

  std::string digits(double x) const {
    if (std::isnan(x)) return "nan";
    if (std::isinf(x)) return x < 0 ? "-inf" : "inf";
    if (exponential_) return chars(x, std::chars_format::scientific, precision_);
    if (integers_) return chars(x, std::chars_format::fixed, 0) + ".";
    return chars(x, std::chars_format::fixed, precision_);
  }

  int precision_;
  bool integers_ = true, exponential_ = false;
  size_t width_ = 1;
};

class TorchIntFormat {
 public:
  explicit TorchIntFormat(std::span<const int64_t> values) {
    for (int64_t x : values) width_ = std::max(width_, chars(x).size());
  }
  std::string operator()(int64_t x) const { return padded(chars(x), width_); }
  size_t width() const { return width_; }

 private:
  size_t width_ = 1;
};

constexpr int64_t kTorchLineWidth = 80;

template <class T, class Format>
std::string torch_block(std::span<const T> data, std::span<const int64_t> dims, int64_t indent,
                        bool summarize, const Format& format) {
  const bool row = dims.size() == 1;
  const int64_t stride = std::ssize(data) / dims[0];
  const int64_t per_line =
      row ? std::max<int64_t>(
                1, (kTorchLineWidth - indent) / (static_cast<int64_t>(format.width()) + 2))
          : 1;
  const std::string next_line = "," + std::string(row ? 1 : dims.size() - 1, '\n') +
                                std::string(static_cast<size_t>(indent + 1), ' ');
  std::string out = "[";
  int64_t count = 0;
  for (int64_t i : shown(dims[0], summarize)) {
    if (count > 0) out += count % per_line == 0 ? next_line : ", ";
    ++count;
    if (i == kDots) {
      out += row ? " ..." : "...";
    } else if (row) {
      out += format(data[static_cast<size_t>(i)]);
    } else {
      out += torch_block(data.subspan(i * stride, stride), dims.subspan(1), indent + 1, summarize,
                         format);
    }
  }
  return out + "]";
}

// "tensor(" contents, suffixes ")": a suffix that does not fit into the last line starts a new one.
constexpr std::string_view kTorchPrefix = "tensor(";
std::string torch_repr(const std::string& contents, const std::vector<std::string>& suffixes) {
  std::string out = std::string(kTorchPrefix) + contents;
  const size_t line_start = out.rfind('\n') + 1;  // 0 if there is one line
  int64_t line = std::ssize(out) - static_cast<int64_t>(line_start) + 2;
  for (const std::string& suffix : suffixes) {
    if (line + std::ssize(suffix) + 2 > kTorchLineWidth) {
      out += ",\n" + std::string(kTorchPrefix.size(), ' ') + suffix;
      line = std::ssize(kTorchPrefix) + std::ssize(suffix);
    } else {
      out += ", " + suffix;
      line += std::ssize(suffix) + 2;
    }
  }
  return out + ")";
}

// `dtype` is empty where PyTorch leaves it out; an empty tensor names its integer type always.
template <class T, class Format>
std::string torch_text(std::span<const T> data, const std::vector<int64_t>& dims,
                       const std::string& dtype, const Format& format) {
  std::vector<std::string> suffixes;
  if (data.empty() && dims.size() > 1) {
    suffixes.push_back(fmt::format("size=({})", fmt::join(dims, ", ")));
  }
  if (!dtype.empty()) suffixes.push_back("dtype=" + dtype);
  if (data.empty()) return torch_repr("[]", suffixes);
  const bool summarize = std::ssize(data) > kSummarizeAbove;
  const auto indent = std::ssize(kTorchPrefix);
  return torch_repr(torch_block<T>(data, dims, indent, summarize, format), suffixes);
}

}  // namespace

std::string numpy_array(std::span<const float> data, const std::vector<int64_t>& dims,
                        int precision) {
  check_dims(data, dims);
  require(precision >= 0, "[print] precision is negative: got {}, expected at least 0", precision);
  if (data.empty()) return "[]";
  const NumpyFloatFormat format(shown_elements(data, dims), precision);
  return NumpyLayout(dims, std::ssize(data) > kSummarizeAbove,
                     [&](int64_t i) { return format(data[static_cast<size_t>(i)]); })
      .text();
}

std::string numpy_array(std::span<const int64_t> data) {
  const std::vector<int64_t> dims = {std::ssize(data)};
  if (data.empty()) return "[]";
  size_t width = 0;
  for (int64_t x : shown_elements(data, dims)) width = std::max(width, chars(x).size());
  return NumpyLayout(dims, std::ssize(data) > kSummarizeAbove,
                     [&](int64_t i) { return padded(chars(data[static_cast<size_t>(i)]), width); })
      .text();
}

std::string python_list(std::span<const int64_t> data) {
  return fmt::format("[{}]", fmt::join(data, ", "));
}

std::string torch_tensor(std::span<const float> data, const std::vector<int64_t>& dims,
                         int precision) {
  check_dims(data, dims);
  require(precision >= 0, "[print] precision is negative: got {}, expected at least 0", precision);
  return torch_text(data, dims, "", TorchFloatFormat(shown_elements(data, dims), precision));
}

std::string torch_tensor(std::span<const int64_t> data, const std::vector<int64_t>& dims,
                         TorchInt dtype) {
  check_dims(data, dims);
  const std::string name = dtype == TorchInt::kInt32 ? "torch.int32"
                           : data.empty()            ? "torch.int64"
                                                     : "";
  return torch_text(data, dims, name, TorchIntFormat(shown_elements(data, dims)));
}

}  // namespace hotrow
