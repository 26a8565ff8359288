#include "tools/data/split.h"

#include <atomic>
#include <cstdio>
#include <string>

#include "data/split_text.h"
#include "kernels/core/check.h"
#include "model/report_text.h"
#include "tools/cli/flag_set.h"
#include "tools/cli/progress_line.h"
#include "tools/cli/run_main.h"

namespace hotrow {
namespace {

struct SplitOptions {
  SplitConfig config;
  std::string in, schema_file, column;
  double at = 0;
};

std::string parse(SplitOptions& o, int argc, const char* const* argv) {
  using By = SplitConfig::By;
  FlagSet flags("Splits a text file, plain or .gz: dlrm_data split IN --train=FILE --test=FILE",
                "dlrm_data (Hotrow) " HOTROW_VERSION);
  flags.group("Split");
  flags.word("IN", o.in, "Text file; without --schema-file of Criteo lines");
  flags.text("--train", o.config.train, "File to write; gzip if it ends in .gz");
  flags.text("--test", o.config.test, "File to write; gzip if it ends in .gz");
  flags.text("--schema-file", o.schema_file, "Columns of the file (docs/schema.md)");
  flags.choice<By>("--by", o.config.by,
                   {{"time", By::kTime}, {"row", By::kRow}, {"hash", By::kHash}},
                   "Test on the latest lines, the last ones, or some of a column's values");
  flags.text("--column", o.column,
             "Its name or place, of --by=time (if the schema has no time) and --by=hash");
  flags.real("--test-share", o.config.test_share, {.min = 0, .max = 1},
             "Of the lines, or of the values");
  flags.real("--at", o.at, {}, "The first time, or the number of the first line, of the test");
  std::string info = flags.parse(argc, argv);
  if (!info.empty()) return info;
  require(!o.in.empty(), "[IN] is missing: got no file, expected a text file");
  require(!o.config.train.empty() && !o.config.test.empty(),
          "[--train --test] is missing: got {}, expected two files to write",
          o.config.train.empty() && o.config.test.empty() ? "neither" : "only one of both");
  require(!flags.given("--at") || o.config.by != By::kHash,
          "[--at] does not go with --by=hash: got both, expected --test-share");
  require(!flags.given("--at") || !flags.given("--test-share"),
          "[--at] does not go with --test-share: got both, expected one");
  if (flags.given("--at")) o.config.at = o.at;
  return "";
}

// --column, or the time of the schema.
ColumnRef column_of(const SplitOptions& o) {
  if (o.config.by == SplitConfig::By::kRow) return {};
  if (o.column.empty()) {
    require(
        o.config.by == SplitConfig::By::kTime && !o.config.schema.time.empty(),
        "[--column] is missing: got none, expected one (or `time` in the schema, for --by=time)");
    return o.config.schema.time[0];
  }
  for (const TextColumn& column : o.config.schema.columns) {
    if (column.name == o.column) return column.ref;
  }
  if (o.column.find_first_not_of("0123456789") != std::string::npos)
    return {o.column, 0, "--column"};
  const int64_t place = parse_integer("--column", o.column, {.min = 1, .max = 100'000});
  return {"", static_cast<size_t>(place - 1), "--column"};
}

}  // namespace

int run_split(int argc, const char* const* argv) {
  SplitOptions o;
  if (show_info(parse(o, argc, argv))) return 0;
  o.config.files = {o.in};
  o.config.schema = criteo_or_schema_file(o.schema_file);
  o.config.column = column_of(o);
  const std::atomic<bool>& stop = stop_on_signals();
  ProgressLine line;
  const SplitResult result = split_text(o.config, [&](double fraction) {
    if (stop) throw Interrupted("interrupted, nothing written");
    line.show("splitting", fraction, -1, "");
  });
  std::printf("wrote %s: %s lines, %s: %s lines", o.config.train.c_str(),
              with_commas(result.train_lines).c_str(), o.config.test.c_str(),
              with_commas(result.test_lines).c_str());
  if (o.config.by == SplitConfig::By::kTime) std::printf(" from time %.17g on", result.cut);
  std::printf("\n");
  return 0;
}

}  // namespace hotrow
