// What becomes of lines that cannot be read, and the report of them.
//
// Bad lines are counted in the order of the files, whatever thread met them first, so that the
// report and the line that ends a run do not depend on threads.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace hotrow {

struct ErrorPolicy {
  enum class OnError {
    kStop,   // the first bad line ends the run
    kSkip,   // bad lines are left out, up to max_errors of them
    kCount,  // all are counted, and any of them fails the run at its end
  };
  OnError on_error = OnError::kStop;
  int64_t max_errors = 1000;  // of kSkip
};

enum class LineFault : uint8_t { kFields, kQuotes, kLabel, kNumber, kCategory };
inline constexpr size_t kLineFaults = 5;
std::string_view name_of(LineFault fault);  // "wrong number of fields", ...

struct BadLine {
  int64_t line = 0;  // 1-based
  LineFault fault = LineFault::kFields;
  std::string text;  // [file:line:column] what was found, what was expected
};

class BadLines {
 public:
  explicit BadLines(const ErrorPolicy& policy = {});

  // Takes the bad lines of the next piece, in order. DataError: kStop, with the first one's text;
  // kSkip, when there are more than max_errors, with the first of all.
  void add(const std::vector<BadLine>& lines);
  // At the end. DataError with report() for kCount, if there were any.
  void finish() const;

  int64_t total() const { return total_; }
  int64_t count(LineFault fault) const { return counts_[static_cast<size_t>(fault)]; }
  // The first few of all.
  const std::vector<BadLine>& first() const { return first_; }
  // "3 bad lines: 2 wrong number of fields, 1 label; [file:line:column] ...; [...] ..."; empty
  // without any.
  std::string report() const;

 private:
  ErrorPolicy policy_;
  int64_t total_ = 0;
  std::array<int64_t, kLineFaults> counts_{};
  std::vector<BadLine> first_;
};

}  // namespace hotrow
