#include "tools/data/encode.h"

#include <fmt/format.h>
#include <malloc.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <limits>
#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "data/encode/encode.h"
#include "data/encode/hashed_file.h"
#include "data/formats.h"
#include "data/text_schema.h"
#include "data/text_source.h"
#include "engine/topology.h"
#include "kernels/core/check.h"
#include "kernels/core/parallel.h"
#include "model/report_text.h"
#include "tools/cli/error_flags.h"
#include "tools/cli/flag_set.h"
#include "tools/cli/progress_line.h"
#include "tools/cli/run_main.h"
#include "tools/data/input.h"

namespace hotrow {
namespace {

constexpr int kMaxThreads = 1024;
constexpr int kOwnMapping = 1 << 20;   // bytes from which on a block is mapped alone
constexpr int64_t kMostIds = 1 << 20;  // of a field

struct EncodeOptions {
  std::vector<std::string> paths;  // IN... OUT
  std::string to = "native", convention = "hotrow", ids, min_frequency, max_memory = "2G";
  SourceOptions source;
  SinkOptions sink;
  EncodeConfig config;
  int64_t max_ids = 1;
  int num_threads = usable_cores();

  std::vector<std::string> inputs() const { return {paths.begin(), paths.end() - 1}; }
  const std::string& output() const { return paths.back(); }
};

void add_id_flags(FlagSet& flags, EncodeOptions& options) {
  flags.group("Row ids");
  flags.text(
      "--convention", options.convention,
      "hotrow (0 rare and unseen, from 1 by first occurrence), reference (from 0), nvidia (0 "
      "rare, from 1 by frequency), torchrec (0 unused, 1 rare, from 2)");
  flags.text("--ids", options.ids, "first, frequency or hash; default: the convention's");
  flags.integer("--hash-size", options.config.scheme.hash_rows,
                {1, std::numeric_limits<uint32_t>::max() - 1},
                "Rows of each table with --ids=hash");
  flags.text("--min-frequency", options.min_frequency,
             "K or K,COLUMN:K,...: rarer values share a row; default: the convention's (hotrow and "
             "reference 1, nvidia 15, torchrec 3)");
  flags.text("--vocabulary", options.config.vocabulary,
             "Take the ids of OUT.vocabulary of another run, as for test data");
  flags.choice<Transform>(
      "--dense", options.config.dense,
      {{"none", Transform::kNone}, {"log1p", Transform::kLog1p}, {"log3p", Transform::kLog3p}},
      "Transform of the numerical values that are written");
}

// Gives what --help or --version must print instead, or nothing.
std::string parse(EncodeOptions& options, int argc, const char* const* argv) {
  FlagSet flags(
      "Numbers the categorical values of text files and writes a data set:\n"
      "dlrm_data encode [flags] IN... OUT. Stopped or killed, the same command goes on.",
      "dlrm_data (Hotrow) " HOTROW_VERSION);
  flags.group("Files");
  flags.words("IN... OUT", options.paths, "Text files, plain or gzip, and what to write");
  flags.text("--to", options.to, "Format of OUT");
  add_part_flag(flags, options.sink.part);
  flags.text("--schema-file", options.source.schema_file,
             "Columns of the text (docs/schema.md); default: raw Criteo lines");
  flags.boolean("--compress", options.sink.compress, "Where the format can be either");
  flags.integer("--max-ids-per-field", options.max_ids, {1, kMostIds},
                "Values that a field of raw Criteo lines may hold, as a|b|c");
  add_error_flags(flags, options.source.errors);
  add_id_flags(flags, options);
  flags.group("Machine");
  flags.text("--max-memory", options.max_memory, "Bound on the memory taken: 256M, 2G, ...");
  flags.integer("--num-threads", options.num_threads, {1, kMaxThreads},
                "Threads; the output does not depend on them");
  const std::string info = flags.parse(argc, argv);
  if (!info.empty()) return info;
  require(options.paths.size() >= 2,
          "[IN... OUT] is missing: got {} paths, expected what to read and what to write",
          options.paths.size());
  std::vector<std::string> read = options.inputs();
  read.insert(read.end(), {options.config.vocabulary, options.source.schema_file});
  for (const std::string& path : read) {
    std::error_code missing;
    require(!std::filesystem::equivalent(path, options.output(), missing),
            "[IN... OUT] OUT would be lost: got '{}' to read and to write, expected another OUT",
            path);
  }
  require(options.source.schema_file.empty() || !flags.given("--max-ids-per-field"),
          "[--max-ids-per-field] does not go with --schema-file: got both, expected max_values in "
          "the schema");
  for (const char* name : {"--convention", "--ids", "--hash-size", "--min-frequency"}) {
    require(options.config.vocabulary.empty() || !flags.given(name),
            "[{}] does not go with --vocabulary: got both, expected one (the file says the ids)",
            name);
  }
  return "";
}

// "256M": bytes in powers of 1024.
int64_t parse_bytes(const std::string& text) {
  constexpr std::string_view kUnits = "KMGT";
  const size_t unit = text.empty() ? std::string_view::npos : kUnits.find(text.back());
  const bool plain = unit == std::string_view::npos;
  const int shift = plain ? 0 : 10 * static_cast<int>(unit + 1);
  return parse_integer("--max-memory", plain ? text : text.substr(0, text.size() - 1),
                       {1, std::numeric_limits<int64_t>::max() >> shift})
         << shift;
}

void complete_config(EncodeOptions& options, const Schema& schema, const Format& to) {
  EncodeConfig& config = options.config;
  config.output = options.output();
  config.max_memory = parse_bytes(options.max_memory);
  const int64_t hash_rows = config.scheme.hash_rows;
  config.scheme = id_convention(options.convention);
  config.scheme.hash_rows = hash_rows;
  if (!options.ids.empty()) config.scheme.order = parse_id_order(options.ids);
  require((config.scheme.order == IdOrder::kHash) == (hash_rows > 0),
          "[--hash-size] belongs to --ids=hash: got one without the other, expected both");
  require(
      options.sink.part == "train" || !config.vocabulary.empty() || hash_rows > 0,
      "[--part] {} with ids of its own: got no --vocabulary, expected that of the training data "
      "(or --ids=hash)",
      options.sink.part);
  config.min_frequency =
      parse_min_frequencies(options.min_frequency, schema, config.scheme.min_frequency);
  const std::string& file = options.source.schema_file;
  config.errors = options.source.errors;
  config.source_settings = fmt::format(R"({{"schema":"{:016x}","max_ids":{}}})",
                                       file.empty() ? 0 : facts_of(file).xxh3, options.max_ids);
  config.output_settings = fmt::format(R"({{"to":"{}","part":"{}","compress":{}}})", to.name,
                                       options.sink.part, options.sink.compress);
}

double text_megabytes(const std::vector<std::string>& files) {
  double bytes = 0;
  for (const std::string& file : files) {
    bytes += static_cast<double>(std::filesystem::file_size(file));
  }
  return bytes / 1e6;
}

// Shows how far the run is, and knows at the end what each stage took.
class Stages {
 public:
  Stages() : stop_(stop_on_signals()) {}

