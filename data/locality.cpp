#include "data/locality.h"

#include <charconv>
#include <cmath>
#include <map>
#include <utility>

#include "data/binary_file.h"
#include "kernels/core/check.h"

namespace hotrow {
namespace {

constexpr int64_t kMostBytes = int64_t{1} << 24;
constexpr double kTrusted = 0.01;    // smallest share of rows that three digits say well enough
constexpr double kTolerance = 0.03;  // of a sum of shares, each rounded to three digits

class LocalityParser {
 public:
  explicit LocalityParser(std::string_view file) : file_(file) {}

  void add_line(std::string_view line) {
    ++line_;
    if (line.find("_bs") != std::string_view::npos) {
      ++blocks_;
      samples_ += number_after(line, "_bs") * number_after(line, "_t");
      section_ = kNone;
    } else if (line.starts_with("Avg # of indices:")) {
      accesses_ += number_after(line, ":");
    } else if (line.starts_with("Avg # of unique cols:")) {
      unique_ += number_after(line, ":");
    } else if (line.starts_with("Histogram of col sizes")) {
      section_ = kRows;
    } else if (line.starts_with("Ratio of index distribution")) {
      section_ = kAccesses;
    } else if (line.starts_with("(") && section_ != kNone) {
      const double low = number_after(line, "(");
      auto& [rows, accesses] = sums_[low];
      (section_ == kRows ? rows : accesses) += number_after(line, ": ");
    }
  }

  Locality finish() const {
    require<DataError>(blocks_ > 0 && samples_ > 0 && unique_ > 0 && !sums_.empty(),
                       "[{}] no locality statistics: got {} blocks, expected one at least with "
                       "its numbers of tables, samples, indices and columns",
                       file_, blocks_);
    Locality locality{accesses_ / samples_, {}};
    const double reuse = accesses_ / unique_;  // accesses of a row
    double rows_sum = 0, access_sum = 0, rows_total = 0;
    for (auto it = sums_.rbegin(); it != sums_.rend(); ++it) {
      const auto [low, sums] = *it;
      PopularityClass one{sums.first / blocks_, sums.second / blocks_};
      rows_sum += one.rows;
      access_sum += one.accesses;
      if (one.rows < kTrusted) one.rows = one.accesses * reuse / std::max(1.0, 1.5 * low);
      rows_total += one.rows;
      if (one.accesses > 0) locality.classes.push_back(one);
    }
    require<DataError>(
        std::abs(rows_sum - 1) <= kTolerance && std::abs(access_sum - 1) <= kTolerance,
        "[{}] bad shares: got sums of {:.3f} of the rows and {:.3f} of the accesses, "
        "expected 1",
        file_, rows_sum, access_sum);
    for (PopularityClass& one : locality.classes) {
      one.rows /= rows_total;
      one.accesses /= access_sum;
    }
    return locality;
  }

 private:
  enum Section { kNone, kRows, kAccesses };

  // The number that follows `word` in the line.
  double number_after(std::string_view line, std::string_view word) const {
    const size_t at = line.find(word);
    double value = -1;
    if (at != std::string_view::npos) {
      std::string_view rest = line.substr(at + word.size());
      while (rest.starts_with(' ')) rest.remove_prefix(1);
      const auto parsed = std::from_chars(rest.data(), rest.data() + rest.size(), value);
      if (parsed.ec != std::errc()) value = -1;
    }
    require<DataError>(value >= 0 && std::isfinite(value) && value < 1e15,
                       "[{}:{}] bad locality statistics: expected a number from 0 to 1e15 after "
                       "'{}'",
                       file_, line_, word);
    return value;
  }

  std::string_view file_;
  int64_t line_ = 0;
  double blocks_ = 0, samples_ = 0, accesses_ = 0, unique_ = 0;  // sums over the blocks
  Section section_ = kNone;
  std::map<double, std::pair<double, double>> sums_;  // by LOW: shares of rows, of accesses
};

}  // namespace

Locality parse_locality(std::string_view text, std::string_view file) {
  LocalityParser parser(file);
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    parser.add_line(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parser.finish();
}

Locality read_locality(const std::string& path) {
  return parse_locality(read_small_file(path, kMostBytes), path);
}

}  // namespace hotrow
