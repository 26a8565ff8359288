#include "tools/data/check.h"

#include <atomic>
#include <cstdio>
#include <string>
#include <vector>

#include "data/row_checker.h"
#include "engine/topology.h"
#include "kernels/core/check.h"
#include "kernels/core/parallel.h"
#include "model/report_text.h"
#include "tools/cli/progress_line.h"
#include "tools/cli/run_main.h"
#include "tools/data/input.h"

namespace hotrow {
namespace {

constexpr int64_t kBlockRows = 8192;

struct Verdict {
  int64_t rows = 0, problems = 0;
  std::vector<std::string> first;
};

Verdict verdict_of(const RowChecker& checker) {
  return {checker.rows(), checker.total(), checker.first()};
}

// Calls show(fraction, rows) often; it may throw.
template <class Show>
Verdict check_text(TextSource& source, Labels labels, Show&& show) {
  RowChecker checker(source.schema(), labels);
  RawStream stream(source, {ErrorPolicy::OnError::kCount, 0}, 2 * num_threads());
  for (RawRows rows; stream.next(rows);) {
    checker.add(rows);
    show(source.fraction(), checker.rows());
  }
  Verdict verdict = verdict_of(checker);
  verdict.problems += stream.bad().total();
  for (const BadLine& line : stream.bad().first()) verdict.first.push_back(line.text);
  return verdict;
}

template <class Show>
Verdict check_rows(RowSource& source, const std::string& path, Labels labels, Show&& show) {
  RowChecker checker(source.schema(), labels);
  const int64_t expected = source.num_rows();
  for (Rows rows; source.next(rows, kBlockRows);) {
    checker.add(rows);
    show(share_of(checker.rows(), expected), checker.rows());
  }
  Verdict verdict = verdict_of(checker);
  if (expected != RowSource::kUnknown && expected != verdict.rows) {
    ++verdict.problems;
    verdict.first.push_back(
        fmt::format("[{}] rows: got {}, expected {}", path, verdict.rows, expected));
  }
  return verdict;
}

}  // namespace

int run_check(int argc, const char* const* argv) {
  DataInput input;
  FlagSet flags("Reads a data set to its end and reports what is wrong: dlrm_data check IN",
                "dlrm_data (Hotrow) " HOTROW_VERSION);
  flags.group("Check");
  input.add_flags(flags);
  bool any_label = false;
  flags.boolean("--any-label", any_label,
                "Labels may be any numbers, as dlrm_train --loss-function=mse takes them");
  if (show_info(flags.parse(argc, argv))) return 0;
  input.check();
  set_num_threads(usable_cores());
  const std::atomic<bool>& stop = stop_on_signals();
  ProgressLine line;
  const auto show = [&](double fraction, int64_t rows) {
    if (stop) throw Interrupted("interrupted before the end");
    line.show("checking", fraction, rows, "rows");
  };
  const Format& format = input.format();
  input.check_part(format);
  const Labels labels = any_label ? Labels::kNumbers : Labels::kZeroOrOne;
  const auto text = input.open_text(format);
  Verdict verdict =
      text ? check_text(*text, labels, show)
           : check_rows(*format.open(input.path, input.source), input.path, labels, show);
  if (verdict.rows == 0 && verdict.problems == 0) {
    verdict.problems = 1;
    verdict.first.push_back(
        fmt::format("[{}] no samples: got 0, expected at least one", input.path));
  }
  for (const std::string& problem : verdict.first) std::printf("%s\n", problem.c_str());
  if (verdict.problems > std::ssize(verdict.first)) std::printf("...\n");
  std::printf("%s: %s, %s rows in %.2f s, %s\n", input.path.c_str(),
              std::string(format.name).c_str(), with_commas(verdict.rows).c_str(), line.seconds(),
              verdict.problems == 0 ? "no problem found"
                                    : fmt::format("{} problem{}", with_commas(verdict.problems),
                                                  verdict.problems == 1 ? "" : "s")
                                          .c_str());
  return verdict.problems == 0 ? 0 : 1;
}

}  // namespace hotrow