  void show(const EncodeStatus& status) {
    if (stop_) throw Interrupted("interrupted; the same command goes on where this one stopped");
    if (seconds_.empty() || seconds_.back().first != status.stage) {
      seconds_.emplace_back(status.stage, line_.seconds());
    }
    line_.show(status.stage, status.fraction, status.rows > 0 ? status.rows : -1, "rows");
  }

  double seconds() const { return line_.seconds(); }
  // "parse 9.8 s (245 MB/s), count 4.1 s, encode 3.9 s, write 6.0 s"
  std::string summary(double megabytes) const {
    std::string text;
    for (size_t i = 0; i < seconds_.size(); ++i) {
      const double end = i + 1 < seconds_.size() ? seconds_[i + 1].second : line_.seconds();
      const double took = end - seconds_[i].second;
      text += fmt::format("{}{} {:.1f} s", i == 0 ? "" : ", ", seconds_[i].first, took);
      if (seconds_[i].first == "parse" && took > 0) {
        text += fmt::format(" ({:.0f} MB/s)", megabytes / took);
      }
    }
    return text;
  }

 private:
  const std::atomic<bool>& stop_;
  ProgressLine line_;
  std::vector<std::pair<std::string, double>> seconds_;  // when each stage began
};

void print_result(const EncodeResult& result, const EncodeOptions& options, const Stages& stages) {
  if (result.was_there) {
    std::printf("%s is up to date: nothing to do (%s.manifest)\n", options.output().c_str(),
                options.output().c_str());
    return;
  }
  int64_t rows = 0;
  for (const CategoricalColumn& column : result.schema.categorical) rows += column.cardinality;
  print_losses(result.losses);
  if (!result.bad_lines.empty()) std::printf("%s\n", result.bad_lines.c_str());
  std::printf(
      "wrote %s as %s: %s rows of %zu numerical and %zu categorical columns, %s table rows in all\n"
      "its vocabulary: %s.vocabulary\n%s; %.1f s in all\n",
      options.output().c_str(), options.to.c_str(), with_commas(result.rows).c_str(),
      result.schema.num_dense(), result.schema.num_tables(), with_commas(rows).c_str(),
      options.output().c_str(), stages.summary(text_megabytes(options.inputs())).c_str(),
      stages.seconds());
}

}  // namespace

int run_encode(int argc, const char* const* argv) {
  EncodeOptions options;
  if (show_info(parse(options, argc, argv))) return 0;
  const Format& to = output_format(options.to);
  require_parts(to.parts, options.sink.part, to.name);
  set_num_threads(options.num_threads);
  // --max-memory is kept if a large block goes back to the system as soon as it is free, instead of
  // lying in the heap beside the next ones.
  mallopt(M_MMAP_THRESHOLD, kOwnMapping);
  TextSource source(criteo_or_schema_file(options.source.schema_file, options.max_ids),
                    options.inputs());
  complete_config(options, source.schema(), to);
  Stages stages;
  options.sink.progress = [&](double fraction) { stages.show({"finish", fraction}); };
  const EncodeResult result = encode(
      source, options.config,
      [&](const Schema& schema) { return to.create(options.output(), schema, options.sink); },
      [&](const EncodeStatus& status) { stages.show(status); });
  print_result(result, options, stages);
  return 0;
}

}  // namespace hotrow
