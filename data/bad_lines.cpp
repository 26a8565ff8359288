#include "data/bad_lines.h"

#include <fmt/format.h>

#include <numeric>

#include "kernels/core/check.h"

namespace hotrow {
namespace {

constexpr size_t kShown = 5;

std::string lines_text(int64_t count) {
  return fmt::format("{} bad line{}", count, count == 1 ? "" : "s");
}

}  // namespace

std::string_view name_of(LineFault fault) {
  constexpr std::array<std::string_view, kLineFaults> kNames = {"wrong number of fields", "quotes",
                                                                "label", "number", "category"};
  return kNames[static_cast<size_t>(fault)];
}

BadLines::BadLines(const ErrorPolicy& policy) : policy_(policy) {
  require(policy.max_errors >= 0,
          "[bad lines] most that may be skipped: got {}, expected 0 or more", policy.max_errors);
}

void BadLines::add(const std::vector<BadLine>& lines) {
  for (const BadLine& line : lines) {
    if (policy_.on_error == ErrorPolicy::OnError::kStop) throw DataError(line.text);
    ++total_;
    ++counts_[static_cast<size_t>(line.fault)];
    if (first_.size() < kShown) first_.push_back(line);
    require<DataError>(
        policy_.on_error != ErrorPolicy::OnError::kSkip || total_ <= policy_.max_errors,
        "{} (one of more than {} bad lines: expected at most that many; --max-errors raises the "
        "limit)",
        first_.empty() ? line.text : first_.front().text, policy_.max_errors);
  }
}

void BadLines::finish() const {
  require<DataError>(policy_.on_error != ErrorPolicy::OnError::kCount || total_ == 0, "{}",
                     report());
}

std::string BadLines::report() const {
  if (total_ == 0) return {};
  std::string text = lines_text(total_);
  std::string_view before = ": ";
  for (size_t i = 0; i < kLineFaults; ++i) {
    if (counts_[i] == 0) continue;
    text += fmt::format("{}{} {}", before, counts_[i], name_of(static_cast<LineFault>(i)));
    before = ", ";
  }
  for (const BadLine& line : first_) text += "; " + line.text;
  return text + (total_ > static_cast<int64_t>(first_.size()) ? "; ..." : "");
}

}  // namespace hotrow
