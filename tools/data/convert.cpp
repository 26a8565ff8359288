#include "tools/data/convert.h"

#include <fmt/format.h>

#include <atomic>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <span>
#include <string>

#include "data/encode/input_facts.h"
#include "kernels/core/check.h"
#include "model/report_text.h"
#include "tools/cli/flag_set.h"
#include "tools/cli/progress_line.h"
#include "tools/cli/run_main.h"
#include "tools/data/input.h"

namespace hotrow {
namespace {

constexpr int64_t kBlockRows = 8192;

struct ConvertOptions {
  DataInput input;
  std::string to, out;
  SinkOptions sink;
};

std::string format_list() {
  std::string text = "\nFormats:\n";
  for (const Format& format : formats()) {
    text += fmt::format("  {:<16} {}{}\n", format.name, format.about,
                        format.create == nullptr ? " (read only)" : "");
  }
  return text;
}

// Sets `options`; gives what --help or --version must print instead, or nothing.
std::string parse(ConvertOptions& options, int argc, const char* const* argv) {
  FlagSet flags("Converts a data set: dlrm_data convert --to=NAME [--from=NAME] IN OUT",
                "dlrm_data (Hotrow) " HOTROW_VERSION);
  flags.group("Convert");
  options.input.add_flags(flags);
  flags.word("OUT", options.out, "File or folder to write; replaced if it is there");
  flags.text("--to", options.to, "Format of OUT");
  flags.boolean("--compress", options.sink.compress, "Where the format can be either");
  std::string info = flags.parse(argc, argv);
  if (!info.empty()) return info + format_list();
  require(!options.input.path.empty() && !options.out.empty(),
          "[IN OUT] is missing: got {}, expected what to read and what to write",
          options.input.path.empty() ? "neither" : "only one of both");
  options.sink.part = options.input.source.part;
  require(!options.to.empty(), "[--to] is missing: got no format, expected --to=NAME");
  return "";
}

// What the samples come from, so that a run that goes on notices a change.
std::string describe_source(const ConvertOptions& options, const Format& from,
                            const RowSource& source) {
  const std::string& schema_file = options.input.source.schema_file;
  nlohmann::json json = {{"inputs", describe_inputs(source.files())},
                         {"from", from.name},
                         {"part", options.input.source.part}};
  if (!schema_file.empty()) json["schema_file"] = describe_input(schema_file);
  // Names of files need not be UTF-8, JSON must be.
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

// All samples into the file; gives their number. An error says what it leaves behind.
template <class Show>
int64_t write_all(RowSink& sink, RowSource& source, Show&& show) {
  int64_t done = 0;
  try {
    for (Rows rows; source.next(rows, kBlockRows);) {
      show(done);
      sink.write(rows);
      done += rows.rows;
    }
    show(done);
    sink.finish();
  } catch (const DataError& error) {
    const std::string kept = sink.kept();
    if (kept.empty()) throw;
    throw DataError(fmt::format("{} (what is whole is kept in {}, where another run goes on)",
                                error.what(), kept));
  }
  return done;
}

}  // namespace

int run_convert(int argc, const char* const* argv) {
  ConvertOptions options;
  if (show_info(parse(options, argc, argv))) return 0;
  const Format& to = output_format(options.to);
  const Format& from = options.input.format();
  if (!to.parts) options.input.check_part(from);

  const std::atomic<bool>& stop = stop_on_signals();
  ProgressLine line;
  const auto check_stop = [&] {
    if (!stop) return;
    throw Interrupted(
        to.resumes ? "interrupted; the same command goes on where this one stopped"
                   : fmt::format("interrupted, nothing written: the same command begins anew, as "
                                 "--to={} cannot go on where it stopped",
                                 to.name));
  };
  const char* work = "checking";  // what a run before has left
  options.sink.progress = [&](double fraction) {
    check_stop();
    line.show(work, fraction, -1, "");
  };
  options.sink.say = [](std::string_view text) { fmt::print("{}\n", text); };
  const std::unique_ptr<RowSource> source = from.open(options.input.path, options.input.source);
  if (to.resumes) options.sink.source = describe_source(options, from, *source);
  const std::unique_ptr<RowSink> sink = to.create(options.out, source->schema(), options.sink);
  const size_t known_losses = sink->losses().size();
  print_losses(sink->losses());
  std::fflush(stdout);

  work = "finishing";
  const int64_t done = write_all(*sink, *source, [&](int64_t rows) {
    check_stop();
    line.show("converting", share_of(rows, source->num_rows()), rows, "rows");
  });
  print_losses(std::span(sink->losses()).subspan(known_losses));
  const std::string left_out = source->left_out();
  if (!left_out.empty()) std::printf("left out %s\n", left_out.c_str());
  std::printf("wrote %s as %s: %s rows of %zu numerical and %zu categorical columns in %.1f s\n",
              options.out.c_str(), std::string(to.name).c_str(), with_commas(done).c_str(),
              source->schema().num_dense(), source->schema().num_tables(), line.seconds());
  return 0;
}

}  // namespace hotrow
